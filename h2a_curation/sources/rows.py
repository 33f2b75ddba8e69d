"""Rows of a user's table, whatever its format, each with its place in the file."""

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyarrow import ArrowException

_MAX_CELL_CHARACTERS = 16_000_000
"""Captions of a megabyte exist; Python's own limit is 131,072."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row by the file's own column names."""

    line: int
    """From 1; of Parquet, the row's number."""
    values: dict[str, Any]


def read_rows(file: Path) -> list[Row]:
    """All rows; ValueError that names file and line for what cannot be read."""
    if not file.is_file():
        raise ValueError(f"{file}: there is no such file")
    readers = {".csv": _csv, ".tsv": _tsv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise ValueError(f"{file}: the format is told by the ending; known are {' '.join(readers)}")
    try:
        rows = reader(file)
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    if not rows:
        raise ValueError(f"{file}: no rows; a table of posts has a header and a line for each post")
    return rows


def is_empty(value: Any) -> bool:
    """Whether a cell says nothing: missing, blank, or not a number."""
    return (
        value is None
        or (isinstance(value, str) and not value.strip())
        or (isinstance(value, float) and math.isnan(value))
    )


def _csv(file: Path, delimiter: str = ",") -> list[Row]:
    csv.field_size_limit(_MAX_CELL_CHARACTERS)
    with file.open(encoding="utf-8-sig", newline="") as opened:
        reader = csv.DictReader(opened, delimiter=delimiter, strict=True)
        rows: list[Row] = []
        try:
            for values in reader:
                if None in values:
                    raise ValueError(
                        f"{file}, line {reader.line_num}: more cells than the header has columns;"
                        f" put quotes around what contains a {delimiter!r}"
                    )
                rows.append(Row(reader.line_num, values))
        except csv.Error as error:
            raise ValueError(f"{file}, line {reader.line_num + 1}: {error}") from None
    return rows


def _tsv(file: Path) -> list[Row]:
    return _csv(file, "\t")


def _jsonl(file: Path) -> list[Row]:
    rows = []
    for line, text in enumerate(file.read_text(encoding="utf-8-sig").split("\n"), start=1):
        if not text.strip():
            continue
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"{file}, line {line}: not JSON ({error.msg} at column {error.colno})") from None
        if not isinstance(values, dict):
            raise ValueError(f"{file}, line {line}: each line must be one JSON object")
        rows.append(Row(line, values))
    return rows


def _parquet(file: Path) -> list[Row]:
    try:
        table = pq.read_table(file)
    except (ArrowException, OSError) as error:
        raise ValueError(f"{file}: not a Parquet file ({error})") from None
    return [Row(number, values) for number, values in enumerate(table.to_pylist(), start=1)]
