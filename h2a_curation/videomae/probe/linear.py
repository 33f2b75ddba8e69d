"""The linear probe: multinomial logistic regression on standardised features, by L-BFGS in float64.

With x a feature less its mean and over its deviation, y its class, the probe minimises over W and b

    mean of -log softmax(W x + b)[y]  +  l2 / 2 * sum of W^2.

The l2 is the one of L2S whose probe, learnt from four fifths of each class, has the least log loss on the other fifth.
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
_MAX_ITERATIONS, _SMALL_GRADIENT = 500, 1e-4


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
    num_classes = int(classes.max()) + 1
    tried = _path(x[~out], y[~out], num_classes, L2S)
    losses = [float(cross_entropy(probe.logits(x[out]), y[out])) for probe in tried]
    best = int(np.argmin(losses))
    return _path(x, y, num_classes, L2S[: best + 1])[-1]


def held_out_places(classes: NDArray[np.int64], ids: Sequence[str]) -> NDArray[np.bool_]:
    """A fifth of each class's videos, at least one where it has two: those with the least hashes of their ids."""
    hashes = np.array([blake2b(name.encode(), digest_size=8).hexdigest() for name in ids])
    chosen = np.zeros(len(classes), np.bool_)
    for number in np.unique(classes):
        own = np.flatnonzero(classes == number)
        num = max(round(len(own) / _HELD_OUT), 1) if len(own) > 1 else 0
        chosen[own[np.argsort(hashes[own], kind="stable")[:num]]] = True
    return chosen


def _path(x: Tensor, y: Tensor, num_classes: int, l2s: Sequence[float]) -> list[LinearProbe]:
    """The probe of each l2."""
    deviation, mean = torch.std_mean(x, dim=0, correction=0)
    deviation = torch.where(deviation > 0, deviation, 1.0)
    standard = (x - mean) / deviation
    weight = torch.zeros(x.shape[1], num_classes, dtype=torch.float64, device=x.device, requires_grad=True)
    bias = torch.zeros(num_classes, dtype=torch.float64, device=x.device, requires_grad=True)
    found = []
    for l2 in l2s:
        largest = _minimise(standard, y, weight, bias, l2)
        found.append(
            LinearProbe(
                l2=l2, converged=largest < _SMALL_GRADIENT, mean=mean, deviation=deviation,
                weight=weight.detach().clone(), bias=bias.detach().clone(),
            )
        )  # fmt: skip
    return found


def _minimise(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, l2: float) -> float:
    """Move weight and bias to the minimum; the largest entry of the gradient that is left."""
    solver = torch.optim.LBFGS(
        [weight, bias], max_iter=_MAX_ITERATIONS, history_size=20, tolerance_grad=1e-7, tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def loss() -> Tensor:
        solver.zero_grad()
        value = cross_entropy(x @ weight + bias, y) + 0.5 * l2 * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    solver.step(loss)  # type: ignore[no-untyped-call]
    loss()
    assert weight.grad is not None
    assert bias.grad is not None
    return float(torch.cat([weight.grad.flatten(), bias.grad]).abs().max())
