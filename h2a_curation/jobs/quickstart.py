"""The whole job in one command: a sample world, or a folder of real clips, to shards, a checkpoint and a report."""

import dataclasses
import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.executors.local import local_executor
from h2a_curation.explain import funnel as overview
from h2a_curation.foundation import yaml_file
from h2a_curation.foundation.atomic_files import make_folder, replaced
from h2a_curation.jobs.build import at, reachable
from h2a_curation.jobs.progress import shown
from h2a_curation.lake import lake as lakes
from h2a_curation.lake import layout
from h2a_curation.lake.lake import Lake
from h2a_curation.pipeline.build import Built, build, timed
from h2a_curation.pipeline.part import models_of, sensors_missing
from h2a_curation.recipes import Recipe, load
from h2a_curation.report.page import FunnelStage, Pretraining, ReportData, ScoreFigures, write_report
from h2a_curation.sample_world.site import real_clips
from h2a_curation.sample_world.site.serve import serve_clips
from h2a_curation.sample_world.world.score import TruthScore, score
from h2a_curation.taxonomy.load import complete
from h2a_curation.taxonomy.model import ClassFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Quickstart:
    """The numbers to show, and the places of all that was made; `summary.json` has them too."""

    summary: dict[str, Any]
    paths: dict[str, str]
    notes: list[str]
    funnel: list[FunnelStage]


def run_world(out: Path, recipe: Recipe, *, preset: str, workers: int = 0) -> Quickstart:
    """Build the recipe's sample world, score it against its truth, and train `preset` on its shards."""
    assert recipe.source.world, "a recipe of a sample world"
    make_folder(out.parent, out)
    truth = out / "truth.json"
    with reachable(recipe, truth) as ready:
        lake, built = _build(out, ready, workers)
    decided = connect(lake.path, models=models_of(recipe), decision=built.decision)
    kept = decided.query("SELECT post_id, class_id FROM selection ORDER BY post_id")
    pairs = zip(kept["post_id"].to_pylist(), kept["class_id"].to_pylist(), strict=True)
    found = score(truth, pairs)
    notes = [
        "The sample world's small CLIP model knows this world only; docs/real-data.md names models for real video."
    ]
    return _conclude(
        _Finished(
            out=out, recipe=recipe, lake=lake, built=built, decided=decided, preset=preset, notes=notes, found=found
        )
    )


def run_clips(out: Path, folder: Path, *, preset: str, workers: int = 0) -> Quickstart:
    """Serve a folder of real clips, build it, and train `preset` on what is kept."""
    recipe = clips_recipe(folder)
    make_folder(out.parent, out)
    with serve_clips(folder) as url:
        lake, built = _build(out, at(recipe, url), workers)
    decided = connect(lake.path, models=models_of(recipe), decision=built.decision)
    notes = ["The CLIP scores are recorded and decide nothing: this small model has never seen the real world."]
    if missing := sensors_missing(recipe):
        notes.append(f"The person signal is absent: {missing}.")
    clips = _clips(decided, folder)
    notes += _not_looked_at(clips, recipe)
    return _conclude(
        _Finished(
            out=out, recipe=recipe, lake=lake, built=built, decided=decided, preset=preset, notes=notes, clips=clips
        )
    )


