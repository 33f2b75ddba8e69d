"""How well clips are reconstructed that were never trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from h2a_curation.pretrain.loader import Batch, ReadClip, make_batch
from h2a_curation.pretrain.loss import token_errors
from h2a_curation.pretrain.model import MaskedAutoencoder
from h2a_curation.pretrain.presets import Dtype, Preset
from h2a_curation.pretrain.shards import Version
from h2a_curation.pretrain.step import predict
from schemas import Member


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutLoss:
    """Mean squared errors over the same hidden tokens of the same clips."""

    model: float
    mean_predictor: float
    """Of predicting each patch's mean, which after normalisation is 0: nearly 1."""

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


def held_out_batches(members: Sequence[Member], read: ReadClip, preset: Preset, seed: int) -> list[Batch]:
    """The same samples at every call: one view of each of the first clips."""
    chosen = members[: preset.recipe.held_out_clips]
    size = 8
    parts = [chosen[i : i + size] for i in range(0, len(chosen), size)]
    keys = [[f"{seed}/held out/{i * size + j}" for j in range(len(part))] for i, part in enumerate(parts)]
    return [make_batch(part, names, read, preset, views=1) for part, names in zip(parts, keys, strict=True)]


@torch.no_grad()
def measure(model: MaskedAutoencoder, batches: Sequence[Batch], device: torch.device, dtype: Dtype) -> HeldOutLoss:
    """The loss of the model as it is. Where its weights are divided, all processes must measure alike."""
    sums = torch.zeros(3, dtype=torch.float64)
    for batch in (b.to(device) for b in batches):
        predicted, target = predict(model, batch, dtype)
        weight = batch.was_hidden.float()
        errors = (token_errors(predicted, target), token_errors(torch.zeros_like(target), target))
        sums += torch.stack([*((e * weight).sum() for e in errors), weight.sum()]).double().cpu()
    by_model, by_mean, count = sums.tolist()
    return HeldOutLoss(model=by_model / count, mean_predictor=by_mean / count)
