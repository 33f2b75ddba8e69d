"""Text of others: of files, in UTF-8 or what a byte order mark says, and as a person may safely be shown it."""

import codecs
import re
from pathlib import Path

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNSEEN = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, DEL, C1: a terminal obeys them
    # What has no width, or turns the text after it round.
    "\xad\u034f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\ud800-\udfff]"  # bytes of a file's name that are no UTF-8
    "|(?<![^\0-\u02ff])[\u200c\u200d]"  # joiners, but those between letters that join and in emoji
)
"""What a reader does not see, or does not see where it stands."""


def visible(text: str) -> str:
    """The text with each character that is not seen as its escape; tabs, newlines and all letters stay.

    Captions, ids, addresses, names of files and errors come from others: a terminal would obey what they hold.

    >>> visible("a\\x1b[2Jb"), visible("exe\\u202e4pm.")
    ('a\\\\x1b[2Jb', 'exe\\\\u202e4pm.')
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def visible_json(text: str) -> str:
    """The same for JSON, by the escapes of its own: who reads it gets the text as it was."""
    return _UNSEEN.sub(lambda found: _in_units(found[0]), text)


def _in_units(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return f"\\u{units[:4]}" + (f"\\u{units[4:]}" if len(units) > 4 else "")


def encoding_of(start: bytes) -> str:
    """The encoding that the first bytes of a file tell: UTF-8 where they have no mark.

    >>> encoding_of("#yoga".encode("utf-16")), encoding_of(b"#yoga")
    ('utf-16', 'utf-8')
    """
    return next((encoding for mark, encoding in _MARKS if start.startswith(mark)), "utf-8")


def encoding_of_file(file: Path) -> str:
    """As `encoding_of`, of a file."""
    with file.open("rb") as opened:
        return encoding_of(opened.read(4))


def read_text(file: Path) -> str:
    """The whole text, its lines ending in one way; ValueError names the byte that is none, and what to do."""
    content = file.read_bytes()
    try:
        text = content.decode(encoding_of(content))
    except UnicodeDecodeError as error:
        raise not_text(file, error) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def not_text(file: Path, error: UnicodeDecodeError) -> ValueError:
    """What to say of a file that is no such text."""
    return ValueError(f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8")


_LONG_WORD = re.compile(r"\S{1001,}")
"""A path is hardly ever as long; what a line quotes of a stranger's file may have megabytes."""


def abridged(text: str) -> str:
    """The text with the middle of each word of more than 1,000 characters left out, for a line that quotes a stranger.

    >>> abridged("no class " + "9" * 5000)[:30], len(abridged("9" * 5000))
    ('no class 999999999999999999999', 401)
    """
    return _LONG_WORD.sub(lambda word: f"{word[0][:300]}\u2026{word[0][-100:]}", text)