def clips_recipe(folder: Path) -> Recipe:
    """The recipe `clips` with the classes that the folder's labels.csv names, and with room for all of its files.

    A first round asks each listing for one page: that has to hold the listing, however long.
    """
    labels = real_clips.read_labels(folder)
    file = yaml_file.check({"classes": real_clips.classes_of(labels)}, ClassFile)
    recipe = load("clips")
    listings = real_clips.listings_of(labels).values()
    page_size = max(recipe.source.page_size, 1 + max(map(len, listings)))  # a page that is not full is the last one
    post = recipe.decide.post  # a file without an action stands under every tag, and is no spam for that
    post = dataclasses.replace(post, max_hashtags=post.max_hashtags and max(post.max_hashtags, len(listings)))
    return dataclasses.replace(
        recipe,
        action_classes=tuple(complete([file], str(folder))),
        source=dataclasses.replace(recipe.source, page_size=page_size),
        mine=dataclasses.replace(recipe.mine, pages_per_round=max(recipe.mine.pages_per_round, len(listings))),
        max_files=max(recipe.max_files, len(labels)),
        decide=dataclasses.replace(recipe.decide, post=post),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finished:
    """A build that is done, and what is known of it before training."""

    out: Path
    recipe: Recipe
    lake: Lake
    built: Built
    decided: Catalog
    preset: str
    """Name of the preset to train on the version."""
    notes: list[str]
    found: TruthScore | None = None
    """Score against the truth of a sample world; real clips have none."""
    clips: list[dict[str, Any]] | None = None
    """Fate of each file of a folder of real clips."""


def _build(out: Path, recipe: Recipe, workers: int) -> tuple[Lake, Built]:
    lake = lakes.create(out / "lake", hides_people=not recipe.source.is_invented)
    with local_executor(workers, recipe.lanes) as executor, shown() as progress:
        return lake, build(lake, recipe, executor, progress)


def _conclude(done: _Finished) -> Quickstart:
    """Train, report, and write the summary."""
    out, lake, built = done.out, done.lake, done.built
    seconds = dict(built.seconds)
    with timed(seconds, "pretrain"):
        trained = _pretrain(lake, built.version, done.preset, out / "pretrain")
    paths = {
        "lake": str(lake.path),
        "version": str(lake.path / layout.version(built.version)),
        "shards": str(lake.path / layout.SHARDS),
        "checkpoint": str(trained.checkpoint),
        "report": str(out / "report.html"),
        "summary": str(out / "summary.json"),
    }
    funnel = overview.funnel(done.decided)
    with timed(seconds, "report"):
        write_report(_report(done, trained, funnel, seconds, paths), out / "report.html")
    # The summary comes after the report, because its seconds count those of the report too.
    summary = _summary(done, trained, funnel, seconds, paths)
    with replaced(out, out / "summary.json") as file:
        file.write(json.dumps(summary, indent=1, ensure_ascii=False).encode())
    return Quickstart(summary=summary, paths=paths, notes=done.notes, funnel=funnel)


def _report(
    done: _Finished, trained: Any, funnel: list[FunnelStage], seconds: dict[str, float], paths: dict[str, str]
) -> ReportData:
    out, recipe, lake, decided, found = done.out, done.recipe, done.lake, done.decided, done.found
    return ReportData(
        title=f"Build of {recipe.name}",
        built_at=datetime.now(UTC),
        recipe=recipe.name,
        notes=done.notes,
        funnel=funnel,
        classes=overview.classes(decided, recipe),
        score=ScoreFigures(precision=found.precision, recall=found.recall) if found else None,
        rounds=overview.rounds(decided),
        tags=overview.tags(lake, recipe),
        kept=overview.kept_sheets(decided, lake, recipe, out / "report.html"),
        rejected=overview.rejected_sheets(decided, lake, out / "report.html"),
        seconds=seconds,
        pretraining=_pretraining(trained, done.preset, out / "pretrain"),
        paths=paths,
    )


def _summary(
    done: _Finished, trained: Any, funnel: list[FunnelStage], seconds: dict[str, float], paths: dict[str, str]
) -> dict[str, Any]:
    found = done.found
    summary: dict[str, Any] = {
        "precision": found.precision if found else None,
        "recall": found.recall if found else None,
        "funnel": [dataclasses.asdict(stage) for stage in funnel],
        "reasons": {stage.stage: dict(stage.reasons) for stage in funnel if stage.reasons},
        "seconds": seconds,
        "num_kept": found.num_kept if found else done.decided.query("FROM selection").num_rows,
        "pretrain": {
            "held_out_ratio": trained.held_out_ratio,
            "num_steps": trained.num_steps,
            "wall_s": trained.wall_s,
        },
        "notes": done.notes,
        "paths": paths,
    }
    if found:
        summary |= {"num_wanted": found.num_wanted, "wrong": found.wrong, "missed": found.missed}
    if done.clips is not None:
        summary["clips"] = done.clips
    return summary


def _pretrain(lake: Lake, version: str, preset: str, out: Path) -> Any:
    from h2a_curation.videomae.loop.watch import Watcher
    from h2a_curation.videomae.pretrain.train import pretrain

    with shown() as progress:
        return pretrain(
            lake.path,
            version,
            preset,
            out,
            watcher=Watcher(progress=lambda done, total, _: progress("pretrain", done, total)),
        )


def _pretraining(trained: Any, preset: str, out: Path) -> Pretraining:
    steps = [json.loads(line) for line in (out / "steps.jsonl").read_text(encoding="utf-8").splitlines()]
    return Pretraining(
        preset=preset,
        losses=[(step["step"], step["loss"]) for step in steps],
        held_out_loss=trained.held_out_after,
        of_mean_loss=trained.held_out_mean_predictor,
        picture=trained.picture,
    )


def _not_looked_at(clips: list[dict[str, Any]], recipe: Recipe) -> list[str]:
    """One line for each setting that left files out, with their number."""
    why = {
        _NOT_LISTED: (
            f"the lake's {recipe.mine.num_rounds} round (mine.num_rounds) was over before they were listed;"
            " give another --out"
        ),
        _NOT_FETCHED: f"the recipe fetches {recipe.max_files} at most (max_files)",
    }
    num = Counter(clip["reason"] for clip in clips)
    return [f"{num[r]} of {len(clips)} files were not looked at ({r}): {said}." for r, said in why.items() if num[r]]


_NOT_LISTED = "not_listed"
"""The reason given for a file that no listing has shown."""
_NOT_FETCHED = "not_asked"
"""The reason in `fate` of a file that was listed and wanted, and not asked for."""


def _clips(decided: Catalog, folder: Path) -> list[dict[str, Any]]:
    """Each file of the folder: whether it was kept for a class, else why not (the view `fate`)."""
    rows = decided.query("SELECT post_id, kept, reason FROM fate").to_pylist()
    said = {row["post_id"].rpartition(":")[2]: row for row in rows}
    listed = []
    for label in real_clips.read_labels(folder):
        row = said.get(real_clips.clip_id(label.file), {"kept": False, "reason": _NOT_LISTED})
        listed.append({"file": label.file, "keep": row["kept"], "reason": row["reason"]})
    return listed
