"""Files that are whole or absent: written aside on the same filesystem, synced to disk, then renamed into place."""

import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

SWEEP_AGE_S = 24 * 3600.0
"""What a killed writer left in `.tmp` is removed after a day: nobody writes one part for so long."""


@contextmanager
def written_aside(lake: Path) -> Iterator[Path]:
    """A folder on the lake's own filesystem for what is not finished; gone afterwards."""
    folder = lake / ".tmp" / uuid.uuid4().hex
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def synced(path: Path) -> Iterator[IO[bytes]]:
    """A new file to write to, on disk when the block ends; its folders are made where they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(lake: Path, older_than_s: float = SWEEP_AGE_S) -> None:
    """Remove what killed writers left behind; what a living one removes meanwhile is gone, which is as well."""
    for folder in (lake / ".tmp").glob("*"):
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > older_than_s:
                shutil.rmtree(folder, ignore_errors=True)
