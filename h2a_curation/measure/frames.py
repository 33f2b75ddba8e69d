"""Hold what one sequential decode of a clip shows: hash, embed and sense share it, so that no clip is decoded twice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
"""[frame, height, width, rgb]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookRules:
    """Which frames of a clip are measured, and at what size."""

    num_frames: int = 8
    """Frames that stand for the clip. Each takes one pass of the image model; with fewer, the share of frames that
    agree on a class is a guess."""
    grey_fps: float = 4.0
    """Frames a second of the small grey film. A lower rate misses short movements; at a higher one, two frames differ
    by less of each movement."""
    grey_short_side_px: int = 64
    """Short side of the small grey film: so small that its averages hide noise of sensor and compression."""

    def __post_init__(self) -> None:
        if self.num_frames < 1 or self.grey_fps <= 0 or self.grey_short_side_px < 1:
            raise ValueError(f"nothing to look at: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One clip, as one sequential decode shows it."""

    frames_sha256: str
    """sha256 over the planes of every decoded frame, in the order of showing."""
    times_s: list[float]
    """Seconds at which each of `frames` is shown."""
    frames: Frames
    """[frame, height, width, rgb] Frames at the centres of equal spans. A clip of fewer frames has each frame once."""
    grey: NDArray[np.uint8]
    """[frame, height, width] The whole clip as small grey pictures, 0 to 255, at a low steady rate."""
