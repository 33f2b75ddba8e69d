"""Decisions on disk: each one commit for all its tables; a ref names the newest of a recipe."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from h2a_curation.foundation.atomic_files import plain_name, remove
from h2a_curation.lake import parts


def save(lake: Path, fingerprint: str, tables: Mapping[str, pa.Table], about: Mapping[str, Any]) -> Path:
    """Commit a decision (the same rows and rules give the same fingerprint, then nothing is written)."""
    folder = lake / "decisions" / plain_name(fingerprint, "a decision is named")
    files = {"decision.json": json.dumps(dict(about), indent=1, sort_keys=True).encode()}
    parts.commit_folder(lake, folder, tables, files)
    return folder


def name(lake: Path, recipe: str, fingerprint: str) -> None:
    """Let `refs/<recipe>` name this decision, and remove decisions that no ref and no version names."""
    parts.replace_file(lake, _ref(lake, recipe), fingerprint.encode())
    named = {_named(ref) for ref in (lake / "refs").iterdir()}
    named |= {json.loads(m.read_text())["decision"] for m in (lake / "versions").glob("*/manifest.json")}
    for folder in (lake / "decisions").iterdir():
        if folder.name not in named:
            remove(lake, folder)


def newest(lake: Path, recipe: str | None = None) -> Path | None:
    """The decision that a recipe's ref names; of the ref that changed last where no recipe is given."""
    refs = list((lake / "refs").glob("*")) if recipe is None else [_ref(lake, recipe)]
    there = sorted((ref for ref in refs if ref.exists()), key=lambda ref: (ref.stat().st_mtime_ns, ref.name))
    return lake / "decisions" / _named(there[-1]) if there else None


def about(decision: Path) -> dict[str, Any]:
    """What was written down with a decision: recipe, models, fingerprints."""
    content: dict[str, Any] = json.loads((decision / "decision.json").read_text())
    return content


def _ref(lake: Path, recipe: str) -> Path:
    """The ref of a recipe, whose name is that of a file of the user's: any but one that leads elsewhere."""
    if recipe in ("", ".", "..") or "/" in recipe or "\0" in recipe:
        raise ValueError(f"a recipe named {recipe!r} cannot name its decision: rename the recipe's file")
    return lake / "refs" / recipe


def _named(ref: Path) -> str:
    """The decision that a ref names."""
    return plain_name(ref.read_text(), f"{ref} names the decision")
