"""Finds the videos of a benchmark: people unpack them with and without folders of classes and splits."""

import os
from collections.abc import Sequence
from pathlib import Path

VIDEOS = (".mp4", ".avi", ".webm", ".mkv", ".mov")


_MAX_FOLDERS = 1000
"""A folder with more folders in it than any benchmark has classes holds videos as folders of frames."""


class Places:
    """A folder of videos, and the folders right below it. Each folder is listed once."""

    def __init__(self, data: Path) -> None:
        if not data.is_dir():
            raise ValueError(f"--data {data} is no folder")
        self._names: dict[Path, frozenset[str]] = {}
        with os.scandir(data) as entries:
            below = sorted(entry.name for entry in entries if entry.is_dir())
        self.roots = [data, *(data / name for name in below if len(below) <= _MAX_FOLDERS)]

    def file(self, names: Sequence[str], what: str) -> Path:
        """A list of the benchmark under one of these names; ValueError where there is none."""
        for name in names:
            for root in self.roots:
                if name in self._in(root):
                    return root / name
        raise ValueError(f"{self.roots[0]} holds no {what}: neither it nor a folder in it has {' or '.join(names)}")

    def folder_of(self, name: str) -> Path | None:
        """The folder that holds a file of this name."""
        return next((root for root in self.roots if name in self._in(root)), None)

    def video(self, stems: Sequence[str], folders: Sequence[str] = ()) -> Path:
        """The file, or folder of frames, of the first name that is found, also in one of `folders` (names of a class).

        A name may have its ending or not. Where nothing is found: the place where it would lie at best.
        """
        names = [f"{stem}{ending}" for stem in stems for ending in ("", *VIDEOS)]
        for root in self.roots:
            for folder in (root, *(root / name for name in folders)):
                listed = self._in(folder)
                for name in names:
                    if name in listed:
                        return folder / name
        return self.roots[0].joinpath(*folders[:1], stems[0])

    def _in(self, folder: Path) -> frozenset[str]:
        """Names in a folder; none where there is no such folder."""
        if folder not in self._names:
            known = folder.name in self._in(folder.parent) if folder.parent in self._names else folder.is_dir()
            there = folder.iterdir() if known and folder.is_dir() else ()
            self._names[folder] = frozenset(path.name for path in there)
        return self._names[folder]
