"""Answers of the catalog as people and programs read them: a table, CSV, JSON or Parquet."""

import io
import json
import math
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from rich.table import Table

from h2a_curation.catalog.views import Catalog
from h2a_curation.foundation.csv_text import csv_text
from h2a_curation.foundation.plain_text import visible_json
from h2a_curation.foundation.screen import screen

MAX_ROWS_SHOWN = 200
"""A terminal shows so many rows of an answer; the other formats give all."""
_MAX_ITEMS_SHOWN = 8
"""A table shows so many items of a list, such as a vector; the other formats give all."""
_AS_NEEDED = 1_000_000
"""Columns of a page that nothing has to fit."""


def answer(catalog: Catalog, sql: str) -> pa.Table:
    """The answer to one question of a user. A mistake, and a statement that might change the lake, is a ValueError."""
    try:
        statements = catalog.connection.extract_statements(sql)
        if [s.type for s in statements] != [duckdb.StatementType.SELECT]:
            raise ValueError("SQL: one question at a time, which begins with SELECT, FROM, WITH, SHOW or DESCRIBE")
        catalog.tell(sql)
        try:
            table = catalog.connection.sql(sql).to_arrow_table()
        except duckdb.CatalogException:  # a name that is unknown: with every view made, DuckDB says which name is near
            catalog.tell("SHOW TABLES")
            table = catalog.connection.sql(sql).to_arrow_table()
    except duckdb.Error as wrong:
        raise ValueError(f"SQL: {wrong}") from wrong
    return table.rename_columns(_distinct(table.column_names))


def as_bytes(table: pa.Table, form: str, width: int | None = None) -> bytes:
    """`table`, `csv`, `json` (a list of objects) or `parquet`; a table wraps at `width` columns, or never."""
    if form == "table":
        return _as_text(table, width or _AS_NEEDED).encode()
    if form == "parquet":
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        return buffer.getvalue()
    rows = [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()]
    if form == "json":
        return f"{visible_json(json.dumps(rows, ensure_ascii=False))}\n".encode("utf-8", "surrogatepass")
    return csv_text([table.column_names, *([_cell(value) for value in row.values()] for row in rows)]).encode()


def _as_text(table: pa.Table, width: int) -> str:
    shown = Table(box=None)
    for name in table.column_names:
        shown.add_column(name, overflow="fold")
    for row in table.slice(0, MAX_ROWS_SHOWN).to_pylist():
        shown.add_row(*(_short(value) for value in row.values()))
    console = screen(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(shown)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    if table.num_rows > MAX_ROWS_SHOWN:
        lines.append(f"... {table.num_rows - MAX_ROWS_SHOWN} more rows: add a LIMIT, or take --format csv")
    return "\n".join(lines) + "\n"


def _short(value: Any) -> str:
    """One cell of a table for people."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        more = [] if len(value) <= _MAX_ITEMS_SHOWN else [f"... {len(value)} in all"]
        return "[" + ", ".join([*map(_short, value[:_MAX_ITEMS_SHOWN]), *more]) + "]"
    return str(_cell(_plain(value)))


def _cell(value: Any) -> Any:
    """A plain value as CSV can hold it: lists and objects as JSON."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict | bool) else value


def _plain(value: Any) -> Any:
    """What JSON can hold: NaN and infinity are null there, times are ISO 8601."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):  # also sums of integers
        return int(value) if value.as_tuple().exponent == 0 else float(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _distinct(names: list[str]) -> list[str]:
    """SQL may give one name to two columns, which no object and no Parquet file can hold."""
    distinct: list[str] = []
    for name in names:
        again = 1
        while (unused := name if again == 1 else f"{name}_{again}") in distinct:
            again += 1
        distinct.append(unused)
    return distinct
