"""Fine-tuning as a task of the training room: what it tells, what counts, and what it is judged by."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from h2a_curation.videomae.convert.start import StartWeights
from h2a_curation.videomae.data.bad_clips import BadClips
from h2a_curation.videomae.finetune.examples import LabelledSet
from h2a_curation.videomae.finetune.mixup import soft_target_errors
from h2a_curation.videomae.finetune.on_paper import ALL_SEEN, pixel_bytes
from h2a_curation.videomae.finetune.samples import LabelledBatch, LabelledStream, MixedBatch, place
from h2a_curation.videomae.finetune.settings import FinetuningSettings
from h2a_curation.videomae.finetune.validation import Validation
from h2a_curation.videomae.hardware.devices import autocast, compile_blocks
from h2a_curation.videomae.hardware.flops import step_flops
from h2a_curation.videomae.hardware.memory import sample_bytes, state_bytes
from h2a_curation.videomae.loop.learner import Learner
from h2a_curation.videomae.model import classifier
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.rules import FinetuningRecipe


class Finetuning:
    """Fine-tuning a classifier on a labelled set; this process's part of it."""

    def __init__(
        self,
        out: Path,
        data: LabelledSet,
        settings: FinetuningSettings,
        workers: int,
        weights: StartWeights | None = None,
        note: str = "",
    ) -> None:
        self.out, self.seed, self.settings = out, settings.seed, settings
        self._model, self._recipe, self._data, self._weights, self._note = (
            settings.preset.model, settings.preset.recipe, data, weights, note,
        )  # fmt: skip
        self._stream = LabelledStream(
            members=data.train,
            seed=settings.seed,
            skipped=frozenset(settings.skipped),
            bad=BadClips(limit=self._recipe.max_bad_clips),
            recipe=self._recipe,
            model=self._model,
        )
        self._validation = Validation(examples=data.validation, recipe=self._recipe, workers=workers)
        self._figures: dict[str, float] = {}

    @property
    def stream(self) -> LabelledStream:
        """The batches of all steps."""
        return self._stream

    @property
    def recipe(self) -> FinetuningRecipe:
        """How the model is trained."""
        return self._recipe

    @property
    def layer_decay(self) -> float:
        """Rate of each layer over that of the next."""
        return self._recipe.layer_decay

    @property
    def average_decay(self) -> float | None:
        """How much of the running average of the weights stays at each step."""
        return self._recipe.average_decay

    @property
    def picture_epochs(self) -> int | None:
        """No pictures are drawn."""
        return None

    @property
    def judged_by(self) -> str | None:
        """The best checkpoint is that with the highest accuracy on the videos that are validated on."""
        return "val_acc1"

    @property
    def samples_per_clip(self) -> int:
        """Views of one decoded video."""
        return self._recipe.views

    @property
    def step_flops(self) -> float:
        """Floating point operations of one step, over all devices."""
        return step_flops(self._model, self._recipe.batch_clips * self._recipe.views, *ALL_SEEN)

    def about(self) -> list[str]:
        """The task, its videos, the recipe's origin, and what became of the weights that it began with."""
        data, skipped = self._data, len(self.settings.skipped)
        left_out = f", {skipped:,} skipped" if skipped else ""
        videos = f"{len(data.train):,} videos to learn from{left_out}, {len(data.validation):,} to validate on"
        begun = self._weights.about() if self._weights else "begun with drawn weights"
        kept = [self._note] if self._note else []
        return [f"data: {data.task}, {self.settings.num_classes} classes, {videos}", *data.notes, *kept, begun]

    def device_bytes(self, micro_clips: int, *, num_devices: int, sharded: bool) -> int:
        """Memory of each device that so many videos at a time take."""
        model, recipe = self._model, self._recipe
        state = state_bytes(model, recipe.dtype, num_devices=num_devices, sharded=sharded, recompute=recipe.recompute)
        pixels = pixel_bytes(model)
        return state + micro_clips * recipe.views * (
            sample_bytes(model, recipe.dtype, *ALL_SEEN, recipe.recompute) + pixels
        )

    def make_model(self) -> Classifier:
        """The classifier at its start."""
        recipe = self._recipe
        model = Classifier(
            self._model,
            self.settings.num_classes,
            mean_pooling=recipe.mean_pooling,
            recompute=recipe.recompute,
        )
        classifier.begin(model, recipe.head_scale)
        if self._weights is not None:
            self._weights.into(model)
        return model

    def blocks(self, model: nn.Module) -> Sequence[nn.Module]:
        """The transformer's blocks."""
        return list(_classifier(model).blocks)

    def compile_rest(self, model: nn.Module) -> None:
        """Compile the embedding of patches."""
        compile_blocks([_classifier(model).patch_embed])

    def place(self, batch: LabelledBatch, device: torch.device) -> MixedBatch:
        """Put a batch on the device and blend it."""
        return place(batch, device, self.settings.num_classes, self._recipe.label_smoothing)

    def weight(self, piece: MixedBatch) -> Tensor:
        """The number of samples."""
        return torch.tensor(float(len(piece.targets)), device=piece.targets.device)

    def error_sum(self, learner: Learner, piece: MixedBatch) -> Tensor:
        """The summed cross-entropies of the samples."""
        with autocast(piece.video.device, learner.dtype):
            logits = learner.called(piece.video, piece.kept, piece.kept_features)
        return soft_target_errors(logits, piece.targets).sum()

    def begin(self, learner: Learner) -> None:
        """Nothing is measured of the first weights: their head is fresh."""

    def validate(self, learner: Learner) -> dict[str, float]:
        """Loss and accuracies on the videos that are validated on."""
        self._figures = self._validation.measure(_classifier(learner.model), learner.world, learner.dtype)
        return self._figures

    def picture(self, learner: Learner) -> None:
        """There is none."""

    def metrics(self, learner: Learner) -> dict[str, Any]:
        """What the trained model reaches on the videos that are validated on."""
        return self._figures or self.validate(learner)


def _classifier(model: nn.Module) -> Classifier:
    return cast(Classifier, model)
