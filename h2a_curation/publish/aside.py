"""Files that are whole or absent: written aside on the same filesystem, fsynced, then renamed into place."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO


def aside(lake: Path) -> Path:
    """A fresh path in the lake's `.tmp`, which is swept of what a killed process left there."""
    folder = lake / ".tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / uuid.uuid4().hex


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


def file_sha256(path: Path) -> str:
    """Hex digest of a file's bytes, in constant memory."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
