"""Clips that cannot be used: how many a run bears, which they were, and which the user leaves out."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.foundation.plain_text import read_text
from h2a_curation.videomae.data.item import Item

FILE = "bad-clips.txt"
"""A run's list of the clips that it could not decode, in the form that `--skip-clips` takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadClips:
    """The clips that this process could not decode, while a run bears some. Its threads fill it."""

    limit: int
    """Different clips that the run bears; 0 stops it at the first."""
    _found: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def note(self, item: Item, reason: str) -> None:
        """Remember a clip, and why it cannot be used."""
        with self._lock:
            self._found.setdefault(item.clip_id, reason)

    def beyond(self, known: Mapping[str, str]) -> list[tuple[str, str]]:
        """The clips found that are not among those known, each with its reason."""
        with self._lock:
            return [(clip_id, reason) for clip_id, reason in self._found.items() if clip_id not in known]


def write_list(folder: Path, clips: Mapping[str, str]) -> None:
    """Write a run's list: a clip a line, with the reason as a comment."""
    with replaced(folder, folder / FILE) as file:
        file.write("".join(f"{clip_id}  # {reason}\n" for clip_id, reason in clips.items()).encode())


def known_list(folder: Path) -> dict[str, str]:
    """What a run wrote so before it was interrupted."""
    path = folder / FILE
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {clip_id.strip(): reason.strip() for clip_id, _, reason in (line.partition("#") for line in lines)}


def read_skip_list(path: Path, members: Sequence[Item]) -> tuple[str, ...]:
    """The clips that a file names, one a line, `#` beginning a comment; in the order of their ids.

    ValueError with file and line for what is no clip of these, or where none of them would be left.
    """
    try:
        lines = read_text(path).splitlines()
    except FileNotFoundError as missing:
        raise ValueError(f"{path}: there is no such file of clips to skip") from missing
    known, named = {m.clip_id for m in members}, set()
    for number, line in enumerate(lines, 1):
        name = line.partition("#")[0].strip()
        # A version's clip is an id, for which people copy the file's name; a list's video is a name with an ending.
        clip_id = name if name in known else name.removesuffix(".mp4")
        if clip_id and clip_id not in known:
            raise ValueError(
                f"{path}:{number}: '{clip_id:.80}' is no clip that is trained on; write one clip id a line"
            )
        named.update({clip_id} - {""})
    if named == known:
        raise ValueError(f"{path}: it names all {len(known)} clips, and none would be left")
    return tuple(sorted(named))
