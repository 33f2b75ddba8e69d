"""Reading files that somebody else named: regular ones that really lie below a folder which the user chose.

A table or a folder may have come from anyone, and may name a device, a pipe, a file of /proc or a link to a private
file. So a file is opened name by name from the chosen folder's handle, without following what another process might put
there meanwhile, and is looked at once it is open.
"""

import os
import shutil
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

_FICLONE = 0x40049409
"""Linux's call by which two files share their bytes on disk until either is changed."""


def open_below(folders: Sequence[Path], path: Path) -> IO[bytes]:
    """The file at `path`, opened to be read, which lies below one of the folders; a link on the way counts as where it
    leads.

    FileNotFoundError where there is none. ValueError in a few words for what lies elsewhere or is no regular file.
    """
    try:
        real = path.resolve()
        roots = [folder.resolve() for folder in folders]
    except (RuntimeError, ValueError):  # a link to itself, a name that no file can have
        raise FileNotFoundError(str(path)) from None
    root = next((root for root in roots if real.is_relative_to(root) and real != root), None)
    if root is None:
        raise ValueError(f"{path} leads out of {folders[0]}")
    *way, name = real.relative_to(root).parts
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for step in way:
            below = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = below
        # Without O_NONBLOCK, opening a pipe would wait for whoever writes to it.
        opened = os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle), "rb")
    finally:
        os.close(handle)
    if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        opened.close()
        raise ValueError(f"{path} is no regular file")
    return opened


def copy(file: IO[bytes], target: Path) -> None:
    """Write an open file's bytes to a new file; where the disk can, both share them until either is changed."""
    with target.open("wb") as copied:
        with suppress(OSError, ImportError):
            import fcntl

            fcntl.ioctl(copied.fileno(), _FICLONE, file.fileno())
            return
        shutil.copyfileobj(file, copied, 1 << 20)


def link(file: IO[bytes], target: Path) -> bool:
    """Give an open file a second name; False where that cannot be, and then there is none."""
    try:
        # Linux gives the very file that is open; a name of it could be another's by now.
        os.link(f"/proc/self/fd/{file.fileno()}", target, src_dir_fd=file.fileno(), follow_symlinks=True)
    except OSError:
        return False
    return True
