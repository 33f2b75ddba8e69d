"""Whole shards of a distant lake on this machine's disk, within a limit, for any number of processes at once.

fsspec's own caches fetch whole files too, but know no limit, do not keep two processes from fetching the same file, and
take a file that was cut short for a good one; so only the fetching is fsspec's here.
"""

import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from h2a_curation.foundation.atomic_files import move, remove, sha256_name

IDLE_S = 3600
"""A shard that was read within this time is in use by some run and stays."""
_TOUCH_S = 600
"""How often a read is noted, at most."""

_IS_OURS = re.compile(r"[0-9a-f]{64}\.(tar|room)").fullmatch

Fetch = Callable[[Path], None]
"""`fetch(path)` writes the shard to that path; OSError where it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskCache:
    """A folder of shards named by what they hold, so that versions and lakes share it and nothing in it is outdated."""

    folder: Path
    limit_bytes: int
    now: Callable[[], float] = time.time
    """Seconds since 1970."""

    def read(self, key: str, num_bytes: int, fetch: Fetch, start: int, length: int) -> bytes | None:
        """A span of the shard of this key and size, which is fetched unless it is here in full.

        None where the limit or the disk has no room for it: shards that are in use are not given up. OSError as
        `fetch` raises it, or where the folder cannot be written.
        """
        for _ in range(2):  # another process may give the file up between finding and opening it
            path = self._path(key, num_bytes, fetch)
            if path is None:
                return None
            with suppress(FileNotFoundError), path.open("rb") as file:
                file.seek(start)
                return file.read(length)
        return None

    def drop(self, key: str) -> None:
        """Give up a shard that turned out to be damaged."""
        remove(self.folder, self._file(key, "tar"))

    def _file(self, key: str, kind: str) -> Path:
        """The file of a shard, by kind: `tar` once it is whole, `part` while it comes, `room` for the space held
        for it, `lock` over all.
        """
        return self.folder / f"{sha256_name(key, 'a cached shard is named')}.{kind}"

    def _path(self, key: str, num_bytes: int, fetch: Fetch) -> Path | None:
        file = self._file(key, "tar")
        if self._is_here(file, num_bytes):
            return file
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._file(key, "lock")):
            if self._is_here(file, num_bytes):
                return file
            if not self._reserve(key, num_bytes):
                return None
            try:
                self._fetch(key, num_bytes, fetch)
            finally:
                for kind in ("part", "room"):
                    remove(self.folder, self._file(key, kind))
        return file

    def _fetch(self, key: str, num_bytes: int, fetch: Fetch) -> None:
        part = self._file(key, "part")
        fetch(part)
        found = part.stat().st_size
        if found != num_bytes:
            raise OSError(f"{found} bytes came, not {num_bytes}")
        os.utime(part, (self.now(), self.now()))
        move(self.folder, part, self._file(key, "tar"))

    def _is_here(self, file: Path, num_bytes: int) -> bool:
        try:
            found = file.stat()
        except FileNotFoundError:
            return False
        if found.st_size != num_bytes:
            return False
        if self.now() - found.st_mtime > _TOUCH_S:
            with suppress(FileNotFoundError):
                os.utime(file, (self.now(), self.now()))
        return True

    def _reserve(self, key: str, num_bytes: int) -> bool:
        """Make room, and hold it by an empty file of the shard's size."""
        with FileLock(self.folder / "room.lock"):
            for kind in ("tar", "part", "room"):
                remove(self.folder, self._file(key, kind))
            held = self._held()
            reserved = sum(size for _, size, file in held if file.suffix == ".room")
            room = min(
                self.limit_bytes - sum(size for _, size, _ in held),
                shutil.disk_usage(self.folder).free - reserved,
            )
            for modified_s, size, file in held:
                if room >= num_bytes or self.now() - modified_s <= IDLE_S:
                    break
                room += size if self._give_up(file.stem) else 0
            if room < num_bytes:
                return False
            with self._file(key, "room").open("wb") as file_of_holes:
                file_of_holes.truncate(num_bytes)
            return True

    def _held(self) -> list[tuple[float, int, Path]]:
        """When it was last read, size, and file, the longest unread first.

        Archives of other names that lie there are the user's own: they are not counted, and never given up.
        """
        held = []
        for file in self.folder.iterdir():
            if _IS_OURS(file.name):
                with suppress(FileNotFoundError):  # just given up by another process
                    found = file.stat()
                    held.append((found.st_mtime, found.st_size, file))
        return sorted(held)

    def _give_up(self, key: str) -> bool:
        """Remove a shard, or what a process left that died while fetching; False while one is fetching it."""
        try:
            with FileLock(self._file(key, "lock"), timeout=0):
                for kind in ("tar", "part", "room"):
                    remove(self.folder, self._file(key, kind))
        except Timeout:
            return False
        return True
