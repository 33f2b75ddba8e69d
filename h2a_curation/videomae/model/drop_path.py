"""Stochastic depth (drop path): in training each branch of a block is left out now and then, sample by sample.

What is left out is given to the model and not drawn by it, so that it is the same whatever the number of processes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

BRANCHES = 2
"""Branches of a block: attention, then the MLP."""


def drop_rates(rate: float, depth: int) -> list[float]:
    """How often each block of a stack is left out: never the first, `rate` the last, a straight line between."""
    rates: list[float] = torch.linspace(0, rate, depth).tolist()
    return rates


def kept_branches(drawn_BL2: Tensor, rates: Sequence[float]) -> Tensor:
    """[sample, block, branch]: what each branch is multiplied by, from numbers drawn evenly from [0, 1).

    0 leaves it out; one that stays is enlarged, so that the mean over draws is as without dropping.
    """
    kept = 1 - torch.tensor(rates, device=drawn_BL2.device)[:, None]
    return (drawn_BL2 + kept).floor() / kept


def scaled(branch_BND: Tensor, kept_B: Tensor) -> Tensor:
    """A branch's tokens, each sample's times its own number, which bfloat16 would round by up to 0.4 %."""
    return branch_BND * kept_B[:, None, None]
