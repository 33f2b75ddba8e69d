"""Fingerprint each clip: exactly by its decoded frames, and perceptually, to survive re-encoding and rescaling.

The perceptual hash of a frame, of 64 bits:

    1. grey levels by the luma weights of ITU-R BT.601, averaged to 32 x 32 pixels
    2. the two-dimensional DCT of these; of it the 8 x 8 lowest frequencies, which re-encoding and rescaling keep
    3. one bit for each: whether it is above the median of all but the first, which is the brightness

The median makes half of the bits 1, so the hashes of unrelated frames differ in about 32 of 64 bits; those of a frame
and its re-encoded copy differ in a few. A crop or a mirror image has another hash. This is pHash (Zauner,
Implementation and Benchmarking of Perceptual Image Hash Functions, 2010), with areas averaged where pHash filters and
scales, and with the block of frequencies at the corner, where pHash leaves out the first row and column.
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
"""Version of both hashes. Clips are hashed anew when it rises. Raise it when the same input gives another output:
tests/measure/test_goldens.py fails then, and says so."""

FLAT = 0
"""The hash of a frame without a picture (black, a fade, a plain card): such frames tell no two clips apart or alike."""

_SIDE_PX = 32
"""Side of the small picture, as in pHash: four times that of the block of frequencies, so that noise averages out."""
_NUM_LOW = 8
"""Side of the block of lowest frequencies: its square is the number of bits."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in a grey level: ITU-R BT.601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HashRules:
    """Which frames have enough of a picture for a perceptual hash."""

    min_contrast: float = 3.0
    """Standard deviation of the 32 x 32 picture in grey levels, below which a frame is FLAT. A lower limit would hash
    the noise of plain frames, which is alike in no two copies."""


def hash_clips(looks: Iterable[tuple[str, Look]], rules: HashRules, *, model: str) -> Iterator[Fingerprint]:
    """Yield one row for each (clip id, look), in order."""
    for clip_id, look in looks:
        hashes = perceptual_hashes(look.frames, rules)
        yield Fingerprint(clip_id=clip_id, model=model, frames_sha256=look.frames_sha256, phash=hashes)


def perceptual_hashes(frames: Frames, rules: HashRules) -> list[UInt64]:
    """One 64-bit hash for each frame, with the lowest frequency in the highest bit; FLAT for a frame without a
    picture."""
    pictures = _shrink(frames)
    low = dctn(pictures, axes=(1, 2), norm="ortho")[:, :_NUM_LOW, :_NUM_LOW].reshape(len(frames), -1)
    # The first coefficient is the brightness, far larger than the others: left out of the median, its bit is always 0.
    low[:, 0] = -np.inf
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    packed = np.packbits(bits, axis=1).view(">u8")[:, 0]
    has_picture = pictures.std(axis=(1, 2)) >= rules.min_contrast
    return [UInt64(int(value)) for value in np.where(has_picture, packed, np.uint64(FLAT))]


def _shrink(frames: Frames) -> NDArray[np.float32]:
    """[frame, height, width, rgb] to grey [frame, 32, 32], by the mean of the area under each new pixel."""
    # Rows first, in all three colours: they lie together in memory, and 32 rows are left to weigh into grey.
    num_frames, height, width, _ = frames.shape
    lines = _shrink_rows(frames.reshape(num_frames, height, width * 3)).reshape(num_frames, _SIDE_PX, width, 3)
    grey = (lines * _LUMA).sum(axis=-1)
    return _shrink_rows(grey.swapaxes(1, 2)).swapaxes(1, 2)


def _shrink_rows(rows: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """[frame, row, value] to [frame, 32, value]: means of equal spans, whose ends may lie inside a row.

    Sums, and not a product with a matrix: numpy's matrix library would start threads beside those of other workers.
    """
    # A picture of fewer than 32 rows is enlarged first, so that no span is empty.
    if rows.shape[1] < _SIDE_PX:
        rows = rows.repeat(-(-_SIDE_PX // rows.shape[1]), axis=1)
    num_rows = rows.shape[1]
    edges = np.arange(_SIDE_PX + 1) * num_rows / _SIDE_PX
    whole = edges.astype(int)
    share = (edges - whole).astype(np.float32)[:, None]
    # Whole rows from the one in which a span begins, less the part before its begin, plus the part of the next row.
    sums = np.add.reduceat(rows, whole[:-1], axis=1, dtype=np.float32)
    cut_rows = share * rows[:, np.minimum(whole, num_rows - 1)]
    return np.asarray((sums - cut_rows[:, :-1] + cut_rows[:, 1:]) * np.float32(_SIDE_PX / num_rows))
