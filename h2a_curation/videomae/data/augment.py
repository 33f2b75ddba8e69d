"""The spatial transform of pretraining: one random crop of one of ten shapes, the same for all frames, resized."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from h2a_curation.videomae.data.frames import Frames, Region

Size = tuple[int, int]
"""Height and width of a picture, in pixels."""
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

    @property
    def edges(self) -> Region:
        """Left, top, right and bottom."""
        return self.left, self.top, self.left + self.width, self.top + self.height

    def within(self, other: "Box") -> "Box":
        """The same place, counted from another box's corner."""
        return Box(left=self.left - other.left, top=self.top - other.top, width=self.width, height=self.height)


def surrounding(boxes: Sequence[Box]) -> Box:
    """The smallest box around all."""
    left, top, right, bottom = zip(*(box.edges for box in boxes), strict=True)
    return Box(left=min(left), top=min(top), width=max(right) - min(left), height=max(bottom) - min(top))


def multi_scale_box(width_px: int, height_px: int, target: Size, rng: random.Random, *, parity: bool = False) -> Box:
    """A crop of a frame of that size, for pictures of the target's, drawn as the official code draws it.

    A side within 2 px of the target becomes the target, so that nothing is resampled, but never grows beyond the frame.
    With `parity` it does, as in the official code: the box then begins outside, and what is there is black. The shapes
    are the same whatever the target's: one that is not square stretches them, as officially.
    """
    short = min(width_px, height_px)
    sides = [int(short * scale) for scale in SCALES]

    def snapped(side: int, wanted: int, longest: int) -> int:
        return wanted if abs(side - wanted) < 3 and (parity or wanted <= longest) else side

    square = target[0] == target[1]
    heights = [snapped(side, target[0], short if square else height_px) for side in sides]
    widths = [snapped(side, target[1], short if square else width_px) for side in sides]
    shapes = [(w, h) for i, h in enumerate(heights) for j, w in enumerate(widths) if abs(i - j) <= 1]
    width, height = rng.choice(shapes)
    x, y = rng.choice(OFFSETS)
    return Box(left=x * ((width_px - width) // 4), top=y * ((height_px - height) // 4), width=width, height=height)


def crop_and_resize(images: Sequence[Image.Image], box: Box, target: Size) -> Frames:
    """[frame, height, width, rgb]: bilinear, with PIL's filter against aliasing: bit for bit the official pixels."""
    resized = [image.crop(box.edges).resize(target[::-1], Image.Resampling.BILINEAR) for image in images]
    return np.stack([np.asarray(image) for image in resized])


def fast_crop_and_resize(frames: Frames, box: Box, into: Frames) -> None:
    """The same in a fifth of the time, by torch's port of PIL's filter: no value is off by more than 2 levels of 255.

    The port's weights have 16 bits, PIL's 22, so that what lies halfway between two levels may be rounded the other
    way. Of real frames at most shapes less than 3 values in a thousand differ, and none where nothing is resampled.
    """
    crop = frames[:, box.top : box.top + box.height, box.left : box.left + box.width]
    if crop.shape == into.shape:
        into[:] = crop
        return
    # numpy makes the copy: torch would start threads for it, and this is a loader's thread. `interpolate` calls the
    # same operator, but not in memory that is there already.
    whole = torch.from_numpy(np.ascontiguousarray(crop)).permute(0, 3, 1, 2)
    size = into.shape[1:3]
    torch.ops.aten._upsample_bilinear2d_aa.out(
        whole, size, False, None, None, out=torch.from_numpy(into).permute(0, 3, 1, 2)
    )


def shrink_for(width_px: int, height_px: int, target: Size) -> int:
    """By what frames may be divided beforehand so that the smallest crop is still no smaller than the target.

    1 for the official sizes; the small presets decode and resize several times faster for it.
    """
    return max(1, int(min(width_px, height_px) * SCALES[-1]) // max(target))
