"""Pack accepted clips into tar shards that any tar or WebDataset reader opens.

A shard's bytes are a function of its clips alone: not of the order in which they come, the worker, the clock or the
machine. It is named by what it holds, so a shard that is there needs no second writing, and a clip that goes
rewrites one shard.
"""

import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import IO

from h2a_curation.foundation.atomic_files import keep, synced
from h2a_curation.lake import layout
from h2a_curation.lake.files import written_aside
from schemas import Member

_BLOCK = tarfile.BLOCKSIZE


class DamagedClipError(OSError):
    """A clip's file in the lake no longer holds the bytes that it is named after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRules:
    """How clips are spread over shards."""

    clips_per_shard: int = 256
    """The most that one shard holds; most shards hold 128 to 256 clips, of 0.2 to 1 MB each. Larger shards are fewer
    files to open, but more bytes to write again when a clip goes. A change renames every shard."""

    def __post_init__(self) -> None:
        if self.clips_per_shard < 1:
            raise ValueError(f"pack.clips_per_shard must be at least 1, not {self.clips_per_shard}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackClip:
    """An accepted clip with what is written beside it. No caption and no address: the catalog has both by post_id."""

    clip_id: str
    class_id: str
    class_name: str
    label: int
    split: str
    post_id: str
    media_id: str
    creator: str | None
    start_s: float
    """Start and end of the scene in the source file."""
    end_s: float
    width_px: int
    height_px: int
    fps: float
    num_frames: int
    num_bytes: int

    def metadata(self) -> bytes:
        """The `.json` member."""
        fields = {
            "clip_id": self.clip_id,
            "class_id": self.class_id,
            "class_name": self.class_name,
            "label": self.label,
            "split": self.split,
            "post_id": self.post_id,
            "media_id": self.media_id,
            "creator": self.creator,
            "start_s": self.start_s,
            "end_s": self.end_s,
            "width_px": self.width_px,
            "height_px": self.height_px,
            "fps": self.fps,
            "num_frames": self.num_frames,
            "num_bytes": self.num_bytes,
            "sha256": self.clip_id,
        }
        return json.dumps(fields, ensure_ascii=False, allow_nan=False).encode()


def plan(clips: Sequence[PackClip], rules: PackRules) -> list[list[PackClip]]:
    """The clips of each shard, sorted: no shard holds clips of two splits."""
    by_id = {c.clip_id: c for c in clips}
    assert len(by_id) == len(clips), "a clip was selected twice"
    splits = sorted({c.split for c in clips})
    return [
        [by_id[clip_id] for clip_id in bucket]
        for split in splits
        for bucket in buckets([c.clip_id for c in clips if c.split == split], rules.clips_per_shard)
    ]


def buckets(clip_ids: Sequence[str], max_clips: int) -> list[list[str]]:
    """Ids grouped by the leading bits of their hash: a bucket is halved, by the next bit, only when it overflows.

    So an added clip changes one bucket or halves one, and a removed clip changes one or merges some into one: one
    shard is written anew, however large the lake. (A number of buckets that follows the count would move them all.)
    """
    return [[clip_id for _, clip_id in bucket] for bucket in _split(sorted(map(_hashed, clip_ids)), max_clips, 0)]


def _hashed(clip_id: str) -> tuple[int, str]:
    return int.from_bytes(sha256(clip_id.encode()).digest(), "big"), clip_id


def _split(ids: list[tuple[int, str]], max_clips: int, depth: int) -> Iterator[list[tuple[int, str]]]:
    if len(ids) <= max_clips:
        if ids:
            yield sorted(ids, key=lambda hashed: hashed[1])
        return
    assert depth < 256, "a clip is given twice"
    for bit in (0, 1):
        yield from _split([i for i in ids if i[0] >> (255 - depth) & 1 == bit], max_clips, depth + 1)


def shard_name(clips: Sequence[PackClip]) -> str:
    """The file name of the shard of these clips, a function of all that it holds."""
    return _name(_with_metadata(clips))


def members(clips: Sequence[PackClip]) -> list[Member]:
    """The rows of these clips, by clip id: where each one's bytes lie in the shard, which need not be written yet."""
    described = _with_metadata(clips)
    name = _name(described)
    return [
        Member(
            clip_id=c.clip_id,
            class_id=c.class_id,
            label=c.label,
            split=c.split,
            post_id=c.post_id,
            creator=c.creator,
            shard=name,
            offset=offset,
            num_bytes=c.num_bytes,
            sha256=c.clip_id,
            width_px=c.width_px,
            height_px=c.height_px,
            fps=c.fps,
            num_frames=c.num_frames,
        )
        for (c, _), offset in zip(described, _offsets(described), strict=True)
    ]


