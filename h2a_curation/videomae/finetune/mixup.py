"""Mixup and cutmix: each clip of a step is blended with another one, and so is what is to be told of it.

The share, and the box of cutmix, are drawn once for a step, and the partner of its i-th sample is its i-th from the
end, as in the official code with one device. They are so whatever the number of devices and of passes: see samples.py.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from h2a_curation.videomae.rules import MixingRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What is drawn for a step."""

    share: float = 1.0
    """How much of a sample's target is its own; the rest is its partner's."""
    box: tuple[int, int, int, int] | None = None
    """Left, top, right and bottom of what cutmix takes from the partner; None blends all pixels by the share."""


ALONE = Mix()
"""A step that mixes nothing."""


def draw_mix(rules: MixingRules, height: int, width: int, rng: np.random.RandomState) -> Mix:
    """Drawn as timm 0.4.12 draws it for a batch, in the same order."""
    if not rules.mixes or rng.rand() >= rules.mixup_probability:
        return ALONE
    cuts = rng.rand() < rules.switch_probability if rules.mixup and rules.cutmix else bool(rules.cutmix)
    alpha = rules.cutmix if cuts else rules.mixup
    share = float(rng.beta(alpha, alpha))
    if not cuts or share == 1:
        return Mix(share=share)
    ratio = np.sqrt(1 - share)
    cut_height, cut_width = int(height * ratio), int(width * ratio)
    middle_y, middle_x = int(rng.randint(0, height)), int(rng.randint(0, width))
    top, bottom = _within(middle_y - cut_height // 2, height), _within(middle_y + cut_height // 2, height)
    left, right = _within(middle_x - cut_width // 2, width), _within(middle_x + cut_width // 2, width)
    own = 1.0 - (bottom - top) * (right - left) / float(height * width)
    return Mix(share=own, box=(left, top, right, bottom))


def mixed_videos(videos_BTHWC: Tensor, mix: Mix) -> Tensor:
    """The clips blended with their partners, which are the same clips in the other order."""
    if mix.share == 1 and mix.box is None:
        return videos_BTHWC
    partners = videos_BTHWC.flip(0)
    if mix.box is None:
        return videos_BTHWC * mix.share + partners * (1 - mix.share)
    left, top, right, bottom = mix.box
    mixed = videos_BTHWC.clone()
    mixed[:, :, top:bottom, left:right] = partners[:, :, top:bottom, left:right]
    return mixed


def mixed_targets(labels_B: Tensor, num_classes: int, smoothing: float, mix: Mix) -> Tensor:
    """[batch, class] probabilities to be told, smoothed: each class gets its part of `smoothing`."""
    off = smoothing / num_classes
    smoothed = torch.where(one_hot(labels_B, num_classes).bool(), 1 - smoothing + off, off)
    if mix.share == 1:
        return smoothed
    return smoothed * mix.share + smoothed.flip(0) * (1 - mix.share)


def soft_target_errors(logits_BC: Tensor, targets_BC: Tensor) -> Tensor:
    """[batch] cross-entropies of logits and probabilities, in float32."""
    errors: Tensor = cross_entropy(logits_BC.float(), targets_BC, reduction="none")
    return errors


def _within(place: int, side: int) -> int:
    return min(max(place, 0), side)
