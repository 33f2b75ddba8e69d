"""Which file of a folder of downloads describes which video: told by names alone, as downloaders make them."""

import functools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_MORE_ENDINGS = (
    "3gpp", "asf", "dv", "m1v", "m2ts", "m2v", "mpe", "mpeg", "mpv", "mts", "mxf", "qt", "rm", "rmvb", "ts",
    "unknown_video", "vob",
)  # fmt: skip
"""Endings that the probe reads and yt-dlp does not count as a video's; `unknown_video` it writes itself."""
_SIDECARS = (".info.json", ".json")
"""yt-dlp's ending, then that of gallery-dl and video2dataset."""
_FORMAT = re.compile(r"f[\w-]+")
"""What yt-dlp puts before a format's ending: `f137`, `fdash-1234v`."""


@dataclass(slots=True)
class Found:
    """One folder's files."""

    folder: Path
    sidecars: dict[str, str | None] = field(default_factory=dict)
    """Names of videos, each with the name of the file that describes it."""
    alone: list[str] = field(default_factory=list)
    """Names of yt-dlp's descriptions that are of no video here."""


def walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """The folder and all below it, by path, with names of files; a linked folder too, but each real one once."""
    seen = set()
    for path, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(path)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield Path(path), names


def found(folder: Path) -> Iterator[Found]:
    """What lies in the folder and in each below it."""
    for path, names in walk(folder):
        here = Found(path)
        videos = [name for name in sorted(names) if _is_video(name)]
        pairs, here.alone = paired(videos, names)
        here.sidecars.update((name, pairs.get(name)) for name in videos)
        yield here


@functools.cache
def endings() -> tuple[str, ...]:
    """Endings of file names by which a video is known."""
    from yt_dlp.utils import MEDIA_EXTENSIONS

    return tuple(f".{ending}" for ending in (*MEDIA_EXTENSIONS.video, *_MORE_ENDINGS))


def paired(videos: Sequence[str], names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Each video's description, and descriptions of yt-dlp's that are of none.

    A description's name is the video's, with or without its ending, before `.info.json` or `.json`. Where there is
    none, it is the beginning up to a dot, as of one format among several, or as a name that was trimmed has it; but
    not where that is another video's own, or several videos could mean it and are not formats of one.

    >>> paired(["a.f137.mp4", "b.mp4", "c. long.mp4"], ["a.info.json", "b.mp4.json", "c.info.json", "d.info.json"])
    ({'b.mp4': 'b.mp4.json', 'a.f137.mp4': 'a.info.json', 'c. long.mp4': 'c.info.json'}, ['d.info.json'])
    """
    described = {
        ending: {name.removesuffix(ending): name for name in names if name.endswith(ending)} for ending in _SIDECARS
    }
    pairs = {name: own for name in videos if (own := _own(name, described))}
    taken = set(pairs.values())
    free = {begin: name for begin, name in described[".info.json"].items() if name not in taken}
    asking: dict[str, list[str]] = {}
    for name in videos:
        if name not in pairs and (begin := _longest_beginning(name, free)):
            asking.setdefault(begin, []).append(name)
    for begin, those in asking.items():
        if len(those) == 1 or all(_is_format(name, begin) for name in those):
            pairs.update((name, free[begin]) for name in those)
            taken.add(free[begin])
    return pairs, sorted(name for name in described[".info.json"].values() if name not in taken)


def _own(name: str, described: Mapping[str, Mapping[str, str]]) -> str | None:
    stem = name.rpartition(".")[0]
    return next((of[begin] for of in described.values() for begin in (stem, name) if begin in of), None)


def _longest_beginning(name: str, free: Mapping[str, str]) -> str | None:
    places = [place for place, character in enumerate(name) if character == "." and place]
    return next((name[:place] for place in reversed(places) if name[:place] in free), None)


def _is_format(name: str, begin: str) -> bool:
    return _FORMAT.fullmatch(name.removeprefix(f"{begin}.").rpartition(".")[0]) is not None


def _is_video(name: str) -> bool:
    """What a downloader left half done (`.part`, hidden) is none."""
    return not name.startswith(".") and name.lower().endswith(endings()) and ".temp." not in name
