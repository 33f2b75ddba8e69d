"""Turn dataclasses of tables into Arrow: the schema of a table, rows to Arrow, and Arrow to rows."""

import dataclasses
import types
import typing
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NewType, TypeVar

import pyarrow as pa

Float16 = NewType("Float16", float)
"""A float that is stored in 16 bits, as in vectors of length 1: a cosine of two such vectors is off by less than
1e-3."""
Float32 = NewType("Float32", float)
"""A float of 32 bits, as models make them."""
UInt64 = NewType("UInt64", int)
"""An unsigned 64-bit pattern, such as a perceptual hash."""

T = TypeVar("T")

# Types of Python that a field may have. A type that is missing here is a KeyError when its table is first used.
_ARROW: dict[Any, pa.DataType] = {
    str: pa.string(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    bytes: pa.binary(),
    datetime: pa.timestamp("us", tz="UTC"),
    Float16: pa.float16(),
    Float32: pa.float32(),
    UInt64: pa.uint64(),
}


def arrow_schema(record: type) -> pa.Schema:
    """Schema of a table, which follows from its dataclass: `X | None` is nullable, `list[X]` is a list."""
    hints = typing.get_type_hints(record)
    return pa.schema([_field(f.name, hints[f.name]) for f in dataclasses.fields(record)])


def to_arrow(record: type, rows: Iterable[Any]) -> pa.Table:
    """Rows (instances of `record`) as an Arrow table. It has the record's schema even if there is no row."""
    names = [f.name for f in dataclasses.fields(record)]
    rows = list(rows)
    schema = arrow_schema(record)
    columns = [pa.array([getattr(r, name) for r in rows], schema.field(name).type) for name in names]
    return pa.Table.from_arrays(columns, schema=schema)


def from_arrow(record: type[T], table: pa.Table) -> list[T]:
    """Rows of an Arrow table as instances of `record`; columns that `record` has no field for are left out."""
    names = [f.name for f in dataclasses.fields(record)]  # type: ignore[arg-type]
    return [record(**row) for row in table.select(names).to_pylist()]


def _field(name: str, hint: Any) -> pa.Field:
    nullable = isinstance(hint, types.UnionType)
    if nullable:
        [hint] = [a for a in typing.get_args(hint) if a is not type(None)]
    if typing.get_origin(hint) is list:
        return pa.field(name, pa.list_(_ARROW[typing.get_args(hint)[0]]), nullable)
    return pa.field(name, _ARROW[hint], nullable)
