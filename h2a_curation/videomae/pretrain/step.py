"""One batch through the model: its loss, and an optimiser step that refuses what is not finite."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from h2a_curation.videomae.data.loader import Batch
from h2a_curation.videomae.data.to_device import DeviceBatch
from h2a_curation.videomae.hardware.devices import autocast
from h2a_curation.videomae.hardware.parallel import ProcessGroup, without_exchange
from h2a_curation.videomae.loop.learner import Learner
from h2a_curation.videomae.loop.optim import StepSize, step_downhill
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
from h2a_curation.videomae.model.loss import take_tokens, targets, token_errors
from h2a_curation.videomae.presets import Dtype


def predict(model: MaskedAutoencoder, batch: Batch, dtype: Dtype) -> tuple[Tensor, Tensor]:
    """Predictions and targets at all of the batch's decoded tokens."""
    patches = model.patchify(batch.video)
    with autocast(batch.video.device, dtype):
        predicted = model(patches, batch.visible, batch.decoded)
    return predicted, targets(take_tokens(patches, batch.decoded))


def patch_errors(predicted_BkP: Tensor, patches_BkP: Tensor) -> Tensor:
    """Errors, [batch, k], of predictions for uint8 patches."""
    return token_errors(predicted_BkP, targets(patches_BkP))


def train_step(learner: Learner, pieces: Iterator[DeviceBatch], size: StepSize) -> tuple[float, float]:
    """Take this process's pieces of a step; the loss before the step and the 2-norm of its gradients.

    Both are over all clips of the step, as if they had come in one piece to one process. FloatingPointError with the
    clips at fault if either is not finite; the weights are then as before.
    """
    world, num_micro_steps = learner.world, learner.num_micro_steps
    learner.optimizer.zero_grad(set_to_none=True)
    clip_ids, sums = [], []
    share = torch.tensor(math.nan)
    for micro in range(num_micro_steps):
        piece = next(pieces)
        weight = piece.batch.was_hidden.sum().float()
        if micro == 0:
            share = world.total(weight.clone()) * num_micro_steps / world.size
        with without_exchange(learner.called, last=micro + 1 == num_micro_steps):
            error = _backward(learner, piece, share)
        sums.append(torch.stack([error, weight]).double())
        clip_ids.append(piece.batch.clip_ids)
    errors_here = torch.stack(sums)
    error_sum, weight_sum = world.total(errors_here.sum(dim=0)).float()
    loss = float(error_sum / weight_sum)
    if not math.isfinite(loss):
        finite = errors_here[:, 0].isfinite().tolist()
        at_fault = [ids for ids, fine in zip(clip_ids, finite, strict=True) if not fine]
        raise _not_finite(world, f"the loss is {loss}", at_fault)
    try:
        scale = float(share * world.size / weight_sum)
        norm = step_downhill(learner.model, learner.optimizer, size, scale)
    except FloatingPointError as broken:
        raise _not_finite(world, str(broken), clip_ids) from broken
    return loss, norm


def _backward(learner: Learner, piece: DeviceBatch, share: Tensor) -> Tensor:
    """The summed errors of a piece, after adding their gradient.

    The loss is a mean over the tokens of the whole step, which are known when its last piece is: until then the first
    pieces stand for all (masks of the official sizes count equally many in every clip), and the step makes up for it.
    """
    batch, counted = piece.batch, piece.counted
    patches = learner.model.patchify(batch.video)
    with autocast(batch.video.device, learner.dtype):
        predicted = learner.called(patches, batch.visible, batch.decoded, counted)
    errors = learner.errors(predicted, take_tokens(patches, batch.decoded.gather(1, counted)))
    error_sum = (errors * batch.was_hidden.gather(1, counted).to(errors.dtype)).sum()
    (error_sum / share).backward()  # type: ignore[no-untyped-call]
    return error_sum.detach()


def _not_finite(world: ProcessGroup, what: str, clip_ids: list[list[str]]) -> FloatingPointError:
    """An error that names the clips of all processes, once."""
    everywhere = world.gathered([clip_id for ids in clip_ids for clip_id in ids])
    named = f"clips of the batch: {', '.join(everywhere)}" if world.first else "the first process names the clips"
    return FloatingPointError(f"{what}; {named}")
