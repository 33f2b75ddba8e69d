"""Decisions on disk: each one commit for all its tables; a ref names the newest of a recipe."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from h2a_curation.catalog import parts


def save(lake: Path, fingerprint: str, tables: Mapping[str, pa.Table], about: Mapping[str, Any]) -> Path:
    """Commit a decision (the same rows and rules give the same fingerprint, then nothing is written)."""
    folder = lake / "decisions" / fingerprint
    files = {"decision.json": json.dumps(dict(about), indent=1, sort_keys=True).encode()}
    parts.commit_folder(lake, folder, tables, files)
    return folder


def name(lake: Path, recipe: str, fingerprint: str) -> None:
    """Let `refs/<recipe>` name this decision, and remove decisions that no ref and no version names."""
    parts.replace_file(lake, lake / "refs" / recipe, fingerprint.encode())
    named = {ref.read_text() for ref in (lake / "refs").iterdir()}
    named |= {json.loads(m.read_text())["decision"] for m in (lake / "versions").glob("*/manifest.json")}
    for folder in (lake / "decisions").iterdir():
        if folder.name not in named:
            shutil.rmtree(folder)


def newest(lake: Path, recipe: str | None = None) -> Path | None:
    """The decision that a recipe's ref names; of the ref that changed last where no recipe is given."""
    refs = sorted((lake / "refs").glob(recipe or "*"), key=lambda ref: (ref.stat().st_mtime_ns, ref.name))
    return lake / "decisions" / refs[-1].read_text() if refs else None


def about(decision: Path) -> dict[str, Any]:
    """What was written down with a decision: recipe, models, fingerprints."""
    content: dict[str, Any] = json.loads((decision / "decision.json").read_text())
    return content
