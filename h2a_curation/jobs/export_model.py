"""A finished run as others take it: weights in every form, a card, and what is needed to make it again."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from h2a_curation.foundation import json_file, parquet_file
from h2a_curation.foundation.atomic_files import keep, plain_name, replaced, scratch
from h2a_curation.report.model_card import CardForm, CardResult, ModelCard, write_card
from h2a_curation.videomae.convert.export import ExportedWeights, export_weights
from h2a_curation.videomae.evaluate.store import CLASSES

CARD, RUN = "README.md", "run"
_TOLD = ("recipe.yaml", "log.txt", "steps.jsonl", "summary.json")
"""What a run's folder tells of it, besides its checkpoints."""
_TEST = "test"
_RESULTS = ("top1", "top5", "mean_class")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedModel:
    """What lies where."""

    folder: Path
    checkpoint: Path
    weights: ExportedWeights
    card: ModelCard


def export_model(run: Path, out: Path, *, licence: str, name: str | None = None, best: bool = False) -> ExportedModel:
    """Write a finished run of pretraining or fine-tuning to a new folder, which is there whole or not at all.

    `best` takes the checkpoint of the best epoch in place of the last, which is the one that was tested. ValueError in
    one line for a folder of no finished run, or an `out` that is there.
    """
    if out.exists():
        raise ValueError(f"{out} is already there: choose another --out, or remove it")
    summary = _summary(run)
    if best and "best" not in summary:
        raise ValueError(f"{run} is a run of pretraining, which has no best checkpoint: leave --best out")
    key = "best" if best else "checkpoint"
    checkpoint = run / plain_name(summary[key], f"{run / 'summary.json'} names as {key}")
    if not checkpoint.is_file():
        raise ValueError(f"{checkpoint} is not there: the run's folder is not whole")
    classes = _classes(run)
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    with scratch(out.absolute().parent, f".{out.name}.") as aside:
        (unfinished := aside / out.name).mkdir()
        weights = export_weights(checkpoint, unfinished, classes)
        results = [] if best else _results(run)
        _keep_told(run, unfinished / RUN)
        card = _card(name or out.name, licence, run, summary, weights, results, classes)
        write_card(card, unfinished / CARD)
        keep(out.absolute().parent, unfinished, out.absolute())
    return ExportedModel(folder=out, checkpoint=checkpoint, weights=weights, card=card)


def _summary(run: Path) -> dict[str, Any]:
    path = run / "summary.json"
    if not path.is_file():
        raise ValueError(f"{run} holds no summary.json: it is no folder of a finished run")
    try:
        summary = json_file.read(path)
        summary["settings"]["preset"]["model"], summary["settings"]["seed"], summary["checkpoint"]
    except (ValueError, KeyError, TypeError) as broken:
        raise ValueError(f"{path} is damaged, or of no run of training") from broken
    return dict(summary)


def _classes(run: Path) -> list[str]:
    """Names of the classes in the order of the head, as the final test had them; none where nothing was tested."""
    table = run / _TEST / CLASSES
    if not table.is_file():
        return []
    named = {
        row["label"]: row["name"] for row in parquet_file.read(table, str(table), columns=["label", "name"]).to_pylist()
    }
    return [named.get(label, str(label)) for label in range(max(named) + 1)]


def _results(run: Path) -> list[CardResult]:
    path = run / _TEST / "summary.json"
    if not path.is_file():
        return []
    tested = json_file.read_object(path)
    try:
        return [
            CardResult(
                on=f"{tested['task']}, {split}",
                num_videos=found["num_videos"],
                **{key: _with_interval(found[key], found["intervals"][key]) for key in _RESULTS},
            )
            for split, found in tested["splits"].items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as broken:
        raise ValueError(f"{path} is damaged, or of no final test") from broken


def _with_interval(value: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{value:.1%} ({low:.1%} to {high:.1%})"


def _keep_told(run: Path, target: Path) -> None:
    """Copy what tells of the run, and of its test."""
    of_test = (run / _TEST / name for name in ("summary.json", "evaluation.json"))
    for path in (*(run / name for name in _TOLD), *of_test):
        if path.is_file():
            into = target / path.relative_to(run)
            into.parent.mkdir(parents=True, exist_ok=True)
            with replaced(target, into) as file, path.open("rb") as source:
                shutil.copyfileobj(source, file)


def _card(
    name: str, licence: str, run: Path, summary: Mapping[str, Any], weights: ExportedWeights,
    results: list[CardResult], classes: list[str],
) -> ModelCard:  # fmt: skip
    settings, height_width = summary["settings"], weights.config.frame_px
    tuned = "task" in settings
    recipe = run / "recipe.yaml"
    return ModelCard(
        name=name,
        licence=licence,
        what=_what(settings, tuned),
        num_parameters=weights.num_parameters,
        model=asdict(weights.config),
        frame="x".join(map(str, height_width)),
        forms=[CardForm(**asdict(form)) for form in weights.forms],
        missing=weights.missing,
        results=results,
        no_results=_no_results(summary, tuned),
        made=list(_made(summary, tuned)),
        recipe=recipe.read_text(encoding="utf-8").rstrip() if recipe.is_file() else "# not kept by the run",
        classes=classes,
    )


def _what(settings: Mapping[str, Any], tuned: bool) -> str:
    if tuned:
        return (
            f"A classifier of {settings['num_classes']} classes of action: VideoMAE V2, fine-tuned on "
            f"{settings['task']} by h2a."
        )
    return f"VideoMAE V2, pre-trained without labels on version {settings['version']} of a dataset curated by h2a."


def _no_results(summary: Mapping[str, Any], tuned: bool) -> str:
    if tuned:
        return "The checkpoint of this file was not tested. A test is one command: `h2a evaluate`."
    after, of_mean = summary["held_out_after"], summary["held_out_mean_predictor"]
    return (
        f"On clips that were held out, the reconstruction loss is {after:.4f}; predicting each patch's mean gives "
        f"{of_mean:.4f}. What it is worth for recognising actions was not measured here: `h2a probe` and `h2a "
        "finetune` measure that."
    )


def _made(summary: Mapping[str, Any], tuned: bool) -> list[str]:
    settings = summary["settings"]
    begun = f"the weights with hash {settings['weights']}" if settings.get("weights") else "weights drawn by the seed"
    if tuned:
        data = f"{summary['num_videos']:,} videos of {settings['task']} (hash of names and labels {settings['videos']})"
    else:
        data = f"{summary['num_clips']:,} clips of version {settings['version']} (table of clips {settings['clips']})"
    lines = [
        f"Learnt from {data}.",
        f"Begun with {begun}; seed {settings['seed']}; preset {settings['preset']['name']}.",
        f"{summary['num_steps']:,} steps on {summary['num_devices']} x {summary['device']}; the loss went from "
        f"{summary['first_loss']:.4f} to {summary['final_loss']:.4f}.",
    ]
    for change in summary.get("ancestry", ()):
        branch = f"branched from {Path(change['from']).name}" if "from" in change else "changed"
        lines.append(f"After step {change['step']} it was {branch}: {json.dumps(change['changed'])}.")
    return lines
