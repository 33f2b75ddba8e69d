"""What an evaluation says of a benchmark's videos: rows of the Parquet files in its folder."""

from dataclasses import dataclass

from schemas.table import Float32

OK, MISSING, UNDECODABLE = "ok", "missing", "undecodable"
"""What became of a video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewScore:
    """One view of a video: a row of `views.parquet`."""

    split: str
    video_id: str
    label: int
    segment: int
    crop: int
    logits: list[Float32]
    """One for each class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoScore:
    """What the views of a video say together: a row of `videos.parquet`, also for a video that could not be seen."""

    split: str
    video_id: str
    path: str
    label: int
    status: str
    """`ok`, `missing` or `undecodable`. Whatever is not `ok` counts as wrong."""
    reason: str
    """Why it could not be seen; empty where it was."""
    num_frames: int | None
    top: list[int]
    """The five classes with the highest scores, the highest first; empty where nothing was seen."""
    confidence: float | None
    """Probability of the first of them."""
    label_probability: float | None
    """Probability of the class that the list says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """How many videos of a class were told right: a row of `classes.parquet`."""

    split: str
    label: int
    name: str
    num_videos: int
    num_seen: int
    num_top1: int
    num_top5: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confused:
    """How many videos of a class were taken for another: a row of `confusion.parquet`, where there are any."""

    split: str
    label: int
    predicted: int | None
    """None for videos that could not be seen."""
    num_videos: int
