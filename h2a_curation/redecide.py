"""A new decision on a lake's rows, held against the one before it: which clips come, which go, and why."""

from dataclasses import dataclass
from pathlib import Path

from h2a_curation import build, work
from h2a_curation.catalog import decisions
from h2a_curation.catalog.lake import Lake
from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.executor import local_executor
from h2a_curation.recipes import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedClip:
    """A clip that one decision selects and the other does not."""

    clip_id: str
    post_id: str
    class_id: str
    why: str
    """What the other decision says of it: stage, reason, value and threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a new decision changes against the one before it."""

    before: Path | None
    after: Path
    come: list[ChangedClip]
    go: list[ChangedClip]
    num_unmeasured: int
    """Posts that the new decision's post screen keeps and that have no verdict on their clip."""


def redecide(lake: Lake, recipe: Recipe) -> Changes:
    """Decide anew and compare with the lake's newest decision. Only prompts that are new meet a model."""
    before = decisions.newest(lake.path)
    earlier = _opened(lake, before) if before else None
    selected = _selected(earlier) if earlier else set()
    with local_executor(1, 1) as run:
        job = build.Job(lake=lake, recipe=recipe, run=run, progress=_silent, models=work.models_of(recipe))
        after = build.decide(job)
    later = _opened(lake, after)
    now = _selected(later)
    return Changes(
        before=before,
        after=after,
        come=[_changed(clip, earlier) for clip in sorted(now - selected)],
        go=[_changed(clip, later) for clip in sorted(selected - now)],
        num_unmeasured=_unmeasured(later),
    )


def _opened(lake: Lake, decision: Path) -> Catalog:
    return connect(lake.path, models=decisions.about(decision)["models"], decision=decision)


def _selected(decided: Catalog) -> set[tuple[str, str, str]]:
    rows = decided.query("SELECT class_id, clip_id, post_id FROM selection")
    return set(zip(*(rows[c].to_pylist() for c in rows.column_names), strict=True))


def _changed(clip: tuple[str, str, str], other: Catalog | None) -> ChangedClip:
    class_id, clip_id, post_id = clip
    return ChangedClip(clip_id=clip_id, post_id=post_id, class_id=class_id, why=_why(other, clip) if other else "new")


def _why(decided: Catalog, clip: tuple[str, str, str]) -> str:
    """The verdict that rejects the clip in a decision, in words."""
    class_id, clip_id, post_id = clip
    rows = decided.query(
        """SELECT stage, reason, value, threshold FROM verdict
           WHERE class_id = $class_id AND subject_id IN ($clip_id, $post_id) AND NOT keep""",
        params={"class_id": class_id, "clip_id": clip_id, "post_id": post_id},
    ).to_pylist()
    if not rows:
        return "no verdict: no candidate, or not measured"
    said = rows[0]
    numbers = "" if said["value"] is None else f" ({said['value']:.4g} against {said['threshold']:.4g})"
    return f"{said['stage']}: {said['reason']}{numbers}"


def _unmeasured(decided: Catalog) -> int:
    [n] = decided.query("""
        SELECT count(*) FROM (SELECT DISTINCT subject_id AS post_id FROM verdict WHERE stage = 'screen_post' AND keep)
        ANTI JOIN media USING (post_id)
    """)[0].to_pylist()
    return int(n)


def _silent(_step: str, _done: int, _total: int) -> None:
    return None
