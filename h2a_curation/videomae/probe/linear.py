"""The linear probe: multinomial logistic regression on standardised features, by L-BFGS in float64.

With x a feature less its mean and over its deviation, y its class, the probe minimises over W and b

    mean of -log softmax(W x + b)[y]  +  l2 / 2 * sum of W^2.

The l2 is the one of L2S whose probe, learnt from four fifths of each class, has the least log loss on the other fifth.
The problem is convex, so there is one answer, wherever the solver begins.
So nothing that is tested on chooses anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from h2a_curation.videomae.probe.nearest import Shares

L2S = (10.0, 1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-5)
"""From a probe that hardly dares to one that is hardly held; each begins where the one before ended."""
_HELD_OUT = 5
"""One of so many videos of each class chooses the l2."""
_WORSE_IN_A_ROW = 2
_MAX_ITERATIONS = 1000
_GRADIENT_TO_CHOOSE, _SMALL_GRADIENT, _SMALL_CHANGE = 1e-4, 1e-6, 1e-12
"""Largest entry of the gradient at which a probe is good enough to be compared, and to be used; the solver also stops
where a step changes less than the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearProbe:
    """What was learnt."""

    l2: float
    converged: bool
    mean: Tensor
    deviation: Tensor
    weight: Tensor
    """[number, class]"""
    bias: Tensor

    def shares(self, tested: NDArray[np.float64]) -> Shares:
        """Each class's probability."""
        return np.asarray(self.logits(torch.from_numpy(tested).to(self.mean.device)).softmax(dim=1).cpu().numpy())

    def logits(self, x: Tensor) -> Tensor:
        """[video, class] of features."""
        return (x - self.mean) / self.deviation @ self.weight + self.bias


def learn_linear(
    learnt: NDArray[np.float64], classes: NDArray[np.int64], ids: Sequence[str], device: torch.device
) -> LinearProbe | None:
    """The probe of these videos; None where no class has two, so that nothing can choose the l2."""
    held_out = held_out_places(classes, ids)
    if not held_out.any():
        return None
    x, y = torch.from_numpy(learnt).to(device), torch.from_numpy(classes).to(device)
    out = torch.from_numpy(held_out).to(device)
    chosen = _chosen(x[~out], y[~out], x[out], y[out], int(classes.max()) + 1)
    weight, bias = chosen.weight.requires_grad_(), chosen.bias.requires_grad_()
    return _minimised(_standard(x), y, weight, bias, chosen.l2, _SMALL_GRADIENT)


def held_out_places(classes: NDArray[np.int64], ids: Sequence[str]) -> NDArray[np.bool_]:
    """A fifth of each class's videos, at least one where it has two: those with the least hashes of their ids."""
    hashes = np.array([blake2b(name.encode(), digest_size=8).hexdigest() for name in ids])
    chosen = np.zeros(len(classes), np.bool_)
    for number in np.unique(classes):
        own = np.flatnonzero(classes == number)
        num = max(round(len(own) / _HELD_OUT), 1) if len(own) > 1 else 0
        chosen[own[np.argsort(hashes[own], kind="stable")[:num]]] = True
    return chosen


def _chosen(x: Tensor, y: Tensor, x_out: Tensor, y_out: Tensor, num_classes: int) -> LinearProbe:
    """The probe with the least log loss on what is held out: none further on is tried once two in a row are worse."""
    standard = _standard(x)
    weight = torch.zeros(x.shape[1], num_classes, dtype=torch.float64, device=x.device, requires_grad=True)
    bias = torch.zeros(num_classes, dtype=torch.float64, device=x.device, requires_grad=True)
    best, least, num_worse = None, float("inf"), 0
    for l2 in L2S:
        probe = _minimised(standard, y, weight, bias, l2, _GRADIENT_TO_CHOOSE)
        loss = float(cross_entropy(probe.logits(x_out), y_out))
        num_worse = num_worse + 1 if loss >= least else 0
        if loss < least:
            best, least = probe, loss
        if num_worse == _WORSE_IN_A_ROW:
            break
    assert best is not None, "features are finite, and so is the loss of the first l2"
    return best


@dataclass(frozen=True, slots=True)
class _Standard:
    """Features less their mean and over their deviation."""

    mean: Tensor
    deviation: Tensor
    x: Tensor


def _standard(x: Tensor) -> _Standard:
    deviation, mean = torch.std_mean(x, dim=0, correction=0)
    deviation = torch.where(deviation > 0, deviation, 1.0)
    return _Standard(mean, deviation, (x - mean) / deviation)


def _minimised(
    standard: _Standard, y: Tensor, weight: Tensor, bias: Tensor, l2: float, small_gradient: float
) -> LinearProbe:
    """Move weight and bias to the minimum; a copy of them there."""
    solver = torch.optim.LBFGS(
        [weight, bias], max_iter=_MAX_ITERATIONS, history_size=20, tolerance_grad=small_gradient,
        tolerance_change=_SMALL_CHANGE, line_search_fn="strong_wolfe",
    )  # fmt: skip

    def loss() -> Tensor:
        solver.zero_grad()
        value = cross_entropy(standard.x @ weight + bias, y) + 0.5 * l2 * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    solver.step(loss)  # type: ignore[no-untyped-call]
    loss()
    assert weight.grad is not None
    assert bias.grad is not None
    return LinearProbe(
        l2=l2,
        converged=float(torch.cat([weight.grad.flatten(), bias.grad]).abs().max()) <= 2 * small_gradient,
        mean=standard.mean,
        deviation=standard.deviation,
        weight=weight.detach().clone(),
        bias=bias.detach().clone(),
    )
