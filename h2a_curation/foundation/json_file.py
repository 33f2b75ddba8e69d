"""Read JSON that others wrote: bounded in bytes, values and nesting, and refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from h2a_curation.foundation.plain_text import encoding_of

_MOST_BYTES = 64 * 2**20
"""Something-Something V2's list to train on, the largest that we read as one text, has 40 MB."""
_MOST_VALUES = 2_000_000
"""Commas and opening brackets. That list has 1.2 million; six million lists in 18 MB take 20 s and 400 MB."""
_MOST_LEVELS = 100

Pairs = Callable[[list[tuple[str, Any]]], Any]


def read(file: Path) -> Any:
    """What a JSON file holds. ValueError names the file and says what is wrong; OSError where it cannot be opened."""
    with file.open("rb") as opened:
        content = opened.read(_MOST_BYTES + 1)
    try:
        return parse(content)
    except ValueError as refused:
        raise ValueError(f"{file}: {refused}") from refused


def read_object(file: Path) -> dict[str, Any]:
    """As `read`, of a file that must hold names with values."""
    content = read(file)
    if not isinstance(content, dict):
        raise ValueError(f"{file}: holds no values by name")
    return content


def parse(content: bytes | str, pairs: Pairs | None = None) -> Any:
    """What a text of JSON says; `pairs` makes the value of each object from its names and values.

    ValueError says in a few words, without the text's own name, what is wrong.
    """
    if len(content) > _MOST_BYTES:
        raise ValueError(f"more than {_MOST_BYTES // 2**20} MiB of JSON")
    text = content if isinstance(content, str) else _decoded(content)
    if sum(map(text.count, ",[{")) > _MOST_VALUES:
        raise ValueError(f"more than {_MOST_VALUES:,} values in one text of JSON")
    try:
        said = json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as broken:
        place = f"column {broken.colno}" if broken.lineno == 1 else f"line {broken.lineno}, column {broken.colno}"
        raise ValueError(f"not JSON ({broken.msg} at {place})") from None
    except RecursionError:
        raise ValueError(_too_deep()) from None
    except ValueError as refused:
        if "digits) for integer" not in str(refused):
            raise  # by `pairs`
        raise ValueError("a number of thousands of digits") from None
    if _is_too_deep(said):
        raise ValueError(_too_deep())
    return said


def _decoded(content: bytes) -> str:
    try:
        return content.decode(encoding_of(content))
    except UnicodeDecodeError as broken:
        raise ValueError(f"not UTF-8 at byte {broken.start}") from None


def _is_too_deep(said: Any) -> bool:
    """Whether programs that walk through it would run out of their stack."""
    level = [said]
    for _ in range(_MOST_LEVELS + 1):
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
        if not level:
            return False
    return True


def _too_deep() -> str:
    return f"lists stand in lists, more than {_MOST_LEVELS} deep"
