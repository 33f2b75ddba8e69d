"""Text of files that other programs wrote: UTF-8, or what a byte order mark says."""

import codecs
from pathlib import Path

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


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
