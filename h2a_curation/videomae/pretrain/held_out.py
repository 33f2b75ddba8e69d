"""Measures how well a model reconstructs clips that it never trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from h2a_curation.videomae.data.loader import Draw, ReadClip
from h2a_curation.videomae.data.shards import Version
from h2a_curation.videomae.hardware.devices import autocast
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
from h2a_curation.videomae.model.loss import take_tokens, targets, token_errors
from h2a_curation.videomae.presets import Dtype, Preset
from h2a_curation.videomae.pretrain.samples import Batch, single_views
from schemas import Member

PICTURE_CLIPS = 3
"""Clips in a picture of reconstructions."""
_BATCH_CLIPS = 8
"""Clips that are measured at a time, so that memory stays small; the result does not depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutLoss:
    """Mean squared errors over the same hidden tokens of the same clips."""

    model: float
    mean_predictor: float
    """Error of predicting each patch's mean, which after normalisation is 0: nearly 1."""

    @property
    def ratio(self) -> float:
        """Below 1 the model knows more of a hidden patch than its mean."""
        return self.model / self.mean_predictor


def split_members(version: Version) -> tuple[list[Member], list[Member]]:
    """Clips to train on, and clips to hold out: val, else test, else every tenth clip of train.

    ValueError if either is empty.
    """
    train = version.split("train")
    if not train:
        raise ValueError(f"version {version.name} has no clip in split train: nothing to train on")
    held_out = version.split("val") or version.split("test")
    if held_out:
        return train, held_out
    if len(train) == 1:
        raise ValueError(f"version {version.name} has one clip in all: one more is needed, to be held out")
    return [m for i, m in enumerate(train) if i % 10], train[::10]


def held_out_batches(
    members: Sequence[Member], read: ReadClip, preset: Preset, seed: int, world: ProcessGroup
) -> list[Batch]:
    """The same samples at every call: one view of each of the first clips, dealt out among the processes.

    All get as many batches of the same sizes, with clips enough for a picture: those beyond a process's own do not
    count.
    """
    chosen = members[: preset.recipe.held_out_clips]
    own = list(range(world.rank, len(chosen), world.size))
    others = [place for place in range(len(chosen)) if place not in own]
    size = max(-(-len(chosen) // world.size), min(PICTURE_CLIPS, len(chosen)))
    places = [*own, *others][:size]
    batches = []
    for first in range(0, size, _BATCH_CLIPS):
        part = places[first : first + _BATCH_CLIPS]
        draws = [Draw(key=f"{seed}/held out/{place}", member=chosen[place]) for place in part]
        batch = single_views(draws, read, preset)
        batch.was_hidden[max(0, len(own) - first) :] = False
        batches.append(batch)
    return batches


@torch.no_grad()
def measure(model: MaskedAutoencoder, batches: Sequence[Batch], world: ProcessGroup, dtype: Dtype) -> HeldOutLoss:
    """The loss of the model as it is over the batches of all processes, which must call this together."""
    sums = torch.zeros(3, dtype=torch.float64)
    for batch in (b.to(world.device) for b in batches):
        predicted, target = _predict(model, batch, dtype)
        weight = batch.was_hidden.float()
        errors = (token_errors(predicted, target), token_errors(torch.zeros_like(target), target))
        sums += torch.stack([*((e * weight).sum() for e in errors), weight.sum()]).double().cpu()
    by_model, by_mean, count = world.total(sums).tolist()
    return HeldOutLoss(model=by_model / count, mean_predictor=by_mean / count)


def _predict(model: MaskedAutoencoder, batch: Batch, dtype: Dtype) -> tuple[Tensor, Tensor]:
    """Predictions and targets at all of the batch's decoded tokens."""
    patches = model.patchify(batch.video)
    with autocast(batch.video.device, dtype):
        predicted = model(patches, batch.visible, batch.decoded)
    return predicted, targets(take_tokens(patches, batch.decoded))
