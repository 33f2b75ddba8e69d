"""What decides a pretraining run's numbers."""

from dataclasses import dataclass, field

from h2a_curation.videomae.presets import Preset
from h2a_curation.videomae.rules import ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that decides a run's numbers. It lies in every checkpoint of the run, by which the run is known again."""

    preset: Preset
    seed: int
    version: str
    """Name of the version that is trained on."""
    clips: str
    """SHA-256 of that version's table of clips."""
    weights: str | None = None
    """Hash of the weights that it began with; None: they were drawn by the seed."""
    skipped: tuple[str, ...] = field(default=(), metadata=ALWAYS)
    """Clips that are left out, by id."""
