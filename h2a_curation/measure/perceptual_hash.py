"""Fingerprint each clip: exactly by its decoded frames, and perceptually, to survive re-encoding and rescaling.

The perceptual hash of a frame: its grey picture averaged to 32 x 32, the 8 x 8 lowest frequencies of the DCT, one bit
each for above or below their median. Two such hashes of unrelated frames differ in about 32 of 64 bits, a frame and its
re-encoded copy in a few. A crop or a mirror image is another picture to it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from h2a_curation.measure.frames import Frames, Look
from schemas import Fingerprint
from schemas.table import UInt64

VERSION = 1
"""Of both hashes. Clips are hashed anew when it rises.
Raise it when the same input gives another output: tests/measure/test_goldens.py says so when it does."""

FLAT = 0
"""The hash of a frame without a picture (black, a fade, a plain card): such frames tell no two clips apart or alike."""

_SIDE_PX = 32
_NUM_LOW = 8
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class HashRules:
    """Which frames are worth a perceptual hash."""

    min_contrast: float = 3.0
    """Standard deviation of the 32 x 32 picture in grey levels, below which a frame is FLAT: lower hashes noise."""


def hash_clips(looks: Iterable[tuple[str, Look]], rules: HashRules, *, model: str) -> Iterator[Fingerprint]:
    """Yield one row per (clip id, look), in order."""
    for clip_id, look in looks:
        hashes = perceptual_hashes(look.frames, rules)
        yield Fingerprint(clip_id=clip_id, model=model, frames_sha256=look.frames_sha256, phash=hashes)


def perceptual_hashes(frames: Frames, rules: HashRules) -> list[UInt64]:
    """One 64-bit hash a frame, the lowest frequency in the highest bit; FLAT where there is no picture."""
    pictures = _shrink(frames)
    low = dctn(pictures, axes=(1, 2), norm="ortho")[:, :_NUM_LOW, :_NUM_LOW].reshape(len(frames), -1)
    # The first coefficient is the brightness: left out of the median, its bit is always 0.
    low[:, 0] = -np.inf
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    packed = np.packbits(bits, axis=1).view(">u8")[:, 0]
    has_picture = pictures.std(axis=(1, 2)) >= rules.min_contrast
    return [UInt64(int(value)) for value in np.where(has_picture, packed, np.uint64(FLAT))]


def _shrink(frames: Frames) -> NDArray[np.float32]:
    """[frame, height, width, rgb] to grey [frame, 32, 32], by the mean of the area under each new pixel."""
    num_frames, height, width, _ = frames.shape
    lines = _shrink_rows(frames.reshape(num_frames, height, width * 3)).reshape(num_frames, _SIDE_PX, width, 3)
    grey = (lines * _LUMA).sum(axis=-1)
    return _shrink_rows(grey.swapaxes(1, 2)).swapaxes(1, 2)


def _shrink_rows(rows: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """[frame, row, value] to [frame, 32, value]: means of equal spans, whose ends may lie inside a row.

    Sums, and not a product with a matrix: numpy's matrix library would start threads beside the other workers'.
    """
    if rows.shape[1] < _SIDE_PX:
        rows = rows.repeat(-(-_SIDE_PX // rows.shape[1]), axis=1)
    num_rows = rows.shape[1]
    edges = np.arange(_SIDE_PX + 1) * num_rows / _SIDE_PX
    whole = edges.astype(int)
    share = (edges - whole).astype(np.float32)[:, None]
    sums = np.add.reduceat(rows, whole[:-1], axis=1, dtype=np.float32)
    cut_rows = share * rows[:, np.minimum(whole, num_rows - 1)]
    return np.asarray((sums - cut_rows[:, :-1] + cut_rows[:, 1:]) * np.float32(_SIDE_PX / num_rows))