def write_shard(clips: Sequence[PackClip], read: Callable[[str], bytes], lake: Path) -> list[Member]:
    """Write the shard of these clips into the lake's `shards` folder, unless it is there.

    `read(clip_id)` gives a clip's mp4. Raises DamagedClipError where those bytes are not the ones that the clip is
    named after; then nothing is left in `shards`.
    """
    described = _with_metadata(clips)
    target = lake / layout.shard(_name(described))
    if not target.exists() or target.stat().st_size != _num_bytes(described):
        with written_aside(lake) as unfinished:
            with synced(unfinished / target.name) as file:
                _write_tar(file, described, read)
            keep(lake, unfinished / target.name, target)
    return members(clips)


def _with_metadata(clips: Sequence[PackClip]) -> list[tuple[PackClip, bytes]]:
    return [(clip, clip.metadata()) for clip in sorted(clips, key=lambda c: c.clip_id)]


def _name(described: Sequence[tuple[PackClip, bytes]]) -> str:
    [split] = {clip.split for clip, _ in described}
    digest = sha256(b"h2a shard 1\n")
    for _, metadata in described:
        digest.update(metadata + b"\n")
    return layout.shard_name(split, digest.hexdigest()[:32])


def _offsets(described: Sequence[tuple[PackClip, bytes]]) -> Iterator[int]:
    """First byte of each mp4.

    A member is a header block, then its bytes, filled up to whole blocks; the mp4 is the last of its clip's three.
    """
    end = 0
    for clip, metadata in described:
        start = end + 3 * _BLOCK + _filled(len(str(clip.label)), _BLOCK) + _filled(len(metadata), _BLOCK)
        yield start
        end = start + _filled(clip.num_bytes, _BLOCK)


def _num_bytes(described: Sequence[tuple[PackClip, bytes]]) -> int:
    """Size of the whole tar: it ends in two empty blocks and is filled up to whole records."""
    *_, start = _offsets(described)
    end = start + _filled(described[-1][0].num_bytes, _BLOCK)
    return _filled(end + 2 * _BLOCK, tarfile.RECORDSIZE)


def _filled(num_bytes: int, unit: int) -> int:
    return -(-num_bytes // unit) * unit


def _write_tar(file: IO[bytes], described: Sequence[tuple[PackClip, bytes]], read: Callable[[str], bytes]) -> None:
    """Members are sorted by name: WebDataset makes one sample of neighbours with one stem."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for clip, metadata in described:
            video = _checked(clip, read(clip.clip_id))
            for suffix, content in (("cls", str(clip.label).encode()), ("json", metadata), ("mp4", video)):
                header = tarfile.TarInfo(f"{clip.clip_id}.{suffix}")
                header.size = len(content)
                header.mode = 0o644
                tar.addfile(header, BytesIO(content))  # TarInfo's own mtime, uid and gid are 0, and its names empty


def _checked(clip: PackClip, video: bytes) -> bytes:
    if sha256(video).hexdigest() != clip.clip_id:
        raise DamagedClipError(
            f"clip {clip.clip_id} is damaged: its file ({len(video)} bytes, {clip.num_bytes} expected) has another "
            "sha256 than its name; restore it from a backup or from an earlier version's shard"
        )
    assert len(video) == clip.num_bytes, "the clip's row gives another size than its file has"
    return video
