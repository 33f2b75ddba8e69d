"""Rows of a user's table, whatever its format, each with its place in the file."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from h2a_curation.foundation import json_file, parquet_file
from h2a_curation.foundation.csv_text import cell_text
from h2a_curation.foundation.plain_text import encoding_of_file, not_text, read_text

MAX_ROWS = 2_000_000
"""A build keeps what it knows of each post of a table in memory, about a kilobyte; the largest lists of videos for
training that are published as one file have a million rows or fewer."""
_MAX_CELL_CHARACTERS = 16_000_000
"""Captions of a megabyte exist; Python's own limit is 131,072."""
_MOST_NAME_LETTERS = 200
_UNSEEN = " \t\u00a0\u200b\u2060\ufeff"
"""What stands around a column's name without being seen."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row by the file's own column names."""

    place: str
    """`line 3`, from 1; of Parquet, which has no lines, `row 3`."""
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """A table that can be read: what its columns are called, and its rows one by one."""

    columns: list[str]
    """Names in the file's order, without blanks around; one that stands twice is here twice."""
    read: Callable[[Sequence[str]], Iterator[Row]]
    """`read(columns)` gives the rows with at least these columns; ValueError names file and line of what it cannot."""


def open_rows(file: Path) -> Rows:
    """The table in this file; ValueError where it cannot be read or has no row."""
    if not file.is_file():
        raise ValueError(f"{file}: there is no such file")
    openers = {".csv": _csv, ".tsv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet}
    opener = openers.get(file.suffix.lower())
    if opener is None:
        raise ValueError(f"{file}: the format is told by the ending; known are {' '.join(openers)}")
    opened = opener(file)
    if long := next((name for name in opened.columns if len(name) > _MOST_NAME_LETTERS), None):
        raise ValueError(f"{file}: '{long[:40]}...' is too long for a column's name; begin with the header")
    return Rows(opened.columns, lambda columns: _counted(file, opened.read(columns)))


def _counted(file: Path, rows: Iterator[Row]) -> Iterator[Row]:
    count = 0
    for count, row in enumerate(rows, start=1):
        if count > MAX_ROWS:
            raise _too_many(file, f"more than {MAX_ROWS}")
        yield row
    if not count:
        raise _no_rows(file)


def _no_rows(file: Path) -> ValueError:
    return ValueError(f"{file}: no rows; a table of posts has a header and a line for each post")


def _too_many(file: Path, num_rows: str) -> ValueError:
    return ValueError(
        f"{file}: {num_rows} rows, and at most {MAX_ROWS} are read; remove those that repeat a post, or split the"
        " table and build one part after the other into one lake"
    )


def _csv(file: Path) -> Rows:
    """Comma or tab by the ending; a semicolon or a tab where the header has no comma, as spreadsheets write it."""
    csv.field_size_limit(_MAX_CELL_CHARACTERS)
    encoding = encoding_of_file(file)
    delimiter = "\t" if file.suffix.lower() == ".tsv" else _delimiter(file, encoding)
    _, header = next(_lines(file, encoding, delimiter), (0, None))
    if header is None:
        raise _no_rows(file)
    columns = [name.strip(_UNSEEN) for name in header]

    def read(_columns: Sequence[str]) -> Iterator[Row]:
        for line, cells in islice(_lines(file, encoding, delimiter), 1, None):
            if len(cells) > len(columns):
                raise ValueError(
                    f"{file}, line {line}: more cells than the header has columns;"
                    f" put quotes around what contains a {delimiter!r}"
                )
            yield Row(f"line {line}", dict(zip(columns, map(cell_text, cells), strict=False)))

    return Rows(columns, read)


def _lines(file: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row that has any, and the line in which it ends."""
    with file.open(encoding=encoding, newline="") as opened:
        lines = csv.reader(opened, delimiter=delimiter, strict=True, skipinitialspace=True)
        last = 0
        try:
            for cells in filter(None, lines):
                last = lines.line_num
                yield last, cells
        except csv.Error as error:
            raise ValueError(f"{file}, line {last + 1}: {error}") from None
        except UnicodeDecodeError as error:
            raise not_text(file, error) from None


def _delimiter(file: Path, encoding: str) -> str:
    try:
        with file.open(encoding=encoding) as opened:
            header = next((line for line in opened if line.strip()), "")
    except UnicodeDecodeError as error:
        raise not_text(file, error) from None
    return next((mark for mark in ",;\t" if mark in header), ",")


def _jsonl(file: Path) -> Rows:
    rows = list(_objects(file))
    return Rows(list(dict.fromkeys(name for row in rows for name in row.values)), lambda _: iter(rows))


def _objects(file: Path) -> Iterator[Row]:
    for line, text in enumerate(read_text(file).split("\n"), start=1):
        if not text.strip():
            continue
        where = f"{file}, line {line}"
        try:
            values = json_file.parse(text, _once)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        if not isinstance(values, dict):
            raise ValueError(f"{where}: each line must be one JSON object")
        yield Row(f"line {line}", {name.strip(_UNSEEN): value for name, value in values.items()})


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """As JSON's own, which silently keeps the last of two values of one name."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} stands twice in one object; keep one")
    return found


def _parquet(file: Path) -> Rows:
    schema, num_rows = parquet_file.schema_and_rows(file, str(file))
    if num_rows > MAX_ROWS:
        raise _too_many(file, str(num_rows))
    named = {name.strip(_UNSEEN): name for name in schema.names}

    def read(columns: Sequence[str]) -> Iterator[Row]:
        wanted = {ours: named[ours] for ours in columns}
        first = 1
        for batch in parquet_file.batches(file, str(file), list(wanted.values())):
            cells = {ours: _values(batch.column(theirs)) for ours, theirs in wanted.items()}
            for n in range(batch.num_rows):
                yield Row(f"row {first + n}", {ours: values[n] for ours, values in cells.items()})
            first += batch.num_rows

    return Rows([name.strip(_UNSEEN) for name in schema.names], read)


def _values(column: pa.Array) -> list[Any]:
    if not pa.types.is_dictionary(column.type):
        values: list[Any] = column.to_pylist()
        return values
    each = column.dictionary.to_pylist()
    return [None if place is None else each[place] for place in column.indices.to_pylist()]
