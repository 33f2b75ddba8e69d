"""One optimiser step over the pieces of a batch, which refuses what is not finite."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from h2a_curation.videomae.data.to_device import PieceOnDevice
from h2a_curation.videomae.hardware.parallel import ProcessGroup, without_exchange
from h2a_curation.videomae.loop.learner import Learner
from h2a_curation.videomae.loop.optim import StepSize, gradient_norm, step_downhill
from h2a_curation.videomae.loop.task import Task


class NotFiniteError(FloatingPointError):
    """A step's loss or the norm of its gradients is infinite or no number; its text says which, and of which clips."""


class StoppedError(Exception):
    """The step was left between two of its pieces, with weights and optimiser as before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a step was, the same in all processes."""

    loss: float
    """Before the step, over all its clips."""
    norm: float
    """2-norm of its gradients before clipping."""
    told: list[float]
    """What the processes tell each other by it, summed over them."""


def train_step(
    task: Task[object, PieceOnDevice],
    learner: Learner,
    pieces: Iterator[PieceOnDevice],
    size: StepSize,
    *,
    stopped: Callable[[int], bool] = lambda _piece: False,
    tell: Callable[[], list[float]] = list,
) -> Done:
    """Take this process's pieces of a step.

    Loss and norm are over all clips of the step, as if they had come in one piece to one process. The weights are as
    before after a NotFiniteError, and after a StoppedError, which comes when `stopped` says so before a piece, by its
    number: all processes must be told alike. `tell` is asked after the last piece; all must tell equally many numbers.

    The host waits for the device once, before the optimiser: what decides the step comes in one tensor.
    """
    world, num_micro_steps = learner.world, learner.num_micro_steps
    learner.optimizer.zero_grad(set_to_none=True)
    clip_ids, sums = [], []
    share = torch.tensor(math.nan)
    for micro in range(num_micro_steps):
        if stopped(micro):
            raise StoppedError
        piece = next(pieces)
        weight = task.weight(piece)
        if micro == 0:
            share = world.total(weight.clone()) * num_micro_steps / world.size
        with without_exchange(learner.called, last=micro + 1 == num_micro_steps):
            error = _backward(task, learner, piece, share)
        sums.append(torch.stack([error, weight]).double())
        clip_ids.append(piece.clip_ids)
    errors_here = torch.stack(sums)
    told_here = torch.tensor(tell(), dtype=torch.float64, device=errors_here.device)
    sums_of_all = world.total(torch.cat([errors_here.sum(dim=0), told_here]))
    error_sum, weight_sum = sums_of_all[:2].float()
    decisive = [error_sum / weight_sum, share * world.size / weight_sum, gradient_norm(learner.model)]
    loss, scale, norm_here, *told = torch.cat([torch.stack(decisive).double(), sums_of_all[2:]]).tolist()
    if not math.isfinite(loss):
        finite = errors_here[:, 0].isfinite().tolist()
        found = [ids for ids, fine in zip(clip_ids, finite, strict=True) if not fine]
        raise NotFiniteError(f"the loss is {loss}; {_named(world, found)}")
    norm = scale * norm_here
    if not math.isfinite(norm):
        raise NotFiniteError(f"the gradients are not finite, and the loss is {loss:.6g}; {_named(world, clip_ids)}")
    step_downhill(learner.model, learner.optimizer, size, norm, scale)
    if learner.average is not None:
        learner.average.follow(learner.model)
    return Done(loss=loss, norm=norm, told=told)


def _backward(task: Task[object, PieceOnDevice], learner: Learner, piece: PieceOnDevice, share: Tensor) -> Tensor:
    """The summed errors of a piece, after adding their gradient.

    The loss is a mean over the whole step, whose weight is known when its last piece is: until then the first pieces
    stand for all (masks of the official sizes count equally many tokens in every clip), and the step makes up for it.
    """
    error_sum = task.error_sum(learner, piece)
    (error_sum / share).backward()  # type: ignore[no-untyped-call]
    return error_sum.detach()


def _named(world: ProcessGroup, clip_ids: list[list[str]]) -> str:
    """The clips of all processes, once."""
    everywhere = dict.fromkeys(world.gathered([clip_id for ids in clip_ids for clip_id in ids]))
    return f"clips of the batch: {', '.join(everywhere)}" if world.first else "the first process names the clips"
