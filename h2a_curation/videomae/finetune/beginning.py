"""The model that is fine-tuned: its shape, the weights it begins with, and the recipe for it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from h2a_curation.videomae.convert.fill import encoder_config
from h2a_curation.videomae.convert.head_map import read_head_map
from h2a_curation.videomae.convert.start import StartWeights
from h2a_curation.videomae.finetune.presets import FinetuningPreset, ModelFacts, preset_for
from h2a_curation.videomae.finetune.recipe import load
from h2a_curation.videomae.presets import ModelConfig, preset


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelToTune:
    """A model before its fine-tuning."""

    config: ModelConfig
    recipe: FinetuningPreset
    weights: StartWeights | None
    """None: all weights are drawn."""
    head_map: Sequence[int] | None = None
    """Class of the checkpoint's head for each class of the task, where the user says so."""

    def check_classes(self, task: str, num_classes: int) -> None:
        """ValueError for a map of the head that is of another task."""
        if self.head_map is not None and len(self.head_map) != num_classes:
            raise ValueError(f"--head-map has {len(self.head_map)} classes, and {task} has {num_classes}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a user says of model and recipe."""

    start_from: Path | None = None
    """A checkpoint of any layout."""
    scratch: str | None = None
    """Name of a pretraining preset, in place of a checkpoint: all weights of its model are drawn."""
    preset: str | None = None
    recipe: Path | None = None
    settings: Sequence[str] = ()
    head_map: Path | None = None
    """Which classes of the checkpoint's head to begin with, see convert/head_map.py; None takes a head that fits."""


def begin(asked: Asked, task: str) -> ModelToTune:
    """Read the checkpoint and the recipe.

    ValueError in one line for what is no checkpoint, a model that is not told in full, or a recipe that does not fit.
    """
    if (asked.start_from is None) == (asked.scratch is None):
        raise ValueError("give --from CHECKPOINT, or --scratch PRESET to begin with drawn weights")
    weights = StartWeights.read(asked.start_from) if asked.start_from else None
    head_map = read_head_map(asked.head_map) if asked.head_map else None
    if head_map is not None:
        if weights is None:
            raise ValueError("--head-map cuts the head of a checkpoint: it goes with --from")
        weights.cut_head(head_map)
    source = str(asked.start_from or asked.scratch)

    def config_of(facts: ModelFacts) -> ModelConfig:
        told = {name: value for name, value in asdict(facts).items() if value is not None}
        if weights is None:
            return replace(_without_decoder(preset(source).model), **told)
        try:
            return encoder_config(weights.found, told)
        except ValueError as refused:
            raise ValueError(f"{source}: {refused}") from refused

    recipe = load(
        lambda facts: preset_for(task, config_of(facts)), asked.recipe, named=asked.preset, settings=asked.settings
    )
    config = config_of(recipe.model)
    recipe.check_size(config, source)
    return ModelToTune(config=config, recipe=recipe, weights=weights, head_map=head_map)


def _without_decoder(config: ModelConfig) -> ModelConfig:
    return replace(config, decoder_width=0, decoder_depth=0, decoder_num_heads=0)
