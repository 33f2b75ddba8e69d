"""What decides a fine-tuning run's numbers."""

from dataclasses import dataclass, field

from h2a_curation.videomae.presets import ModelConfig
from h2a_curation.videomae.rules import ALWAYS, FinetuningRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedModel:
    """A model and how it is fine-tuned. Whoever reads a checkpoint finds the model's shape here."""

    name: str
    model: ModelConfig
    recipe: FinetuningRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuningSettings:
    """All that decides a run's numbers. It lies in every checkpoint of the run, by which the run is known again."""

    preset: TunedModel
    seed: int
    task: str
    num_classes: int
    videos: str
    """Hash of names and labels of the videos that are learnt from and validated on."""
    weights: str | None
    """Hash of the weights that it began with; None: they were drawn by the seed."""
    skipped: tuple[str, ...] = field(default=(), metadata=ALWAYS)
    """Videos that are left out, by name."""
