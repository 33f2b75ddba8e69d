"""What people share and train on: the members of a version's shards, and where they came from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One accepted clip and where its bytes lie: a row of a version's `clip.parquet`."""

    clip_id: str
    class_id: str
    label: int
    """Stable over versions."""
    split: str
    post_id: str
    creator: str | None
    shard: str
    """File name of the tar in the lake's `shards` folder."""
    offset: int
    """First byte of the mp4 in the tar."""
    num_bytes: int
    sha256: str
    """Of the mp4's bytes; equal to clip_id."""
    width_px: int
    height_px: int
    fps: float
    num_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What one deciding stage said of an accepted clip, and where the clip came from: a row a clip and stage."""

    clip_id: str
    class_id: str
    post_id: str
    url: str
    """Where the post was: for a set that is shared as addresses, and for those who ask for removal."""
    media_id: str
    stage: str
    reason: str
    value: float | None
    threshold: float | None
    rules: str
