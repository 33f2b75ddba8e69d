"""Hashtags as keys: one spelling for tags that platforms and people write in many ways."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import takewhile

_HASH_SIGNS = "#\uff03\ufe5f"
_NO_BLANKS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Scripts that are written without blanks: Thai, Lao, Burmese, Khmer, kana, Chinese characters, and Hangul."""
_RUN_OF_TAGS = re.compile(rf"(?<![^\W{_NO_BLANKS}])(?<![&/])(?:[{_HASH_SIGNS}][^\s{_HASH_SIGNS}]+)+")
_TAG = re.compile(rf"[{_HASH_SIGNS}]([^{_HASH_SIGNS}]+)")
_JOINERS = "_\u00b7\u05be\u05f3\u05f4\u0f0b\u0f0c\u3003\u301c\u309b\u309c\u30a0\u30fb\uff5e\ua67e"
"""Marks that stand within a tag, as twitter-text has them: `·` of Catalan, `〜` and `・` of Japanese, ..."""
_MAX_ADDRESS = 300
_ADDRESS = re.compile(r"\w:/\S*$")


def normalise(tag: str) -> str:
    """The key of a hashtag: compatibility forms folded, no case, only letters, digits and their vowel signs.

    Underscores, hyphens, punctuation, emoji and the leading `#` go, so that `#Ice_Skating` and `iceskating` are one.
    Letters of every script stay, with the combining marks that Indic and Thai words cannot be read without.
    Idempotent. Empty when nothing is left.

    >>> normalise("#Ice_Skating"), normalise("ＹＯＧＡ！")
    ('iceskating', 'yoga')
    """
    while (folded := _fold(tag)) != tag:
        tag = folded
    return tag


def in_text(text: str) -> list[str]:
    """The hashtags of a caption, normalised, in the order in which they stand, each once.

    As on the platforms, a tag has a letter (`#1` is none) and does not start inside a word or an address; but where
    words have no blanks between, it starts after one. What cannot be seen, such as marks of direction, ends no tag.

    >>> in_text("Leg day! #Squat #GYM-time https://example.org/#top #1 #squat")
    ['squat', 'gym']
    >>> in_text("今天练瑜伽#瑜伽#健身 #paral·lel")
    ['瑜伽', '健身', 'parallel']
    """
    runs = (run for run in _RUN_OF_TAGS.finditer(text) if not _is_in_address(text, run.start()))
    written = (tag for run in runs for tag in _TAG.findall(run[0]))
    found = ("".join(takewhile(_is_tag_character, tag)) for tag in written)
    return unique(tag for tag in found if any(c.isalpha() for c in tag))


def unique(tags: Iterable[str]) -> list[str]:
    """Tags normalised, in order, each once; what normalises to nothing is left out."""
    return [tag for tag in dict.fromkeys(map(normalise, tags)) if tag]


def _is_in_address(text: str, start: int) -> bool:
    return _ADDRESS.search(text, max(0, start - _MAX_ADDRESS), start) is not None


def _is_tag_character(character: str) -> bool:
    category = unicodedata.category(character)
    return character in _JOINERS or category[0] in "LNM" or category == "Cf"


def _fold(tag: str) -> str:
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold())
    composed = composed.replace("i\u0307", "i")  # the small letter of the dotted İ, which casefold gives a second dot
    kept = "".join(c for c in composed if _belongs(c))
    start = next((i for i, c in enumerate(kept) if unicodedata.category(c)[0] != "M"), len(kept))
    return unicodedata.normalize("NFC", kept[start:])


def _belongs(character: str) -> bool:
    """Letters, numbers and spacing or non-spacing marks; not enclosing marks and not emoji's variation selectors."""
    category = unicodedata.category(character)
    is_selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return (category[0] in "LN" or category in ("Mn", "Mc")) and not is_selector
