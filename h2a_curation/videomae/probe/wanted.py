"""The clips of one of our versions, or the videos of a benchmark, as features are made of them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from h2a_curation.videomae.data.shards import Version, read_clip
from h2a_curation.videomae.data.views import Views
from h2a_curation.videomae.evaluate.listed import Benchmark
from h2a_curation.videomae.evaluate.run import Outcome, looked_or_why, seen_or_why
from schemas import Member

CLIP_STRIDE = 4
"""Frames from one to the next in clips of a version, as in pretraining."""
See = Callable[[Views, tuple[int, int]], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A video or clip, and how it is looked at."""

    split: str
    video_id: str
    path: str
    label: int
    class_name: str
    see: See = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSet:
    """All of them, in an order of their own, and how they are sampled by default."""

    name: str
    """Such as `version v1` or `ucf101`."""
    videos: Sequence[Wanted]
    stride: int
    sparse: bool = False
    from_folder: bool = False
    notes: Sequence[str] = ()
    indices: Mapping[str, int] = field(default_factory=dict)
    """A version's classes, numbered without gaps; a benchmark's labels have none."""

    @property
    def hash(self) -> str:
        """The same for the same splits, ids, labels and classes, in any order."""
        rows = sorted((one.split, one.video_id, one.label, one.class_name) for one in self.videos)
        return hashlib.blake2b(json.dumps(rows).encode(), digest_size=16).hexdigest()

    def of_split(self, split: str) -> "WantedSet":
        """Those of one split; ValueError where there is none of that name."""
        there = sorted({one.split for one in self.videos})
        if split not in there:
            raise ValueError(f"--split {split}: {self.name} has {', '.join(there)}")
        chosen = [one for one in self.videos if one.split == split]
        return replace(self, videos=chosen)


def split_order(split: str) -> tuple[int, str]:
    """What splits are sorted by.

    >>> sorted(["2", "test", "train", "1", "val"], key=split_order)
    ['train', 'val', 'test', '1', '2']
    """
    usual = ("train", "val", "test")
    return usual.index(split) if split in usual else len(usual), split


def of_version(version: Version) -> WantedSet:
    """The clips of a published version, split by split; a class is named by its id, and has its stable label."""
    clips = sorted(version.members, key=lambda clip: (split_order(clip.split), clip.clip_id))
    videos = [
        Wanted(
            split=clip.split, video_id=clip.clip_id, path=version.address(clip.shard), label=clip.label,
            class_name=clip.class_id, see=partial(_see_clip, version, clip),
        )
        for clip in clips
    ]  # fmt: skip
    return WantedSet(name=f"version {version.name}", videos=videos, stride=CLIP_STRIDE, indices=version.indices)


def of_benchmark(benchmark: Benchmark) -> WantedSet:
    """The videos of a benchmark's splits."""
    videos = [
        Wanted(
            split=split, video_id=video.video_id, path=str(video.path), label=video.label,
            class_name=benchmark.classes[video.label], see=partial(seen_or_why, video),
        )
        for split, listed in benchmark.splits.items()
        for video in listed
    ]  # fmt: skip
    return WantedSet(
        name=benchmark.task,
        videos=videos,
        stride=benchmark.stride,
        sparse=benchmark.sparse,
        from_folder=all(video.path.is_dir() for listed in benchmark.splits.values() for video in listed[:1]),
        notes=benchmark.notes,
    )


def _see_clip(version: Version, clip: Member, views: Views, target: tuple[int, int]) -> Outcome:
    """ValueError where the clip's bytes are not those that were published: the lake is damaged, and not the clip."""
    return looked_or_why(read_clip(version, clip), clip.clip_id, views, target)
