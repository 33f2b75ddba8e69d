"""Hashtags as keys: one spelling for tags that platforms and people write in many ways."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import takewhile

_HASH_SIGNS = "#\uff03\ufe5f"
_RUN_OF_TAGS = re.compile(rf"(?<![\w&/])(?:[{_HASH_SIGNS}][^\s{_HASH_SIGNS}]+)+")
_TAG = re.compile(rf"[{_HASH_SIGNS}]([^{_HASH_SIGNS}]+)")
_JOINERS = "_\u200c\u200d"


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

    As on the platforms, a tag has a letter (`#1` is none) and does not start inside a word or an address.

    >>> in_text("Leg day! #Squat #GYM-time https://example.org/#top #1 #squat")
    ['squat', 'gym']
    """
    written = (tag for run in _RUN_OF_TAGS.findall(text) for tag in _TAG.findall(run))
    found = ("".join(takewhile(_is_tag_character, tag)) for tag in written)
    return unique(tag for tag in found if any(c.isalpha() for c in tag))


def unique(tags: Iterable[str]) -> list[str]:
    """Tags normalised, in order, each once; what normalises to nothing is left out."""
    return [tag for tag in dict.fromkeys(map(normalise, tags)) if tag]


def _is_tag_character(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character)[0] in "LNM"


def _fold(tag: str) -> str:
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold())
    kept = "".join(c for c in composed if _belongs(c))
    start = next((i for i, c in enumerate(kept) if unicodedata.category(c)[0] != "M"), len(kept))
    return unicodedata.normalize("NFC", kept[start:])


def _belongs(character: str) -> bool:
    """Letters, numbers and spacing or non-spacing marks; not enclosing marks and not emoji's variation selectors."""
    category = unicodedata.category(character)
    is_selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return (category[0] in "LN" or category in ("Mn", "Mc")) and not is_selector
