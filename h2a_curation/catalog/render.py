"""Answers of the catalog as people and programs read them: a table, CSV, JSON or Parquet."""

import io

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from h2a_curation.catalog.views import Catalog

MAX_ROWS_SHOWN = 200
"""A terminal shows so many rows of an answer; the other formats give all."""


def answer(catalog: Catalog, sql: str) -> pa.Table:
    """The answer to a user's query; a mistake in it is a ValueError in DuckDB's words."""
    try:
        result = catalog.connection.sql(sql)
    except duckdb.Error as wrong:
        raise ValueError(f"SQL: {wrong}") from wrong
    if result is None:
        raise ValueError("SQL: this statement gives no rows; ask with SELECT, FROM, SHOW or DESCRIBE")
    return result.to_arrow_table()


def as_bytes(table: pa.Table, form: str) -> bytes:
    """`table`, `csv`, `json` (a list of objects) or `parquet`."""
    if form == "table":
        return _as_text(table).encode()
    buffer = io.BytesIO()
    if form == "csv":
        pyarrow.csv.write_csv(_flat(table), buffer)
    elif form == "parquet":
        pq.write_table(table, buffer)
    else:
        buffer.write(table.to_pandas().to_json(orient="records", date_format="iso", force_ascii=False).encode() + b"\n")
    return buffer.getvalue()


def _as_text(table: pa.Table) -> str:
    shown = Table(*table.column_names, box=None)
    for row in table.slice(0, MAX_ROWS_SHOWN).to_pylist():
        shown.add_row(*(_cell(v) for v in row.values()))
    console = Console(file=io.StringIO(), width=None)
    with console.capture() as capture:
        console.print(shown)
        if table.num_rows > MAX_ROWS_SHOWN:
            console.print(f"... {table.num_rows - MAX_ROWS_SHOWN} more rows: add a LIMIT, or take --format csv")
    return capture.get()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _flat(table: pa.Table) -> pa.Table:
    """Lists and structs as text, which is all that CSV can hold."""
    columns = [
        pa.array([None if v is None else str(v) for v in column.to_pylist()])
        if pa.types.is_nested(column.type)
        else column
        for column in table.columns
    ]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))
