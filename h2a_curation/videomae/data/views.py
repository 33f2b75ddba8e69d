"""Which frames and which square of them a classifier sees of a video: one clip in training, several views in a test.

All as the official code has it, whose three ways of sampling differ: training spreads a dense clip over its frames by
64 / 15, a test walks in exact strides, and sparse sampling takes one frame from each part of the video.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2a_curation.videomae.data.frames import Frames, Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """How a video is looked at in a test: so many segments of its time, so many crops of each."""

    num_frames: int
    """Frames of a view."""
    stride: int
    """Frames from one to the next; sparse sampling has none."""
    sparse: bool
    """Frames spread over the whole video, in place of a dense clip."""
    num_segments: int
    num_crops: int
    from_folder: bool = False
    """The one view of a folder of frames is taken as the official code takes it, which differs from that of a video."""

    def indices(self, length: int) -> list[list[int]]:
        """Frames of each segment of a video of `length` frames; one segment is the middle of the video."""
        if self.num_segments == 1:
            if not self.sparse:
                return [training_indices(length, self.num_frames, self.stride)]
            spread = folder_indices if self.from_folder else sparse_indices
            return [spread(length, self.num_frames)]
        return (self._sparse if self.sparse else self._dense)(length)

    def _dense(self, length: int) -> list[list[int]]:
        walked = list(range(0, length, self.stride))
        walked += walked[-1:] * (self.num_frames - len(walked))
        step = max((len(walked) - self.num_frames) / (self.num_segments - 1), 0)
        starts = [int(segment * step) for segment in range(self.num_segments)]
        return [walked[start : start + self.num_frames] for start in starts]

    def _sparse(self, length: int) -> list[list[int]]:
        tick, num = length / float(self.num_frames), self.num_segments
        walked = sorted(int(k * tick / num + tick * x) for k in range(num) for x in range(self.num_frames))
        return [walked[segment::num] for segment in range(num)]

    def regions(self, height: int, width: int, target: tuple[int, int]) -> list[Region]:
        """Crops of frames that `resized_size` has made; one crop is the middle.

        They lie side by side along the side that is longer than the target, the first at its beginning and the last at
        its end.
        """
        rows, columns = target
        down, across = height - rows, width - columns
        if self.num_crops == 1:
            # Python rounds halves to even, and so does the official crop.
            top, left = round(down / 2), round(across / 2)
            return [(left, top, left + columns, top + rows)]
        gap = max(down, across)
        places = [int(crop * (gap / (self.num_crops - 1))) for crop in range(self.num_crops)]
        corners = [(0, place) if down >= across else (place, 0) for place in places]
        return [(left, top, left + columns, top + rows) for left, top in corners]


def training_indices(
    length: int, num_frames: int, stride: int, rng: np.random.RandomState | None = None, num_segments: int = 1
) -> list[int]:
    """Frames of one clip, dense in each of `num_segments` parts of the video; its middle where nothing is drawn.

    A part of no more than num_frames * stride frames is taken whole, and its last frame repeated.
    """
    span, part = num_frames * stride, length // num_segments
    indices: list[int] = []
    for segment in range(num_segments):
        if part <= span:
            spread = np.linspace(0, part, num=part // stride)
            spread = np.concatenate((spread, np.full(num_frames - part // stride, part)))
            chosen = np.clip(spread, 0, part - 1).astype(np.int64)
        else:
            end = (span + part) // 2 if rng is None else int(rng.randint(span, part))
            chosen = np.clip(np.linspace(end - span, end, num=num_frames), end - span, end - 1).astype(np.int64)
        indices += (chosen + segment * part).tolist()
    return indices


def sparse_indices(length: int, num_frames: int, rng: np.random.RandomState | None = None) -> list[int]:
    """One frame from each of `num_frames` equal parts of a video; its middle where nothing is drawn.

    The official code gives index -1 for all of a video of fewer frames than that, which is its last one.
    """
    return [index % length for index in training_indices(length, 1, 1, rng, num_segments=num_frames)]


def folder_indices(length: int, num_frames: int, rng: np.random.RandomState | None = None) -> list[int]:
    """The same for a folder of frames, where a short one begins with repeats of its first frame."""
    part = length // num_frames
    if part == 0:
        return [0] * (num_frames - length) + list(range(length))
    inside = np.full(num_frames, part // 2) if rng is None else rng.randint(part, size=num_frames)
    indices: list[int] = (np.arange(num_frames) * part + inside).tolist()
    return indices


def resized_size(height: int, width: int, target: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the smallest frame of the same shape that covers the target; its longer side rounded down."""
    rows, columns = target
    if width * rows < height * columns:
        return int(columns * height / width), columns
    return rows, int(rows * width / height)


def resized(frame: Frames, target: tuple[int, int]) -> Frames:
    """[height, width, rgb] resized as the official test does: by OpenCV, bilinear, without a filter for aliasing."""
    height, width = frame.shape[:2]
    size = resized_size(height, width, target)
    if size == (height, width):
        return frame
    made: NDArray[np.uint8] = cv2.resize(frame, size[::-1], interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    return made


def cropped(frames: Frames, indices: Sequence[int], region: Region) -> Frames:
    """[frame, height, width, rgb]: a region of the frames at these places."""
    left, top, right, bottom = region
    return frames[np.asarray(indices), top:bottom, left:right]
