"""What every table's dataclass gives besides its fields: an Arrow schema, and rows to Arrow and back."""

import dataclasses
import types
import typing
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NewType, TypeVar

import pyarrow as pa

Float16 = NewType("Float16", float)
"""A float that is stored in 16 bits: vectors of length 1 lose less than 1e-3 of their cosine."""
UInt64 = NewType("UInt64", int)
"""An unsigned 64-bit pattern, such as a perceptual hash."""

T = TypeVar("T")

_ARROW: dict[Any, pa.DataType] = {
    str: pa.string(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    bytes: pa.binary(),
    datetime: pa.timestamp("us", tz="UTC"),
    Float16: pa.float16(),
    UInt64: pa.uint64(),
}


def arrow_schema(record: type) -> pa.Schema:
    """The Parquet schema of a table, read off its dataclass: `X | None` is nullable, `list[X]` a list."""
    hints = typing.get_type_hints(record)
    return pa.schema([_field(f.name, hints[f.name]) for f in dataclasses.fields(record)])


def to_arrow(record: type, rows: Iterable[Any]) -> pa.Table:
    """Rows (instances of `record`) as an Arrow table with the record's schema, also where there is none."""
    names = [f.name for f in dataclasses.fields(record)]
    rows = list(rows)
    schema = arrow_schema(record)
    columns = [pa.array([getattr(r, name) for r in rows], schema.field(name).type) for name in names]
    return pa.Table.from_arrays(columns, schema=schema)


def from_arrow(record: type[T], table: pa.Table) -> list[T]:
    """The rows of an Arrow table as instances of `record`; columns that it does not name are left out."""
    names = [f.name for f in dataclasses.fields(record)]  # type: ignore[arg-type]
    return [record(**row) for row in table.select(names).to_pylist()]


def _field(name: str, hint: Any) -> pa.Field:
    nullable = isinstance(hint, types.UnionType)
    if nullable:
        [hint] = [a for a in typing.get_args(hint) if a is not type(None)]
    if typing.get_origin(hint) is list:
        return pa.field(name, pa.list_(_ARROW[typing.get_args(hint)[0]]), nullable)
    return pa.field(name, _ARROW[hint], nullable)
