"""A new decision on a lake's rows, held against the one before it: which clips come, which go, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from h2a_curation.catalog.fates import in_words
from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.executors.local import local_executor
from h2a_curation.lake import decisions
from h2a_curation.lake.lake import Lake
from h2a_curation.pipeline import build, part
from h2a_curation.recipes import Recipe
from h2a_curation.sources.politeness.left_alone import opt_outs_of

_WHY = """
    SELECT changed.class_id, changed.clip_id, changed.post_id, speaks.post_id IS NOT NULL AS is_candidate,
           coalesce(of_post.said, of_clip.said) AS said
    FROM changed LEFT JOIN speaks USING (class_id, post_id)
         LEFT JOIN rejected of_post ON of_post.class_id = changed.class_id AND of_post.subject_id = changed.post_id
         LEFT JOIN rejected of_clip ON of_clip.class_id = changed.class_id AND of_clip.subject_id = changed.clip_id
    ORDER BY changed.class_id, changed.clip_id
"""
_REJECTED = """
    SELECT class_id, subject_id, {stage: stage, reason: reason, value: value, threshold: threshold} AS said
    FROM last_verdict WHERE NOT keep
"""
_WITHOUT_CLIP = """
    SELECT count(DISTINCT post_id) AS n FROM claim_fate
    WHERE reason = 'not_asked' OR reason = 'undecided' AND stage IN ('probe', 'cut')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedClip:
    """A clip that one decision selects and the other does not."""

    clip_id: str
    post_id: str
    class_id: str
    why: str
    """What the other decision says of it: stage, reason, value and threshold."""
    copy_of: str = ""
    """The opted-out post whose clip it is, or a copy of; another account's, for whom nobody asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a new decision changes against the one before it."""

    before: Path | None
    after: Path
    come: list[ChangedClip]
    go: list[ChangedClip]
    copies: list[ChangedClip]
    """All clips of the new decision that are copies of an opted-out clip, whether they come or stay."""
    num_without_clip: int
    """Posts that the new decision's post screen keeps and that were not fetched, or not probed and cut by it, yet."""
    unmeasured: Mapping[str, int]
    """By what a look gives (`fingerprint`, `frame_embedding` or a signal), clips without one by this decision's models:
    what `build` would look at. A clip is undecided without the first two, and passes rules on a signal without that."""
    no_sensors: str
    """Why signals that the recipe asks for cannot be had here; empty where all can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What is compared of a decision, in memory: deciding anew may remove the one before."""

    selected: dict[tuple[str, str], str]
    """Post ids by class and clip."""
    rejected: pa.Table
    speaks: pa.Table
    copy_of: dict[str, str]
    """Opted-out post ids by the clip that is a copy of theirs."""


def redecide(lake: Lake, recipe: Recipe) -> Changes:
    """Decide anew and compare with the lake's newest decision. Only prompts that are new meet a model."""
    opt_outs_of(lake, recipe.source)  # a list that cannot be read stops all before anything is done
    before = decisions.newest(lake.path)
    models = decisions.about(before)["models"] if before else {}
    earlier = _read(connect(lake.path, models=models, decision=before)) if before else None
    with local_executor(1, 1) as run:
        job = build.Job(lake=lake, recipe=recipe, run=run, progress=_silent, models=part.models_of(recipe))
        steps = build.Steps(job)
        after = build.decide(steps)
    opened = steps.facts.decided(after)
    later = _read(opened)
    selected = earlier.selected if earlier else {}
    come = {pair: post_id for pair, post_id in later.selected.items() if pair not in selected}
    go = {pair: post_id for pair, post_id in selected.items() if pair not in later.selected}
    unmeasured = build.clips_unmeasured(opened, recipe, opened.query("FROM opted_out"))
    return Changes(
        before=before,
        after=after,
        come=_flagged(_changed(come, earlier, opened), later.copy_of),
        copies=_flagged(_copies(later), later.copy_of),
        go=_changed(go, later, opened),
        num_without_clip=opened.query(_WITHOUT_CLIP)["n"][0].as_py(),
        unmeasured={what: len(clips) for what, clips in unmeasured.items() if clips},
        no_sensors=part.sensors_missing(recipe),
    )


def _read(decided: Catalog) -> _Read:
    rows = decided.query("SELECT class_id, clip_id, post_id FROM selection ORDER BY ALL")
    classes, clips, posts = (rows[c].to_pylist() for c in rows.column_names)
    return _Read(
        selected=dict(zip(zip(classes, clips, strict=True), posts, strict=True)),
        rejected=decided.query(_REJECTED),
        speaks=decided.query("SELECT DISTINCT class_id, post_id FROM candidate"),
        copy_of={r["clip_id"]: r["opted_out_post_id"] for r in decided.query("FROM reupload").to_pylist()},
    )


def _flagged(clips: list[ChangedClip], copy_of: Mapping[str, str]) -> list[ChangedClip]:
    return [replace(clip, copy_of=copy_of.get(clip.clip_id, "")) for clip in clips]


def _copies(decided: _Read) -> list[ChangedClip]:
    return [
        ChangedClip(clip_id=clip_id, post_id=post_id, class_id=class_id, why="")
        for (class_id, clip_id), post_id in sorted(decided.selected.items())
        if clip_id in decided.copy_of
    ]


def _changed(clips: Mapping[tuple[str, str], str], other: _Read | None, catalog: Catalog) -> list[ChangedClip]:
    """The clips with what the other decision says of them."""
    rows = [{"class_id": c, "clip_id": clip, "post_id": post} for (c, clip), post in sorted(clips.items())]
    if other is not None and rows:
        tables = {"changed": pa.Table.from_pylist(rows), "rejected": other.rejected, "speaks": other.speaks}
        rows = catalog.query(_WHY, tables).to_pylist()
    return [
        ChangedClip(
            clip_id=row["clip_id"], post_id=row["post_id"], class_id=row["class_id"], why=_why(row) if other else "new"
        )
        for row in rows
    ]


def _why(row: Mapping[str, Any]) -> str:
    if said := row["said"]:
        return f"{said['stage']}: {in_words(said)}"
    return "not measured by its models" if row["is_candidate"] else "no tag speaks for the class"


def _silent(_step: str, _done: int, _total: int) -> None:
    return None
