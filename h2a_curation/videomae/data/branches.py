"""Which branches and features of a model are left out for a sample: decided by (seed, epoch, place) alone."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from h2a_curation.videomae.data.sampling import random_state
from h2a_curation.videomae.model.drop_path import BRANCHES, kept_branches


def draw_branches(key: str, num_samples: int, rates: Sequence[float]) -> Tensor:
    """[sample, block, branch] for the samples of one clip, whose draw has this key.

    It has a generator of its own, so that frames, crops and masks are those of a run that drops nothing.
    """
    drawn = random_state(f"{key}/branches").random_sample((num_samples, len(rates), BRANCHES))
    return kept_branches(torch.from_numpy(drawn.astype(np.float32)), rates)


def draw_features(key: str, num_samples: int, width: int, rate: float) -> Tensor:
    """[sample, feature] for the samples of one clip: 0 for a share of `rate`, and what makes up for it for the rest."""
    drawn = random_state(f"{key}/features").random_sample((num_samples, width))
    return torch.from_numpy((drawn >= rate).astype(np.float32) / np.float32(1 - rate))
