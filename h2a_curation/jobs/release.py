"""Several finished runs as one release: a folder for each model, an index of all, and sums to check a copy by."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from h2a_curation.foundation.atomic_files import keep, plain_name, replaced, scratch
from h2a_curation.jobs.export_model import ExportedModel, export_model

INDEX, FACTS, SUMS = "README.md", "release.json", "SHA256SUMS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What lies where."""

    folder: Path
    models: list[ExportedModel]
    num_files: int
    num_bytes: int


def release(runs: Mapping[str, Path], out: Path, *, licence: str) -> Release:
    """Write all runs, each by its name, to a new folder, which is there whole or not at all; all sums are read back.

    ValueError in one line for a name that cannot be a folder's, a run that is not finished, or an `out` that is there.
    """
    if out.exists():
        raise ValueError(f"{out} is already there: choose another --out, or remove it")
    for name in runs:
        plain_name(name, "the release names a model")
    parent = out.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    with scratch(parent, f".{out.name}.") as aside:
        (unfinished := aside / out.name).mkdir()
        models = [export_model(run, unfinished / name, licence=licence) for name, run in runs.items()]
        _write(unfinished / FACTS, json.dumps([_facts(model) for model in models], indent=2) + "\n")
        _write(unfinished / INDEX, _index(out.name, models, licence))
        files = sorted(path for path in unfinished.rglob("*") if path.is_file())
        sums = {path.relative_to(unfinished).as_posix(): _sum(path) for path in files}
        _write(unfinished / SUMS, "".join(f"{digest}  {name}\n" for name, digest in sums.items()))
        _check(unfinished)
        num_bytes = sum(path.stat().st_size for path in files)
        keep(parent, unfinished, out.absolute())
    return Release(folder=out, models=models, num_files=len(files), num_bytes=num_bytes)


def _facts(model: ExportedModel) -> dict[str, object]:
    return {
        "name": model.folder.name,
        "kind": model.weights.kind,
        "what": model.card.what,
        "num_parameters": model.weights.num_parameters,
        "forms": [form.name for form in model.weights.forms],
        "results": [
            {"on": row.on, "num_videos": row.num_videos, "top1": row.top1, "top5": row.top5}
            for row in model.card.results
        ],
        "made": list(model.card.made),
    }


def _index(name: str, models: list[ExportedModel], licence: str) -> str:
    rows = []
    for model in models:
        tested = "; ".join(f"{row.on}: {row.top1}" for row in model.card.results) or "not tested"
        folder = model.folder.name
        rows.append(f"| [{folder}]({folder}/README.md) | {model.card.what} | {tested} |")
    return "\n".join(
        [
            f"# {name}",
            "",
            f"Models of h2a, given under {licence}. Each folder has the weights as the official code, safetensors and",
            "transformers load them, a card, and in `run/` the recipe, `log.txt` and figures of its run.",
            "",
            "| model | what it is | top-1 (with 95 % confidence) |",
            "|---|---|---|",
            *rows,
            "",
            f"`sha256sum -c {SUMS}` checks a copy; `{FACTS}` has all of this for a program.",
            "",
        ]
    )


def _write(target: Path, text: str) -> None:
    with replaced(target.parent, target) as file:
        file.write(text.encode())


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(folder: Path) -> None:
    """OSError where what was written is not what is read."""
    for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        if _sum(folder / name) != digest:
            raise OSError(f"{name} is read back otherwise than it was written: the disk is damaged, or full")
