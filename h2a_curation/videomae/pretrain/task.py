"""Masked pre-training as a task of the training room: what it predicts, what counts, and what it is judged by."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor, nn

from h2a_curation.videomae.convert.start import StartWeights
from h2a_curation.videomae.data.bad_clips import BadClips
from h2a_curation.videomae.data.shards import Version, read_clip
from h2a_curation.videomae.hardware.devices import autocast, compile_blocks
from h2a_curation.videomae.hardware.flops import step_flops
from h2a_curation.videomae.hardware.memory import sample_bytes, state_bytes
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.loop.learner import Learner
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
from h2a_curation.videomae.model.loss import take_tokens, targets, token_errors
from h2a_curation.videomae.model.neighbour_init import look_at_neighbours
from h2a_curation.videomae.presets import TrainingRecipe
from h2a_curation.videomae.pretrain.held_out import HeldOutLoss, held_out_batches, measure, split_members
from h2a_curation.videomae.pretrain.reconstruct import picture
from h2a_curation.videomae.pretrain.samples import Batch, DeviceBatch, MaskedStream, place
from h2a_curation.videomae.pretrain.settings import Settings


def patch_errors(predicted_BkP: Tensor, patches_BkP: Tensor) -> Tensor:
    """Errors, [batch, k], of predictions for uint8 patches."""
    return token_errors(predicted_BkP, targets(patches_BkP))


class Pretraining:
    """Pretraining a preset on the train split of a version; this process's part of it."""

    def __init__(
        self, out: Path, version: Version, settings: Settings, world: ProcessGroup, weights: StartWeights | None = None
    ) -> None:
        members, held_out = split_members(version)
        read, preset, seed = partial(read_clip, version), settings.preset, settings.seed
        self.out, self.seed, self.preset, self.settings = out, seed, preset, settings
        self._stream = MaskedStream(
            members=members,
            read=read,
            preset=preset,
            seed=seed,
            skipped=frozenset(settings.skipped),
            bad=BadClips(limit=preset.recipe.max_bad_clips),
        )
        self._weights = weights
        self._num_held_out = len(held_out)
        self._held_out = held_out_batches(held_out, read, preset, seed, world)
        """This process's share of the clips that are held out."""
        self._before: HeldOutLoss | None = None
        self._errors = patch_errors

    @property
    def stream(self) -> MaskedStream:
        """The batches of all steps."""
        return self._stream

    @property
    def recipe(self) -> TrainingRecipe:
        """How the preset is trained."""
        return self.preset.recipe

    @property
    def layer_decay(self) -> float:
        """One rate for all layers."""
        return 1.0

    @property
    def average_decay(self) -> float | None:
        """No average of the weights is kept."""
        return None

    @property
    def picture_epochs(self) -> int | None:
        """Epochs from one picture of reconstructions to the next."""
        return self.recipe.picture_epochs

    @property
    def judged_by(self) -> str | None:
        """No checkpoint is better than another: the last one is kept."""
        return None

    @property
    def samples_per_clip(self) -> int:
        """Views of one decoded clip."""
        return self.recipe.views

    @property
    def step_flops(self) -> float:
        """Floating point operations of one step, over all devices."""
        recipe = self.recipe
        samples = recipe.batch_clips * recipe.views
        return step_flops(self.preset.model, samples, recipe.encoder_mask, recipe.decoder_mask)

    def about(self) -> list[str]:
        """The version, its clips, and what became of the weights that it began with."""
        held_out = min(self._num_held_out, self.recipe.held_out_clips)
        skipped = f", {len(self.settings.skipped):,} skipped" if self.settings.skipped else ""
        clips = f"{len(self._stream.members):,} clips to train on{skipped}, {held_out:,} held out"
        begun = [self._weights.about()] if self._weights else []
        return [f"data: version {self.settings.version}, {clips}", *begun]

    def device_bytes(self, micro_clips: int, *, num_devices: int, sharded: bool) -> int:
        """Memory of each device that so many clips at a time take, as `h2a plan` counts it."""
        model, recipe = self.preset.model, self.recipe
        state = state_bytes(model, recipe.dtype, num_devices=num_devices, sharded=sharded, recompute=recipe.recompute)
        masks = recipe.encoder_mask, recipe.decoder_mask
        return state + micro_clips * recipe.views * sample_bytes(model, recipe.dtype, *masks, recipe.recompute)

    def make_model(self) -> MaskedAutoencoder:
        """The whole autoencoder at its start."""
        model = MaskedAutoencoder(self.preset.model, recompute=self.recipe.recompute)
        if self.recipe.neighbour_start:
            look_at_neighbours(model)
        if self._weights is not None:
            self._weights.into(model)
        return model

    def blocks(self, model: nn.Module) -> Sequence[nn.Module]:
        """The transformers' blocks."""
        ours = _autoencoder(model)
        return [*ours.encoder.blocks, *ours.decoder.blocks]

    def compile_rest(self, model: nn.Module) -> None:
        """Compile the embedding of patches, and the errors of predictions."""
        compile_blocks([_autoencoder(model).encoder.patch_embed])
        self._errors = torch.compile(patch_errors, dynamic=False)

    def place(self, batch: Batch, device: torch.device) -> DeviceBatch:
        """Put a batch on the device."""
        return place(batch, device)

    def weight(self, piece: DeviceBatch) -> Tensor:
        """The predicted tokens that the encoder did not see."""
        return piece.batch.was_hidden.sum().float()

    def error_sum(self, learner: Learner, piece: DeviceBatch) -> Tensor:
        """The summed errors of those tokens."""
        batch, counted = piece.batch, piece.counted
        patches = _autoencoder(learner.model).patchify(batch.video)
        with autocast(batch.video.device, learner.dtype):
            predicted = learner.called(patches, batch.visible, batch.decoded, counted, batch.kept)
        errors = self._errors(predicted, take_tokens(patches, batch.decoded.gather(1, counted)))
        return (errors * batch.was_hidden.gather(1, counted).to(errors.dtype)).sum()

    def begin(self, learner: Learner) -> None:
        """Measure the held-out loss of the first weights."""
        self._before = self._measured(learner)

    def validate(self, learner: Learner) -> dict[str, float]:
        """The held-out loss is measured at the end alone."""
        return {}

    def picture(self, learner: Learner) -> Image.Image:
        """Original, masked and reconstructed frames of held-out clips."""
        return picture(_autoencoder(learner.model), self._held_out[0], learner.dtype)

    def metrics(self, learner: Learner) -> dict[str, Any]:
        """The held-out loss before and after, as `Result` names it."""
        after = self._measured(learner)
        assert self._before is not None
        return {
            "held_out_before": self._before.model,
            "held_out_after": after.model,
            "held_out_mean_predictor": after.mean_predictor,
            "held_out_ratio": after.ratio,
        }

    def _measured(self, learner: Learner) -> HeldOutLoss:
        return measure(_autoencoder(learner.model), self._held_out, learner.world, learner.dtype)


def _autoencoder(model: nn.Module) -> MaskedAutoencoder:
    return cast(MaskedAutoencoder, model)
