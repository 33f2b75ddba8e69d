"""One commit: a directory with one Parquet file a table, written aside and renamed into place."""

import errno
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from h2a_curation.foundation.atomic_files import keep, synced
from h2a_curation.lake import layout
from h2a_curation.lake.files import written_aside


def part_name(stage: str, fingerprint: str, keys: Iterable[str]) -> str:
    """The same work has the same name, whoever does it: never a class, a round or a worker."""
    return blake2b("\n".join([stage, fingerprint, *sorted(keys)]).encode(), digest_size=16).hexdigest()


def commit(lake: Path, stage: str, part: str, tables: Mapping[str, pa.Table]) -> bool:
    """Write one part, empty tables too. False when another worker was first: that is success as well."""
    return commit_folder(lake, lake / layout.part(stage, part), tables)


def commit_folder(
    lake: Path, target: Path, tables: Mapping[str, pa.Table], files: Mapping[str, bytes] | None = None
) -> bool:
    """Tables (and other small files) appear at `target` all at once, or not at all; False when it was there already."""
    with written_aside(lake) as unfinished:
        for name, table in tables.items():
            with synced(unfinished / layout.table(name)) as file:
                pq.write_table(table, file, compression="zstd", **_plain_halves(table.schema))
        for name, content in (files or {}).items():
            with synced(unfinished / name) as file:
                file.write(content)
        try:
            keep(lake, unfinished, target)
        except OSError as taken:
            if taken.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return False
        return True


def _plain_halves(schema: pa.Schema) -> dict[str, list[str]]:
    """Vectors of 16-bit floats are written as they are: a dictionary of them makes reading three times slower."""
    others = [f.name for f in schema if f.type != pa.list_(pa.float16())]
    return {"use_dictionary": others, "write_statistics": others}
