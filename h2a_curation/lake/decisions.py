"""Decisions on disk: each one commit for all its tables; a ref names the newest of a recipe."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from h2a_curation.foundation import json_file
from h2a_curation.foundation.atomic_files import remove
from h2a_curation.foundation.plain_text import read_text
from h2a_curation.lake import files, layout, parts, versions


def save(lake: Path, fingerprint: str, tables: Mapping[str, pa.Table], about: Mapping[str, Any]) -> Path:
    """Commit a decision (the same rows and rules give the same fingerprint, then nothing is written)."""
    folder = lake / layout.decision(fingerprint)
    described = {layout.ABOUT_DECISION: json.dumps(dict(about), indent=1, sort_keys=True).encode()}
    parts.commit_folder(lake, folder, tables, described)
    return folder


def name(lake: Path, recipe: str, fingerprint: str) -> None:
    """Let the recipe's ref name this decision, and remove decisions that no ref and no version names."""
    files.replace_file(lake, lake / layout.ref(recipe), fingerprint.encode())
    # All names are read before anything is removed: one that cannot be read may be that of a decision to keep.
    named = {_named(lake, ref) for ref in lake.glob(layout.EVERY_REF)}
    named |= {_published(lake, manifest) for manifest in lake.glob(layout.EVERY_MANIFEST)}
    for folder in lake.glob(layout.EVERY_DECISION):
        if folder not in named:
            remove(lake, folder)


def newest(lake: Path, recipe: str | None = None) -> Path | None:
    """The decision that a recipe's ref names; of the ref that changed last where no recipe is given."""
    refs = list(lake.glob(layout.EVERY_REF)) if recipe is None else [lake / layout.ref(recipe)]
    there = sorted((ref for ref in refs if ref.exists()), key=lambda ref: (ref.stat().st_mtime_ns, ref.name))
    return _named(lake, there[-1]) if there else None


def recipes(lake: Path) -> list[str]:
    """The recipes that have a decision in the lake, by name."""
    return sorted(ref.name for ref in lake.glob(layout.EVERY_REF))


def about(decision: Path) -> dict[str, Any]:
    """What was written down with a decision: recipe, models, fingerprints."""
    content = json_file.read_object(decision / layout.ABOUT_DECISION)
    if not isinstance(content.get("recipe"), str):
        raise ValueError(f"{decision / layout.ABOUT_DECISION}: names no recipe; decide anew with --recipe")
    return content


def _named(lake: Path, ref: Path) -> Path:
    """The decision that a ref names."""
    return lake / layout.decision(read_text(ref), f"{ref} names the decision")


def _published(lake: Path, manifest: Path) -> Path:
    """The decision from which a version was made."""
    named = versions.parse(manifest.read_bytes(), str(manifest)).decision
    return lake / layout.decision(named, f"{manifest} names the decision")
