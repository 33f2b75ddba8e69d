"""The classes that the sample world can render, out of those that ship."""

from pathlib import Path

from h2a_curation.sample_world.clip_spec import ACTIONS
from h2a_curation.taxonomy.load import load_classes, load_negatives
from h2a_curation.taxonomy.model import ActionClass, Negative


def rendered_classes(path: Path | None = None) -> list[ActionClass]:
    """Those of ACTIONS, by label; `path` is another class file or folder that has them."""
    return [c for c in load_classes(path) if c.id in ACTIONS]


def rendered_negatives() -> list[Negative]:
    """What none of them is."""
    return load_negatives(rendered_classes())
