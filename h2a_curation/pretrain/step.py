"""One batch through the model: its loss, and an optimiser step that refuses what is not finite."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from h2a_curation.pretrain.loader import Batch
from h2a_curation.pretrain.loss import masked_loss, take_tokens, targets, token_errors
from h2a_curation.pretrain.model import MaskedAutoencoder
from h2a_curation.pretrain.optim import StepSize, update


def predict(model: MaskedAutoencoder, batch: Batch) -> tuple[Tensor, Tensor]:
    """Predictions and targets at the batch's decoded tokens; bfloat16 inside the model on a GPU, float32 elsewhere."""
    patches = model.patchify(batch.video)
    with _autocast(batch.video.device):
        predicted = model(patches, batch.visible, batch.decoded)
    return predicted, targets(take_tokens(patches, batch.decoded))


def train_step(
    model: MaskedAutoencoder, optimizer: torch.optim.Optimizer, batch: Batch, size: StepSize
) -> tuple[float, float]:
    """The loss before the step and the 2-norm of its gradients.

    FloatingPointError with the batch's clips if either is not finite; the weights are then as before.
    """
    predicted, target = predict(model, batch)
    loss = masked_loss(token_errors(predicted, target), batch.was_hidden)
    if not torch.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss.item()}; clips of the batch: {', '.join(batch.clip_ids)}")
    try:
        norm = update(model, optimizer, loss, size)
    except FloatingPointError as broken:
        raise FloatingPointError(f"{broken}; clips of the batch: {', '.join(batch.clip_ids)}") from broken
    return loss.item(), norm


def _autocast(device: torch.device) -> AbstractContextManager[object]:
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()
