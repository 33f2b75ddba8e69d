"""Read CSV with a header that others wrote: each row by its columns' names, and faults in one line."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from h2a_curation.foundation.plain_text import read_text

Lines = Any
"""csv's reader, which has no name: an iterator of cells that knows its `line_num`."""
_UNSEEN = " \t\u00a0\u200b\u2060\ufeff"
"""What stands around a column's name without being seen."""
_MOST_COLUMNS = 1_000
_MOST_NAME_LETTERS = 200
_MOST_CELL_CHARACTERS = 16_000_000
"""Captions of a megabyte exist; Python's own limit is 131,072."""


def read(file: Path) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """The columns, and the rows, each with the line in which it ends and its cells by column; empty lines are left out.

    ValueError names file and line, at once or when the row is reached. What a row lacks at its end is empty.
    """
    csv.field_size_limit(_MOST_CELL_CHARACTERS)
    try:
        lines = csv.reader(io.StringIO(read_text(file), newline=""), strict=True, skipinitialspace=True)
    except (FileNotFoundError, IsADirectoryError) as missing:
        raise ValueError(f"{file}: there is no such file") from missing
    header = [name.strip(_UNSEEN) for name in next(_cells(file, lines), [])]
    if len(header) > _MOST_COLUMNS:
        raise ValueError(f"{file}:1: {len(header)} columns, and at most {_MOST_COLUMNS} are read")
    if long := next((name for name in header if len(name) > _MOST_NAME_LETTERS), None):
        raise ValueError(f"{file}:1: '{long[:40]}...' is too long for a column's name; begin with the header")
    return header, _rows(file, lines, header)


def _rows(file: Path, lines: Lines, header: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for cells in _cells(file, lines):
        if len(cells) > len(header):
            raise ValueError(
                f"{file}:{lines.line_num}: more cells than the header has columns;"
                " put quotes around what contains a ','"
            )
        padded = [*cells, *[""] * (len(header) - len(cells))]
        yield lines.line_num, dict(zip(header, padded, strict=True))


def _cells(file: Path, lines: Lines) -> Iterator[list[str]]:
    try:
        yield from filter(None, lines)
    except csv.Error as broken:
        raise ValueError(f"{file}:{lines.line_num}: not a CSV table: {broken}") from None
