"""Read Parquet that others wrote: what would grow far beyond the file is refused before it is in memory.

A few bytes of Parquet can stand for millions of rows, or for one long text in each of them. So texts are read as
dictionaries, in which what repeats lies once, and are measured before they are spelt out.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_MOST_COLUMN_BYTES = 2**30
"""Bytes of one column in one row group, decompressed, as the file's own footer tells."""
_MOST_BATCH_BYTES = 2**28
"""Bytes of the rows of one batch, spelt out."""
_MOST_TABLE_BYTES = 2**30
"""Bytes of a table that is read whole, spelt out: a million rows of a kilobyte."""
_VALUE_BYTES = 50
"""What a value of Python's takes besides its letters."""
_BATCH_ROWS = 4096
_FAULTS = (pa.ArrowException, OSError, ValueError, KeyError)
"""What Arrow raises for damaged files."""


def batches(
    source: Path | bytes, where: str, columns: Sequence[str] | None = None, batch_rows: int = _BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Rows in batches, texts as dictionaries, so that a value which repeats is there once a batch.

    ValueError in one line, which begins with `where`, for a damaged file or one that grows beyond all measure.
    """
    first = 1
    for batch in _opened(source, where, columns, batch_rows):
        if sum(map(_spelt_bytes, batch.columns)) > _MOST_BATCH_BYTES:
            raise ValueError(
                f"{where}: rows {first} to {first + batch.num_rows - 1} would take more than"
                f" {_MOST_BATCH_BYTES // 2**20} MiB; take out what is not text of a post, or write smaller values"
            )
        yield batch
        first += batch.num_rows


def read(
    source: Path | bytes, where: str, *, columns: Sequence[str] | None = None, most_rows: int | None = None
) -> pa.Table:
    """A whole table, its texts as texts.

    ValueError as `batches`, and for a table of more rows than `most_rows`, or that would take more than a GiB.
    """
    schema, num_rows = schema_and_rows(source, where)
    if most_rows is not None and num_rows > most_rows:
        raise ValueError(f"{where}: {num_rows:,} rows, more than a file of its size can tell apart; it is damaged")
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns if name in schema.names])
    if num_rows * (len(wanted) or 1) > _MOST_TABLE_BYTES:
        raise ValueError(f"{where}: {num_rows:,} rows are more than is read at once")
    parts, num_bytes = [], 0
    for batch in batches(source, where, wanted.names):
        num_bytes += sum(map(_spelt_bytes, batch.columns))
        if num_bytes > _MOST_TABLE_BYTES:
            raise ValueError(f"{where}: its rows would take more than {_MOST_TABLE_BYTES // 2**20} MiB")
        parts.append(batch)
    if not parts:
        return wanted.empty_table()
    table = pa.Table.from_batches(parts)
    columns_as_told = [_as_told(column, field.type) for column, field in zip(table.columns, wanted, strict=True)]
    return pa.Table.from_arrays(columns_as_told, schema=wanted)


def _as_told(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """A column whose texts were dictionaries, in its own type."""
    if column.type == kind:
        return column
    try:
        return column.cast(kind)
    except pa.ArrowNotImplementedError:  # Arrow knows no way from a dictionary to some kinds of text, but from text
        return pa.chunked_array([pa.array(chunk.to_pylist(), kind) for chunk in column.chunks], kind)


def schema_and_rows(source: Path | bytes, where: str) -> tuple[pa.Schema, int]:
    """The columns and the number of rows that a file's footer tells; ValueError as `batches`."""
    try:
        with pq.ParquetFile(_readable(source), pre_buffer=False) as opened:
            return opened.schema_arrow, opened.metadata.num_rows
    except FileNotFoundError:
        raise
    except _FAULTS as broken:
        raise _damaged(where, broken) from None


def _opened(
    source: Path | bytes, where: str, columns: Sequence[str] | None, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(_readable(source), pre_buffer=False) as told:
            texts = [path for path in _leaves(told) if _is_wanted(path, columns)]
            _check_footer(told.metadata, where, columns)
        with pq.ParquetFile(_readable(source), pre_buffer=False, read_dictionary=texts) as opened:
            # In this thread: after Arrow's own threads have read from memory, a process that ends soon may abort
            # (pyarrow 26).
            yield from opened.iter_batches(batch_rows, columns=columns, use_threads=False)
    except (FileNotFoundError, _GrownError):
        raise
    except _FAULTS as broken:
        raise _damaged(where, broken) from None


class _GrownError(ValueError):
    """A column that is larger than what is read."""


def _check_footer(told: Any, where: str, columns: Sequence[str] | None) -> None:
    for group in (told.row_group(number) for number in range(told.num_row_groups)):
        for column in (group.column(number) for number in range(group.num_columns)):
            if _is_wanted(column.path_in_schema, columns) and column.total_uncompressed_size > _MOST_COLUMN_BYTES:
                raise _GrownError(
                    f"{where}: column {column.path_in_schema} unpacks to {column.total_uncompressed_size:,} bytes in"
                    " one row group; write it in smaller ones"
                )


def _is_wanted(path: str, columns: Sequence[str] | None) -> bool:
    return columns is None or path in columns or path.partition(".")[0] in columns


def _leaves(told: pq.ParquetFile) -> list[str]:
    """Paths of the columns of texts, those in lists too."""
    schema = told.schema
    leaves = [schema.column(number) for number in range(len(schema))]
    return [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]


def _spelt_bytes(column: pa.Array) -> int:
    """Bytes that the values take when each is spelt out."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        lengths = pc.binary_length(column.dictionary) if _is_text(kind.value_type) else None
        if lengths is None or not len(column.dictionary):
            return _VALUE_BYTES * len(column)
        each = pc.sum(pc.cast(lengths.take(column.indices), pa.int64())).as_py() or 0
        return int(each) + _VALUE_BYTES * len(column)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _spelt_bytes(column.flatten()) + _VALUE_BYTES * len(column)
    if pa.types.is_struct(kind):
        return sum(map(_spelt_bytes, column.flatten())) + _VALUE_BYTES * len(column)
    if pa.types.is_map(kind):
        return _spelt_bytes(column.keys) + _spelt_bytes(column.items) + _VALUE_BYTES * len(column)
    return int(column.nbytes)


def _is_text(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary))


def _readable(source: Path | bytes) -> Any:
    return source if isinstance(source, Path) else pa.BufferReader(source)


def _damaged(where: str, broken: BaseException) -> ValueError:
    said = " ".join(str(broken).split())
    return ValueError(f"{where}: not a Parquet file, or a damaged one ({said:.200})")
