"""What fine-tuning makes of a clip's frames: the official augmentation, draw for draw."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from h2a_curation.videomae.data.frames import Frames
from h2a_curation.videomae.finetune.crops import erase, random_crop
from h2a_curation.videomae.finetune.generators import Generators
from h2a_curation.videomae.finetune.rand_augment import rand_augment
from h2a_curation.videomae.model.autoencoder import IMAGENET_MEAN, IMAGENET_STD
from h2a_curation.videomae.rules import AugmentationRules


def augmented(
    frames: Sequence[Image.Image], target: tuple[int, int], rules: AugmentationRules, generators: Generators
) -> Tensor:
    """[frame, height, width, rgb], normalised: RandAugment, a crop resized to the target, a flip, a box of noise."""
    python, numpy = generators.python, generators.numpy
    if rules.rand_operations:
        frames = rand_augment(frames, rules, python, numpy)
    width, height = frames[0].size
    box = random_crop(height, width, rules, python, numpy)
    cropped = np.stack([np.asarray(frame.crop(box.edges)) for frame in frames])
    pixels = _resized(torch.from_numpy(cropped).float() / 255, target)
    if rules.flip and numpy.uniform() < 0.5:
        pixels = pixels.flip(2)
    # After the crop, of which there is less: resizing is linear, so that the result is the same.
    pixels = normalised(pixels).contiguous()
    erase(pixels, rules, generators)
    return pixels


def normalised(pixels: Tensor) -> Tensor:
    """Pixels from 0 to 1, channels last, as the model takes them."""
    return (pixels - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)


def as_pictures(frames: Frames) -> list[Image.Image]:
    """The frames [frame, height, width, rgb] for `augmented`."""
    return [Image.fromarray(frame) for frame in frames]


def _resized(pixels_THWC: Tensor, target: tuple[int, int]) -> Tensor:
    """Bilinear, without a filter for aliasing, as officially."""
    resized = interpolate(pixels_THWC.permute(0, 3, 1, 2), size=target, mode="bilinear", align_corners=False)
    return resized.permute(0, 2, 3, 1)
