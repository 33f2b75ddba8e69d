"""Tables that grow while work goes on: parts beside the finished files, which they become at the end."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from h2a_curation.foundation import parquet_file
from h2a_curation.foundation.atomic_files import remove, replaced

_PARTS = "parts"


class Parts:
    """The tables of a folder, as one of several processes writes to them."""

    def __init__(self, out: Path, rank: int = 0) -> None:
        self.out = out
        self._rank = rank
        self._folder = out / _PARTS
        self._next = 1 + max((int(path.name.split("-")[0]) for path in self._folder.glob("*-*.parquet")), default=0)

    def files(self, name: str) -> list[Path]:
        """The finished file of a table, if there is one, and then its parts in the order of their numbers."""
        return [file for file in (self.out / name, *sorted(self._folder.glob(f"*.{name}"))) if file.is_file()]

    def add(self, tables: Sequence[tuple[str, pa.Table]]) -> None:
        """Write a part of each of these tables to stay, in this order."""
        for name, table in tables:
            self.write(self._folder / f"{self._next:06d}-{self._rank}.{name}", table)
        self._next += 1

    def write(self, target: Path, table: pa.Table) -> None:
        """Write a file, whole or not at all."""
        with replaced(self.out, target) as file:
            pq.write_table(table, file)

    def remove(self) -> None:
        """Remove the parts, once all that they hold lies in finished files."""
        remove(self.out, self._folder)


def read_table(file: Path, schema: pa.Schema) -> pa.Table:
    """The columns of a table; ValueError where the file is damaged."""
    try:
        found = parquet_file.read(file, str(file), columns=schema.names)
        columns = [
            found[f.name].cast(f.type) if f.name in found.column_names else pa.nulls(len(found), f.type) for f in schema
        ]
        return pa.Table.from_arrays(columns, schema=schema)
    except (pa.ArrowException, ValueError, OSError) as broken:
        raise ValueError(f"{file} is damaged: choose another --out, or remove this folder") from broken
