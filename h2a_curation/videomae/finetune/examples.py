"""Labelled videos to learn from and to validate on, and where their frames come from."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from h2a_curation.videomae.data.shards import Version, read_clip
from h2a_curation.videomae.data.videos import Source
from h2a_curation.videomae.evaluate.listed import Listed
from schemas import Member

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A labelled video."""

    clip_id: str
    """Its name, unique in its list."""
    label: int
    open: Callable[[], Source]
    """Its file, folder of frames or bytes. ValueError for a clip that is not as it was published."""
    num_frames: int | None = None
    """What a list says of a folder of frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSet:
    """What a classifier is trained and judged on."""

    task: str
    """Name of a benchmark or version, or `list`."""
    classes: Sequence[str]
    """Names by label; numbers where nothing names them."""
    train: list[Example]
    validation: list[Example]
    notes: tuple[str, ...] = ()
    """What was left out, and why."""

    def __post_init__(self) -> None:
        for what, examples in (("to learn from", self.train), ("to validate on", self.validation)):
            if not examples:
                raise ValueError(f"{self.task} has no video {what}")

    @property
    def hash(self) -> str:
        """The same for the same videos by name, with the same labels."""
        named = [[(one.clip_id, one.label) for one in part] for part in (self.train, self.validation)]
        return hashlib.blake2b(json.dumps(named).encode(), digest_size=16).hexdigest()


def examples_of_version(version: Version, split: str) -> list[Example]:
    """The clips of a split."""
    return [
        Example(clip_id=member.clip_id, label=member.label, open=partial(_clip, version, member))
        for member in version.split(split)
    ]


def examples_of_list(videos: Sequence[Listed], what: str) -> tuple[list[Example], list[str]]:
    """The videos of a list that are there, and what is to be said of the others.

    ValueError where none is there.
    """
    exists = {video.video_id: video.path.exists() for video in videos}
    there = [video for video in videos if exists[video.video_id]]
    absent = [video for video in videos if not exists[video.video_id]]
    if not there:
        raise ValueError(f"none of the {len(videos)} videos {what} is there, such as {absent[0].path}")
    examples = [
        Example(clip_id=v.video_id, label=v.label, open=partial(_path, v.path), num_frames=v.num_frames) for v in there
    ]
    if not absent:
        return examples, []
    shown = ", ".join(video.video_id for video in absent[:_SHOWN])
    return examples, [f"{len(absent)} of {len(videos)} videos {what} are not there and are left out: {shown}"]


def _clip(version: Version, member: Member) -> bytes:
    return read_clip(version, member)


def _path(path: Path) -> Path:
    return path
