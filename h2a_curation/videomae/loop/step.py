"""One optimiser step over the pieces of a batch, which refuses what is not finite."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from h2a_curation.videomae.data.to_device import PieceOnDevice
from h2a_curation.videomae.hardware.parallel import ProcessGroup, without_exchange
from h2a_curation.videomae.loop.learner import Learner
from h2a_curation.videomae.loop.optim import StepSize, step_downhill
from h2a_curation.videomae.loop.task import Task


class NotFiniteError(FloatingPointError):
    """A step's loss or the norm of its gradients is infinite or no number; its text says which, and of which clips."""


class StoppedError(Exception):
    """The step was left between two of its pieces, with weights and optimiser as before it."""


def train_step(
    task: Task[object, PieceOnDevice],
    learner: Learner,
    pieces: Iterator[PieceOnDevice],
    size: StepSize,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[float, float]:
    """Take this process's pieces of a step; the loss before the step and the 2-norm of its gradients.

    Both are over all clips of the step, as if they had come in one piece to one process. The weights are as before
    after a NotFiniteError, and after a StoppedError, which comes when `stopped` says so after a piece: all processes
    must be told alike.
    """
    world, num_micro_steps = learner.world, learner.num_micro_steps
    learner.optimizer.zero_grad(set_to_none=True)
    clip_ids, sums = [], []
    share = torch.tensor(math.nan)
    for micro in range(num_micro_steps):
        piece = next(pieces)
        weight = task.weight(piece)
        if micro == 0:
            share = world.total(weight.clone()) * num_micro_steps / world.size
        with without_exchange(learner.called, last=micro + 1 == num_micro_steps):
            error = _backward(task, learner, piece, share)
        sums.append(torch.stack([error, weight]).double())
        clip_ids.append(piece.clip_ids)
        if micro + 1 < num_micro_steps and stopped():
            raise StoppedError
    errors_here = torch.stack(sums)
    error_sum, weight_sum = world.total(errors_here.sum(dim=0)).float()
    loss = float(error_sum / weight_sum)
    if not math.isfinite(loss):
        finite = errors_here[:, 0].isfinite().tolist()
        found = [ids for ids, fine in zip(clip_ids, finite, strict=True) if not fine]
        raise NotFiniteError(f"the loss is {loss}; {_named(world, found)}")
    scale = float(share * world.size / weight_sum)
    try:
        norm = step_downhill(learner.model, learner.optimizer, size, scale)
    except FloatingPointError as broken:
        raise NotFiniteError(f"{broken}, and the loss is {loss:.6g}; {_named(world, clip_ids)}") from broken
    if learner.average is not None:
        learner.average.follow(learner.model)
    return loss, norm


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
    everywhere = world.gathered([clip_id for ids in clip_ids for clip_id in ids])
    return f"clips of the batch: {', '.join(everywhere)}" if world.first else "the first process names the clips"
