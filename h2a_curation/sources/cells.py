"""What one cell of a user's table says: nothing, text, tags, a number, a moment.

A cell that can mean none of what its column holds is a ValueError, whose text follows on the column's name.
"""

import ast
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from h2a_curation.foundation import json_file

_MISSING = frozenset(
    ("", "-", "--", "–", "—", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "undefined", r"\n")
)
"""Words with which programs fill a cell that has no value, without case."""
_NOBODY = frozenset({"unknown", "anonymous", "deleted", "[deleted]", "?"})
"""Words with which programs fill a creator's cell where the creator is not known."""
_NAME_KEYS = ("name", "hashtag_name", "hashtagName", "hashtag", "tag", "text", "title", "label")
"""Keys of an object that stands for a tag, as the sites' own answers have them; the first with text counts."""
_BETWEEN = r",;|，、；｜،؛"
_BETWEEN_TAGS = re.compile(rf"[\s#＃﹟{_BETWEEN}\[\](){{}}\"'/]+")
_BETWEEN_CLASSES = re.compile(rf"[{_BETWEEN}\n]+")
_NO_LONGER_A_LIST = re.compile(r"""\\|[{\[]\s*["']?\w+["']?\s*:""")
"""An escape or a key, in text that cannot be read as the list that it was."""
_EXPONENT = re.compile(r"\d+(?:[.,]\d+)?[eE]\+?\d+")
_NUMPYS_LIST = re.compile(r"(['\"])\s+\1")
"""Between two texts that NumPy prints, and that Python would take for one."""
_MAX_SHOWN = 60
_EXACT = 2**53
"""Whole numbers from here on have lost digits in a float."""
_MAX_LITERAL = 100_000
"""Characters up to which text is tried as a Python list: its parser needs much memory for more."""


def is_missing(value: Any) -> bool:
    """Whether a cell says nothing: blank, not a number, or a word that programs write for that.

    >>> [value for value in ("N/A", " null ", float("nan"), None, "-", "0", "nano", 0) if not is_missing(value)]
    ['0', 'nano', 0]
    """
    if isinstance(value, str):
        return value.strip().casefold() in _MISSING
    return value is None or (isinstance(value, float) and math.isnan(value))


def text(value: Any) -> str | None:
    """Text or a number as text; bytes as UTF-8, as older programs write text into Parquet."""
    return None if is_missing(value) else _text(value)


def creator(value: Any) -> str | None:
    """As `text`; None also for what stands for any creator that is not known.

    >>> creator("Unknown"), creator("N/A"), creator(" jane "), creator(7)
    (None, None, 'jane', '7')
    """
    name = (text(value) or "").strip()
    return name if name and name.casefold() not in _NOBODY else None


def own_id(value: Any) -> str | None:
    """An id as text; a number that has lost digits is refused, since it names another post."""
    if (isinstance(value, float) and abs(value) >= _EXACT) or (isinstance(value, str) and _EXPONENT.fullmatch(value)):
        raise ValueError(f"is {_shown(value)}, a number that has lost digits; save ids as text")
    return text(value)


def tags(value: Any) -> list[str]:
    """From a list of texts or of objects with a name, from JSON's or Python's text of one, or from text with `#`,
    blanks, or a mark such as `|` and `、` between the tags.

    >>> tags('["yoga", null]'), tags([{"id": "1", "name": "yoga"}]), tags("深蹲，瑜伽、健身"), tags("#a#b c|d")
    (['yoga'], ['yoga'], ['深蹲', '瑜伽', '健身'], ['a', 'b', 'c', 'd'])
    """
    return _listed(value, _BETWEEN_TAGS, "a list of hashtags, or text with commas between")


def classes(value: Any) -> list[str]:
    """As `tags`, of classes, whose names may have blanks.

    >>> classes("Clean and Jerk"), classes("yoga|squat"), classes(["yoga", "squat"])
    (['Clean and Jerk'], ['yoga', 'squat'], ['yoga', 'squat'])
    """
    return _listed(value, _BETWEEN_CLASSES, "a class, or a list of classes")


def number(value: Any) -> float | None:
    """A finite number. The word `nan` is none: whoever wrote it computed something that failed."""
    if is_missing(value) and str(value).strip().casefold() != "nan":
        return None
    if isinstance(value, float) and math.isnan(value):
        return None  # NumPy's and pandas' missing value
    if isinstance(value, bytes):
        value = _text(value)
    try:
        found = float("no" if isinstance(value, bool) else value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"is {_shown(value)}; give a number") from None
    if not math.isfinite(found):
        raise ValueError(f"is {_shown(value)}; give a finite number, or leave it empty")
    return found


def moment(value: Any) -> datetime | None:
    """From ISO 8601 (without a zone: UTC), seconds since 1970, or a Parquet timestamp."""
    if is_missing(value):
        return None
    try:
        said = _text(value) if isinstance(value, bytes) else str(value)  # a Parquet date is spelt as ISO has it
        found = value if isinstance(value, datetime) else _parsed(said.strip())
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"is {_shown(value)}; give a date such as 2026-05-31T12:00:00Z") from None


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise ValueError(f"is bytes that are no text ({_shown(value)}); write text") from None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"is {_shown(value)}; give text")
    return str(value)


def _parsed(said: str) -> datetime:
    whole = said.partition(".")[0]
    is_seconds = whole.isdecimal() and len(whole) > len("20260531")
    return datetime.fromtimestamp(float(said), UTC) if is_seconds else datetime.fromisoformat(said)


def _listed(value: Any, between: re.Pattern[str], wanted: str) -> list[str]:
    refusal = ValueError(f"is {_shown(value)}; give {wanted}")
    if is_missing(value):
        return []
    if isinstance(value, bytes):
        value = _text(value)
    if isinstance(value, str):
        value = _unpacked(value)
    if isinstance(value, str):
        if _NO_LONGER_A_LIST.search(value):
            raise refusal
        return [part.strip() for part in between.split(value) if not is_missing(part)]
    try:
        return list(_items(value if isinstance(value, list | tuple) else [value]))
    except TypeError:
        raise refusal from None


def _items(values: list[Any] | tuple[Any, ...]) -> Iterator[str]:
    """Text of each item that has any; TypeError for one that can be none."""
    for value in values:
        if is_missing(value):
            continue
        if isinstance(value, dict):
            yield _name(value)
        elif isinstance(value, str | bytes) or (isinstance(value, int) and not isinstance(value, bool)):
            yield _text(value)
        else:
            raise TypeError(value)


def _name(thing: dict[str, Any]) -> str:
    names = (thing.get(key) for key in _NAME_KEYS)
    found = next((name for name in names if isinstance(name, str) and not is_missing(name)), None)
    if found is None:
        raise TypeError(thing)
    return found


def _unpacked(said: str) -> Any:
    """What the text of a list or an object stands for; the text itself where it is neither."""
    stripped = said.strip()
    if stripped[:1] not in ("[", "{", "(", '"'):
        return said
    try:
        found = json_file.parse(stripped)
        return _unpacked(found) if isinstance(found, str) and found != said else found
    except ValueError:
        pass
    if len(stripped) > _MAX_LITERAL or _NUMPYS_LIST.search(stripped):
        return said
    try:
        found = ast.literal_eval(stripped)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return said
    return sorted(found) if isinstance(found, set) and all(isinstance(one, str) for one in found) else found


def _shown(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= _MAX_SHOWN else said[: _MAX_SHOWN - 3] + "..."
