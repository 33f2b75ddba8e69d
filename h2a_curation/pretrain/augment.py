"""The spatial transform of pretraining: one random crop of one of ten shapes, the same for all frames, resized."""

import random
from dataclasses import dataclass

import numpy as np
from PIL import Image

from h2a_curation.pretrain.frames import Frames

SCALES = (1, 0.875, 0.75, 0.66)
OFFSETS = ((0, 0), (4, 0), (0, 4), (4, 4), (2, 2), (0, 2), (4, 2), (2, 4), (2, 0), (1, 1), (3, 1), (1, 3), (3, 3))
"""(x, y) in quarters of the room left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A crop, in pixels."""

    left: int
    top: int
    width: int
    height: int


def multi_scale_box(width_px: int, height_px: int, size_px: int, rng: random.Random) -> Box:
    """A crop for a target of size_px x size_px, drawn as the official code draws it.

    A side within 2 px of the target becomes the target, so that nothing is resampled, but never grows beyond the frame:
    there the official code pads with black.
    """
    short = min(width_px, height_px)
    sides = [int(short * scale) for scale in SCALES]
    sides = [size_px if abs(side - size_px) < 3 and size_px <= short else side for side in sides]
    width, height = rng.choice([(w, h) for i, h in enumerate(sides) for j, w in enumerate(sides) if abs(i - j) <= 1])
    x, y = rng.choice(OFFSETS)
    return Box(left=x * ((width_px - width) // 4), top=y * ((height_px - height) // 4), width=width, height=height)


def crop_and_resize(frames: Frames, box: Box, size_px: int) -> Frames:
    """[frame, size, size, rgb]: bilinear, with PIL's filter against aliasing."""
    cropped = frames[:, box.top : box.top + box.height, box.left : box.left + box.width]
    resized = [Image.fromarray(f).resize((size_px, size_px), Image.Resampling.BILINEAR) for f in cropped]
    return np.stack([np.asarray(image) for image in resized])
