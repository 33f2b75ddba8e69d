"""The random resized crop of fine-tuning, and the box that is erased: one for all frames of a clip."""

import math
import random

import numpy as np
import torch
from torch import Tensor

from h2a_curation.videomae.data.augment import Box
from h2a_curation.videomae.finetune.generators import Generators
from h2a_curation.videomae.rules import AugmentationRules

_CROP_TRIES, _ERASE_TRIES = 10, 100
_ERASE_AREA = (0.02, 1 / 3)
_ERASE_ASPECT = (0.3, 1 / 0.3)


def random_crop(
    height: int, width: int, rules: AugmentationRules, python: random.Random, numpy: np.random.RandomState
) -> Box:
    """A crop of a share of the area and a ratio of sides, both drawn; the middle where none fits in ten tries."""
    least, greatest = rules.crop_aspect
    for _ in range(_CROP_TRIES):
        area = python.uniform(*rules.crop_area) * (height * width)
        aspect = math.exp(python.uniform(math.log(least), math.log(greatest)))
        wide, high = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        numpy.uniform()  # the official code draws whether to exchange the sides, and never does
        if 0 < wide <= width and 0 < high <= height:
            top = python.randint(0, height - high)
            return Box(left=python.randint(0, width - wide), top=top, width=wide, height=high)
    wide, high = width, height
    if width / height < least:
        high = round(width / least)
    elif width / height > greatest:
        wide = round(height * greatest)
    return Box(left=(width - wide) // 2, top=(height - high) // 2, width=wide, height=high)


def erase(pixels_THWC: Tensor, rules: AugmentationRules, generators: Generators) -> None:
    """Put noise into a box of all frames, where the draw says so; another noise into each frame."""
    python = generators.python
    if not rules.erase_probability or python.random() > rules.erase_probability:
        return
    _, height, width, channels = pixels_THWC.shape
    for _ in range(_ERASE_TRIES):
        area = python.uniform(*_ERASE_AREA) * (height * width)
        aspect = math.exp(python.uniform(*(math.log(end) for end in _ERASE_ASPECT)))
        high, wide = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if wide < width and high < height:
            top = python.randint(0, height - high)
            left = python.randint(0, width - wide)
            for frame in pixels_THWC:
                noise = torch.empty((channels, high, wide)).normal_(generator=generators.torch)
                frame[top : top + high, left : left + wide] = noise.permute(1, 2, 0)
            return
