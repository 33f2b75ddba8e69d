"""Files that are whole or absent, and the one place that removes, renames and makes folders below a root.

Whoever writes a file to its place does it here: `replaced` for a file, `written_aside` and `keep` for a folder,
`append` for a log, and `write_output` for what the user named.

A lake, a run's folder or a cache may have come from somebody else. So whatever is written or removed lies really inside
the given root: each folder on the way is opened by its handle, without following a link, and the last step is made
relative to that handle. No check of a path that another process could exchange meanwhile is relied upon.
"""

import errno
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
"""What a killed writer left aside is removed after a day: nobody writes one file or folder for so long."""

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
    """The name of what is named by the sha256 of its bytes: files, clips, cached shards. ValueError as `plain_name`."""
    if not isinstance(name, str) or not re.fullmatch("[0-9a-f]{64}", name):
        raise ValueError(f"{what} {_shown(name)}, which is no sha256: {_MISLEADS}")
    return name


@contextmanager
def written_aside(root: Path, aside: Path) -> Iterator[Path]:
    """A new folder inside `aside`, which lies below `root`, for what is not finished; gone afterwards."""
    folder = aside / uuid.uuid4().hex
    make_folder(root, folder)
    try:
        yield folder
    finally:
        with suppress(OSError):
            remove(root, folder)


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
        sync(target.parent)
    finally:
        with suppress(OSError):
            remove(root, unfinished)


def append(root: Path, target: Path, content: bytes) -> None:
    """Add to the end of a file below `root`, made where it is missing; ValueError where a link leads elsewhere.

    One write at the end of the file: what several processes add at once stands there one after the other.
    """
    name = _parts(root, target, "written")[-1]
    with _opened(root, target.parent, make=True) as folder:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        handle = os.open(name, flags, 0o666, dir_fd=folder)
        try:
            os.write(handle, content)
        finally:
            os.close(handle)


def write_output(target: Path, content: bytes) -> None:
    """Write a file that the user named, as with `--out`: a reader sees the old file or the whole new one.

    The name is the user's own word, so a link is followed, and a file that is there keeps its permissions. What is no
    file is written to as it stands. OSError where it cannot be written; a missing folder is not made.
    """
    # /dev/stdout may lead to a file that the shell holds open: another file in its place would not be seen there.
    if target.is_relative_to("/dev") or (target.exists() and not target.is_file()):
        target.write_bytes(content)
        return
    place = target.resolve()
    if not place.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target))
    with replaced(place.parent, place) as file:
        if place.exists():
            os.fchmod(file.fileno(), stat.S_IMODE(place.stat().st_mode))
        file.write(content)


def keep(root: Path, finished: Path, target: Path) -> None:
    """Give a finished file or folder its name below `root`, so that both survive a power cut.

    The order matters: a name that is on disk before its content would show an empty file after a power cut. Only the
    names in a folder are made to last here, so the files in it are written with `synced`. Faults are those of `move`.
    """
    sync(finished)
    move(root, finished, target)
    sync(target.parent)


def keep_first(root: Path, finished: Path, target: Path) -> None:
    """Give a finished file its name below `root`, unless a file has it: of several writers at once the first one wins.

    ValueError where a link on either way leads elsewhere.
    """
    old, new = _parts(root, finished, "moved")[-1], _parts(root, target, "written")[-1]
    with _opened(root, finished.parent) as here, _opened(root, target.parent, make=True, lasting=True) as there:
        try:
            os.link(old, new, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)
        except FileExistsError:
            return
        except OSError as failed:
            if failed.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
                raise
            # A disk without hard links, as a memory card's: there two writers at once are not told apart.
            os.rename(old, new, src_dir_fd=here, dst_dir_fd=there)
    sync(target.parent)


def sync(path: Path) -> None:
    """Make a file's bytes, or the names in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(root: Path, aside: Path, older_than_s: float = SWEEP_AGE_S) -> None:
    """Remove what killed writers left in `aside`; what a living one removes meanwhile is gone, which is as well."""
    with suppress(FileNotFoundError), _opened(root, aside) as handle:
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
    with _opened(root, source.parent) as here, _opened(root, target.parent, make=True, lasting=True) as there:
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
def _opened(root: Path, folder: Path, *, make: bool = False, lasting: bool = False) -> Iterator[int]:
    """A handle of a folder that is `root` or lies below it, reached without a link; FileNotFoundError without it.

    The root itself may be reached by links: that is the user's own word. With `make`, missing folders are made; with
    `lasting`, those survive a power cut.
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
                    if lasting:
                        os.fsync(handle)
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
