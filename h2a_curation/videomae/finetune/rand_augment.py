"""RandAugment for clips (Cubuk et al. 2019): a few operations on whole frames, each the same for all frames of a clip.

Operations, their order and their draws are those of the official code with `inc1`: every operation does more, the
greater its magnitude.
"""

import random
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from h2a_curation.videomae.rules import AugmentationRules

MAX_MAGNITUDE = 10.0
_FILL = (128, 128, 128)
"""Grey, where an operation moves in what lies outside."""
_SKIPPED = 0.5
"""Share of the drawn operations that are left out."""
_SOLARIZE_BELOW = 128

Operation = Callable[[Image.Image, float, random.Random], Callable[[Image.Image], Image.Image]]
"""`operation(first frame, magnitude from 0 to 1, generator)` is what is done to each frame."""


def rand_augment(
    frames: Sequence[Image.Image], rules: AugmentationRules, python: random.Random, numpy: np.random.RandomState
) -> list[Image.Image]:
    """The frames, all of one size, after the operations that are drawn."""
    changed = list(frames)
    for place in numpy.choice(len(OPERATIONS), rules.rand_operations):
        if python.random() <= _SKIPPED:
            changed = operated(changed, list(OPERATIONS)[place], rules, python)
    return changed


def operated(
    frames: Sequence[Image.Image], name: str, rules: AugmentationRules, python: random.Random
) -> list[Image.Image]:
    """The frames after this operation, whose magnitude is drawn."""
    magnitude = rules.rand_magnitude
    if rules.rand_magnitude_std:
        magnitude = python.gauss(magnitude, rules.rand_magnitude_std)
    share = min(MAX_MAGNITUDE, max(0, magnitude)) / MAX_MAGNITUDE
    change = OPERATIONS[name](frames[0], share, python)
    return [change(frame) for frame in frames]


def _signed(value: float, python: random.Random) -> float:
    return -value if python.random() > 0.5 else value


def _plain(change: Callable[[Image.Image], Image.Image]) -> Operation:
    """An operation without a magnitude."""
    return lambda _frame, _share, _python: change


def _rotate(_frame: Image.Image, share: float, python: random.Random) -> Callable[[Image.Image], Image.Image]:
    degrees = _signed(share * 30.0, python)
    return lambda frame: frame.rotate(degrees, resample=Image.Resampling.BICUBIC, fillcolor=_FILL)


def _posterize(_frame: Image.Image, share: float, _python: random.Random) -> Callable[[Image.Image], Image.Image]:
    num_bits = 4 - int(share * 4)
    return lambda frame: ImageOps.posterize(frame, num_bits)


def _solarize(_frame: Image.Image, share: float, _python: random.Random) -> Callable[[Image.Image], Image.Image]:
    threshold = 256 - int(share * 256)
    return lambda frame: ImageOps.solarize(frame, threshold)


def _solarize_add(_frame: Image.Image, share: float, _python: random.Random) -> Callable[[Image.Image], Image.Image]:
    added = int(share * 110)
    table = [min(255, level + added) if level < _SOLARIZE_BELOW else level for level in range(256)] * 3
    return lambda frame: frame.point(table)


def _enhanced(kind: Callable[[Image.Image], ImageEnhance._Enhance]) -> Operation:
    def operation(_frame: Image.Image, share: float, python: random.Random) -> Callable[[Image.Image], Image.Image]:
        factor = 1.0 + _signed(share * 0.9, python)
        return lambda frame: kind(frame).enhance(factor)

    return operation


def _affine(matrix: Callable[[float, tuple[int, int]], tuple[float, ...]], greatest: float) -> Operation:
    def operation(frame: Image.Image, share: float, python: random.Random) -> Callable[[Image.Image], Image.Image]:
        numbers = matrix(_signed(share * greatest, python), frame.size)
        return lambda each: each.transform(
            each.size, Image.Transform.AFFINE, numbers, resample=Image.Resampling.BICUBIC, fillcolor=_FILL
        )

    return operation


OPERATIONS: dict[str, Operation] = {
    "AutoContrast": _plain(ImageOps.autocontrast),
    "Equalize": _plain(ImageOps.equalize),
    "Invert": _plain(ImageOps.invert),
    "Rotate": _rotate,
    "Posterize": _posterize,
    "Solarize": _solarize,
    "SolarizeAdd": _solarize_add,
    "Color": _enhanced(ImageEnhance.Color),
    "Contrast": _enhanced(ImageEnhance.Contrast),
    "Brightness": _enhanced(ImageEnhance.Brightness),
    "Sharpness": _enhanced(ImageEnhance.Sharpness),
    "ShearX": _affine(lambda by, _size: (1, by, 0, 0, 1, 0), 0.3),
    "ShearY": _affine(lambda by, _size: (1, 0, 0, by, 1, 0), 0.3),
    "TranslateX": _affine(lambda by, size: (1, 0, by * size[0], 0, 1, 0), 0.45),
    "TranslateY": _affine(lambda by, size: (1, 0, 0, 0, 1, by * size[1]), 0.45),
}
"""They stand in the order of the official list, from which they are drawn by place."""
