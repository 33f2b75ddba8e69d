"""What one sequential decode of a clip shows: hash, embed and sense share it, so that no clip is decoded twice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
"""[frame, height, width, rgb]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookRules:
    """How much of a clip is looked at."""

    num_frames: int = 8
    """Frames that stand for the clip: each costs a pass of the image model, fewer make agreement a guess."""
    grey_fps: float = 4.0
    """Frames a second of the small grey film: slower misses short movements, faster sees less of each."""
    grey_short_side_px: int = 64
    """Size of the small grey film: its averages drown sensor and compression noise."""

    def __post_init__(self) -> None:
        if self.num_frames < 1 or self.grey_fps <= 0 or self.grey_short_side_px < 1:
            raise ValueError(f"nothing to look at: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One clip, as seen in one sequential decode."""

    frames_sha256: str
    """Of every decoded frame's planes, in order of showing."""
    times_s: list[float]
    """When each of `frames` is shown."""
    frames: Frames
    """[frame, height, width, rgb]: the frames at the centres of equal spans; a clip of fewer frames gives each once."""
    grey: NDArray[np.uint8]
    """[frame, height, width] in 0 to 255: the whole clip at a low steady rate."""
