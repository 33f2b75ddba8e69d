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

from h2a_curation.measure.look import Frames, Look
from schemas import Fingerprint
from schemas.table import UInt64

FLAT = 0
"""The hash of a frame without a picture (black, a fade, a plain card): such frames tell no two clips apart or alike."""

_SIDE_PX = 32
_NUM_LOW = 8
_LUMA = np.array([0.299, 0.587, 0.114])


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
    pictures = _shrink(frames @ _LUMA)
    low = dctn(pictures, axes=(1, 2), norm="ortho")[:, :_NUM_LOW, :_NUM_LOW].reshape(len(frames), -1)
    # The first coefficient is the brightness: left out of the median, its bit is always 0.
    low[:, 0] = -np.inf
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    packed = np.packbits(bits, axis=1).view(">u8")[:, 0]
    has_picture = pictures.std(axis=(1, 2)) >= rules.min_contrast
    return [UInt64(int(value)) for value in np.where(has_picture, packed, np.uint64(FLAT))]


def _shrink(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """[frame, height, width] to [frame, 32, 32] by the mean of the area under each new pixel."""
    _, height, width = grey.shape
    return np.asarray(_area_weights(height) @ grey @ _area_weights(width).T)


def _area_weights(side_px: int) -> NDArray[np.float64]:
    """[32, side]: the share of each old pixel in each new one; rows sum to 1."""
    edges = np.arange(_SIDE_PX + 1) * side_px / _SIDE_PX
    pixels = np.arange(side_px)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(np.clip(overlap, 0, None) * _SIDE_PX / side_px)
