"""Files that are whole or absent, and the one place that removes, renames and makes folders below a root.

A lake, a run's folder or a cache may have come from somebody else. So whatever is written or removed lies really inside
the given root: each folder on the way is opened by its handle, without following a link, and the last step is made
relative to that handle. No check of a path that another process could exchange meanwhile is relied upon.
"""

import os
import re
import shutil
import stat
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

SWEEP_AGE_S = 24 * 3600.0
"""What a killed writer left in `.tmp` is removed after a day: nobody writes one part for so long."""

_MISLEADS = "this lake or manifest is damaged or was made to mislead; do not use it"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Means nothing but itself to a file system, a glob, a shell's option and an address of fsspec (`::`, `%2e`, `?`)."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def plain_name(name: object, what: str) -> str:
    """A name from a lake, a manifest or a row that becomes part of a path: letters, digits, dots, dashes, underscores.

    `what` says for the reader who names what, as in "manifest.json names a shard". ValueError for any other name.

    >>> plain_name("train-0a.tar", "manifest.json names a shard")
    'train-0a.tar'
    """
    if not isinstance(name, str) or not _PLAIN.fullmatch(name):
        raise ValueError(f"{what} {_shown(name)}, which is no plain file name: {_MISLEADS}")
    return name


def sha256_name(name: object, what: str) -> str:
    """As `plain_name`, for what is named by the sha256 of its bytes: files, clips, cached shards."""
    if not isinstance(name, str) or not re.fullmatch("[0-9a-f]{64}", name):
        raise ValueError(f"{what} {_shown(name)}, which is no sha256: {_MISLEADS}")
    return name


@contextmanager
def written_aside(lake: Path) -> Iterator[Path]:
    """A folder on the lake's own filesystem for what is not finished; gone afterwards."""
    folder = lake / ".tmp" / uuid.uuid4().hex
    make_folder(lake, folder)
    try:
        yield folder
    finally:
        with suppress(OSError):
            remove(lake, folder)


@contextmanager
def scratch(folder: Path | None = None, prefix: str = "h2a-") -> Iterator[Path]:
    """A new folder inside `folder` (default: the machine's own for such), which is gone afterwards with all in it."""
    root = Path(tempfile.gettempdir() if folder is None else folder)
    made = Path(tempfile.mkdtemp(dir=root, prefix=prefix))
    try:
        yield made
    finally:
        with suppress(OSError):
            remove(root, made)


@contextmanager
def synced(path: Path) -> Iterator[IO[bytes]]:
    """A new file to write to, on disk when the block ends; its folders are made where they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replaced(root: Path, target: Path) -> Iterator[IO[bytes]]:
    """A new file to write to, which takes the place of `target` below `root` when the block ends without a fault.

    A reader sees the old file or the whole new one. A link at `target` is replaced, and what it leads to is left alone.
    """
    make_folder(root, target.parent)
    unfinished = target.with_name(f".{target.name}.tmp")
    remove(root, unfinished)  # what a killed writer left, and a link that somebody put there
    try:
        with synced(unfinished) as file:
            yield file
        move(root, unfinished, target)
        sync_folder(target.parent)
    finally:
        with suppress(OSError):
            remove(root, unfinished)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(lake: Path, older_than_s: float = SWEEP_AGE_S) -> None:
    """Remove what killed writers left behind; what a living one removes meanwhile is gone, which is as well."""
    with suppress(FileNotFoundError), _opened(lake, lake / ".tmp") as handle:
        for name in [entry.name for entry in os.scandir(handle)]:
            with suppress(OSError):
                if time.time() - os.stat(name, dir_fd=handle, follow_symlinks=False).st_mtime > older_than_s:
                    _remove(name, handle)


def make_folder(root: Path, folder: Path) -> None:
    """Make a folder below `root`, and those that are missing on the way. ValueError where a link leads elsewhere."""
    with _opened(root, folder, make=True):
        pass


def remove(root: Path, path: Path) -> None:
    """Remove a file, or a folder with all in it, that lies below `root`; a link is removed, not what it leads to.

    Nothing happens where nothing is. ValueError where a link on the way leads elsewhere: then nothing is removed.
    """
    name = _parts(root, path, "removed")[-1]
    with suppress(FileNotFoundError), _opened(root, path.parent) as handle:
        _remove(name, handle)


def move(root: Path, source: Path, target: Path) -> None:
    """Rename a file or a folder, both names below `root`; a file that has the name is replaced.

    Folders on the way to `target` are made. ValueError where a link on either way leads elsewhere, OSError as `rename`.
    """
    old, new = _parts(root, source, "moved")[-1], _parts(root, target, "written")[-1]
    with _opened(root, source.parent) as here, _opened(root, target.parent, make=True) as there:
        try:
            os.rename(old, new, src_dir_fd=here, dst_dir_fd=there)
        except OSError as failed:  # the system knows the last part of the names only
            raise OSError(failed.errno, failed.strerror, str(source), None, str(target)) from failed


def _remove(name: str, handle: int) -> None:
    """Remove what has this name in the open folder. The first of several faults is raised, at the end."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=handle)
        return
    faults: list[BaseException] = []
    # It goes from handle to handle itself, on Linux and macOS.
    shutil.rmtree(name, dir_fd=handle, onerror=lambda _function, _path, fault: faults.append(fault[1]))
    if left := [fault for fault in faults if not isinstance(fault, FileNotFoundError)]:
        raise left[0]


@contextmanager
def _opened(root: Path, folder: Path, *, make: bool = False) -> Iterator[int]:
    """A handle of a folder that is `root` or lies below it, reached without a link; FileNotFoundError without it.

    The root itself may be reached by links: that is the user's own word.
    """
    if make:
        root.mkdir(parents=True, exist_ok=True)
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        way = root
        for name in _parts(root, folder, "written or removed") if folder != root else ():
            way /= name
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=handle)
            below = _step(name, handle, way)
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def _step(name: str, handle: int, way: Path) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=handle)
    except OSError as failed:
        if stat.S_ISLNK(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode):
            raise ValueError(
                f"{way} is a link to {way.readlink()}, and nothing is written or removed through links in a lake: if it"
                " is yours, put a folder in its place, or move the lake as a whole; if the lake came from elsewhere, it"
                " was made to mislead: do not use it"
            ) from failed
        raise OSError(failed.errno, failed.strerror, str(way)) from failed


def _parts(root: Path, path: Path, done: str) -> tuple[str, ...]:
    """The names that lead from `root` to `path`, at least one; ValueError where they lead out of it."""
    if path.is_relative_to(root):
        parts = path.relative_to(root).parts
        if parts and ".." not in parts:
            return parts
    raise ValueError(f"{path} lies outside {root}, so nothing is {done} there: {_MISLEADS}")


def _shown(name: Any) -> str:
    """For one line of the terminal, whatever it holds."""
    return repr(name) if len(repr(name)) <= 80 else f"{repr(name)[:77]}..."
