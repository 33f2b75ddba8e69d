"""What people share and train on: a version's manifest, the members of its shards, and where they came from."""

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
    """Hash of the mp4's bytes; equal to clip_id."""
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
    """Address of the post: for a set that is shared as addresses, and for those who ask for removal."""
    media_id: str
    stage: str
    reason: str
    value: float | None
    threshold: float | None
    rules: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardEntry:
    """One tar in the lake's `shards` folder; versions share those that did not change."""

    file: str
    sha256: str
    num_bytes: int
    num_clips: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What `manifest.json` holds: whoever has it can tell whether all else is what was published.

    It is written field by field in this order, so the order is part of the format.
    """

    format: int
    name: str
    created: str
    """ISO 8601, UTC."""
    decision: str
    """Fingerprint of the decision that selected the clips."""
    recipe: str
    """The recipe's YAML in full."""
    labels: dict[str, int]
    """Class id to label, stable over versions; classes without clips too."""
    indices: dict[str, int]
    """Class id to its place among these classes in the order of their labels: 0 to n - 1, without gaps, as a model's
    outputs are numbered. Another version may have other classes, and so other indices."""
    num_clips: dict[str, int]
    """Number of clips of each split."""
    shards: list[ShardEntry]
    files: dict[str, str]
    """sha256 of each other file, by its path in the version's folder."""
