"""What a frozen encoder makes of videos and clips: rows of `features.parquet`."""

from dataclasses import dataclass

import pyarrow as pa

from schemas.table import arrow_schema

FEATURE = "feature"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFeature:
    """A video or clip, also one that could not be seen: a row of `features.parquet` but for its vector."""

    split: str
    video_id: str
    """Id of a clip in a version; name of a video in a list."""
    path: str
    """Place of the video, or of the shard that holds the clip."""
    label: int
    """Stable over versions; in a benchmark the number in its own order."""
    class_name: str
    """Id of the class in a version; name of the class in a benchmark."""
    status: str
    """`ok`, `missing` or `undecodable`."""
    reason: str
    """Why it could not be seen; empty where it was."""
    num_frames: int | None


def feature_schema(width: int) -> pa.Schema:
    """Columns of `features.parquet`: the row, and its vector of so many numbers, which is null where nothing was seen.

    It is `feature: fixed_size_list<float16>`.
    """
    vector = pa.list_(pa.field("element", pa.float16()), width)
    return arrow_schema(VideoFeature).append(pa.field(FEATURE, vector, nullable=True))
