"""One commit: a directory with one Parquet file a table, written aside and renamed into place."""

import errno
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SWEEP_AGE_S = 24 * 3600.0
"""What a killed writer left in `.tmp` is removed after a day: nobody writes one part for so long."""


def part_name(stage: str, fingerprint: str, keys: Iterable[str]) -> str:
    """The same work has the same name, whoever does it: never a class, a round or a worker."""
    return blake2b("\n".join([stage, fingerprint, *sorted(keys)]).encode(), digest_size=16).hexdigest()


def commit(lake: Path, stage: str, part: str, tables: Mapping[str, pa.Table]) -> bool:
    """Write one part, empty tables too. False when another worker was first: that is success as well."""
    return commit_folder(lake, lake / "parts" / stage / part, tables)


def commit_folder(
    lake: Path, target: Path, tables: Mapping[str, pa.Table], files: Mapping[str, bytes] | None = None
) -> bool:
    """Tables (and other small files) appear at `target` all at once, or not at all; False when it was there already."""
    with written_aside(lake) as unfinished:
        for name, table in tables.items():
            with (unfinished / f"{name}.parquet").open("wb") as file:
                pq.write_table(table, file, compression="zstd", **_plain_halves(table.schema))
                file.flush()
                os.fsync(file.fileno())
        for name, content in (files or {}).items():
            _write_synced(unfinished / name, content)
        fsync_folder(unfinished)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.rename(target)
        except OSError as taken:
            if taken.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return False
        fsync_folder(target.parent)
        return True


def _plain_halves(schema: pa.Schema) -> dict[str, list[str]]:
    """Vectors of 16-bit floats are written as they are: a dictionary of them makes reading three times slower."""
    others = [f.name for f in schema if f.type != pa.list_(pa.float16())]
    return {"use_dictionary": others, "write_statistics": others}


def replace_file(lake: Path, target: Path, content: bytes) -> None:
    """Replace one small file atomically: a reader sees the old content or the new."""
    with written_aside(lake) as unfinished:
        aside = unfinished / target.name
        _write_synced(aside, content)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside.rename(target)
        fsync_folder(target.parent)


def keep_file(file: Path, target: Path) -> None:
    """Move a finished file to its place, named by its content: what is there already is the same file."""
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    file.replace(target)
    fsync_folder(target.parent)


@contextmanager
def written_aside(lake: Path) -> Iterator[Path]:
    """A folder on the lake's own filesystem for what is not finished; gone afterwards."""
    folder = lake / ".tmp" / uuid.uuid4().hex
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(lake: Path, older_than_s: float = SWEEP_AGE_S) -> None:
    """Remove what killed writers left behind; what a living one removes meanwhile is gone, which is as well."""
    for folder in (lake / ".tmp").glob("*"):
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > older_than_s:
                shutil.rmtree(folder, ignore_errors=True)


def fsync_folder(folder: Path) -> None:
    """Make the folder's entries last through a power loss."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_synced(file: Path, content: bytes) -> None:
    with file.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
