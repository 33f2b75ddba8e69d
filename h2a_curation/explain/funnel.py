"""What a build did, in rows for the report, the terminal and summary.json: funnel, classes, rounds, tags, sheets."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from h2a_curation.catalog.fates import POST_STAGES
from h2a_curation.catalog.views import Catalog
from h2a_curation.explain import tag_history
from h2a_curation.lake.lake import Lake
from h2a_curation.recipes import Recipe
from h2a_curation.report.contact_sheet import NUM_FRAMES, strip
from h2a_curation.report.page import ClassCount, FunnelStage, Measured, MiningRound, Sheet, SheetClip, TagYield
from schemas import STAGES

_POSTS_AND_FILES = {"mine": "posts", "screen_post": "posts", "fetch": "posts", "probe": "files", "cut": "files"}
"""What a stage is given; the others are given clips."""
_CLIPS_OF_A_SHEET = 3
"""A row of the page. Each costs a decode: with six, the sheets were the longest part of a quickstart's report."""
_SHEETS_OF_REASONS = 14
_WHY_NOTHING = {
    "quota": "nothing was asked for: every class has its clips",
    "dry": "nothing was asked for: no listing was worth a page",
}
_KEPT_OF_ROUND = """
    SELECT round, count(DISTINCT clip_id) AS clips FROM selection JOIN first USING (post_id) GROUP BY round
"""


def funnel(decided: Catalog) -> list[FunnelStage]:
    """Every stage in its order: what came in, what it kept, and why not the rest; what one keeps, the next is given.

    Each post is lost once (the view `fate`), so that what is lost and what is kept at the end are all posts together.
    """
    rows = decided.query(
        "SELECT stage, reason, count(*) AS n FROM fate GROUP BY ALL ORDER BY n DESC, reason"
    ).to_pylist()
    left = sum(row["n"] for row in rows)
    stages = []
    for stage in POST_STAGES:
        lost = {row["reason"]: row["n"] for row in rows if row["stage"] == stage}
        num_in, left = left, left - sum(lost.values())
        unit = _POSTS_AND_FILES.get(stage, "clips")
        stages.append(FunnelStage(stage=stage, unit=unit, num_in=num_in, num_kept=left, reasons=lost))
    return stages


def classes(decided: Catalog, recipe: Recipe) -> list[ClassCount]:
    """How far the posts of each class came."""
    rows = decided.query("""
        WITH split AS (
            SELECT class_id, count(*) FILTER (split = 'train') AS train, count(*) FILTER (split = 'val') AS val,
                   count(*) FILTER (split = 'test') AS test
            FROM selection GROUP BY class_id
        ),
        came AS (
            SELECT class_id, count(*) AS listed,
                   count(*) FILTER (stage NOT IN ('screen_post', 'fetch')) AS fetched,
                   count(*) FILTER (stage IN ('dedup', 'select', 'kept')) AS valid
            FROM class_fate GROUP BY class_id
        )
        FROM came LEFT JOIN split USING (class_id)
    """).to_pylist()
    by_id = {row["class_id"]: row for row in rows}
    return [_class_count(c.id, c.name, by_id.get(c.id, {})) for c in recipe.action_classes]


def rounds(catalog: Catalog, *, is_decided: bool = True) -> list[MiningRound]:
    """What each round asked for, what came and what it taught; no clip counts as kept where nothing is decided."""
    kept = _KEPT_OF_ROUND if is_decided else "SELECT NULL::BIGINT AS round, 0 AS clips WHERE false"
    rows = catalog.query(f"""
        WITH page AS (SELECT round, count(*) AS pages FROM request GROUP BY round),
        seen AS (SELECT post_id, round FROM hit JOIN request USING (source, tag, visit, cursor)),
        first AS (SELECT post_id, min(round) AS round FROM seen GROUP BY post_id),
        new AS (SELECT round, count(*) AS posts FROM first GROUP BY round),
        file AS (SELECT round, count(*) AS files FROM media WHERE outcome = 'ok' GROUP BY round),
        kept AS ({kept}),
        learnt AS (SELECT round, list(DISTINCT tag ORDER BY tag) AS tags FROM tag_claim GROUP BY round),
        changed AS (SELECT round, list([tag, state] ORDER BY tag, source) AS tags FROM arm_change GROUP BY round)
        SELECT round, coalesce(pages, 0) AS pages, coalesce(posts, 0) AS posts, coalesce(files, 0) AS files,
               coalesce(clips, 0) AS clips, coalesce(learnt.tags, []) AS learnt, coalesce(changed.tags, []) AS changed,
               reason
        FROM page FULL JOIN round_plan USING (round) LEFT JOIN new USING (round) LEFT JOIN file USING (round)
             LEFT JOIN kept USING (round) LEFT JOIN learnt USING (round) LEFT JOIN changed USING (round)
        ORDER BY round
    """).to_pylist()
    return [
        MiningRound(
            round=r["round"],
            num_pages=r["pages"],
            num_new_posts=r["posts"],
            num_files=r["files"],
            num_accepted=r["clips"],
            tags_learnt=r["learnt"],
            tags_changed=[(tag, state) for tag, state in r["changed"]],
            why_nothing=_WHY_NOTHING.get(r["reason"] or "", ""),
        )
        for r in rows
    ]


def tags(lake: Lake, recipe: Recipe) -> list[TagYield]:
    """What each tag cost and gave, the most fruitful first, and in what state it is; those of which no page was asked
    for are left out.
    """
    found = tag_history.histories(tag_history.open_mined(lake, recipe))
    return [
        TagYield(
            tag=t.tag,
            class_ids=[g.class_id for g in t.grounds],
            ground=t.origin,
            num_pages=t.total("num_pages"),
            num_posts=t.total("num_new"),
            num_accepted=t.total("num_accepted"),
            state=t.state,
            reason=t.change.reason if t.change else "",
            detail=t.change.detail if t.change else "",
        )
        for t in found
        if t.total("num_pages")
    ]


def kept_sheets(decided: Catalog, lake: Lake, recipe: Recipe, report: Path) -> list[Sheet]:
    """Some selected clips of each class; `report` is the page that links to them."""
    names = {c.id: c.name for c in recipe.action_classes}
    sql = """
        SELECT class_id, clip_id, post_id, caption, probability, margin, agreement,
               count(*) OVER (PARTITION BY class_id) AS num_clips
        FROM selection JOIN post USING (post_id) LEFT JOIN score USING (clip_id, class_id)
        QUALIFY row_number() OVER (PARTITION BY class_id ORDER BY probability, clip_id) <= $most
        ORDER BY class_id, probability, clip_id
    """
    rows = decided.query(sql, params={"most": _CLIPS_OF_A_SHEET}).to_pylist()
    return _sheets(
        rows, lake, report, "class_id", lambda r: (names[r["class_id"]], "the least sure first"), _score_numbers
    )


def rejected_sheets(decided: Catalog, lake: Lake, report: Path) -> list[Sheet]:
    """Some clips of each reason for which a clip was rejected; `report` is the page that links to them.

    Each clip stands under one reason, and none that is kept for any class is among them.
    """
    sql = f"""
        SELECT stage || ': ' || reason AS why, clip_id, class_id, caption, value, threshold,
               count(*) OVER (PARTITION BY why) AS num_clips
        FROM fate ANTI JOIN opted_out USING (post_id) JOIN post USING (post_id)
        WHERE stage IN {STAGES[1:]} AND clip_id IS NOT NULL AND reason <> 'not_measured'
        QUALIFY row_number() OVER (PARTITION BY why ORDER BY clip_id) <= $most ORDER BY num_clips DESC, why, clip_id
    """
    rows = decided.query(sql, params={"most": _CLIPS_OF_A_SHEET}).to_pylist()
    sheets = _sheets(rows, lake, report, "why", lambda r: (r["why"].replace("_", " "), ""), _rule_numbers)
    return sheets[:_SHEETS_OF_REASONS]


def _sheets(rows: Sequence[dict[str, Any]], lake: Lake, report: Path, by: str, title: Any, numbers: Any) -> list[Sheet]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row[by], []).append(row)
    sheets = []
    for group in groups.values():
        heading, subtitle = title(group[0])
        clips = [_sheet_clip(row, lake, report, numbers(row)) for row in group]
        sheets.append(Sheet(title=heading, subtitle=subtitle, num_clips=group[0]["num_clips"], clips=clips))
    return sheets


def _sheet_clip(row: Mapping[str, Any], lake: Lake, report: Path, numbers: Sequence[Measured]) -> SheetClip:
    from h2a_curation.measure.frames import LookRules
    from h2a_curation.video.answers import Limits
    from h2a_curation.video.child import look_in_child

    file = lake.clip_file(row["clip_id"])
    seen = look_in_child(str(file), LookRules(num_frames=NUM_FRAMES), limits=Limits())
    caption = f"{row['class_id']}: {row['caption']}"
    href = os.path.relpath(file, report.resolve().parent)
    return SheetClip(strip=strip(list(seen.frames)), caption=caption, numbers=numbers, href=href)


def _score_numbers(row: Mapping[str, Any]) -> list[Measured]:
    return [Measured(name=n, value=row[n]) for n in ("probability", "margin", "agreement") if row[n] is not None]


def _rule_numbers(row: Mapping[str, Any]) -> list[Measured]:
    return [] if row["value"] is None else [Measured(name="value", value=row["value"], threshold=row["threshold"])]


def _class_count(class_id: str, name: str, row: Mapping[str, Any]) -> ClassCount:
    return ClassCount(
        class_id=class_id,
        name=name,
        num_listed=row.get("listed") or 0,
        num_fetched=row.get("fetched") or 0,
        num_valid=row.get("valid") or 0,
        num_train=row.get("train") or 0,
        num_val=row.get("val") or 0,
        num_test=row.get("test") or 0,
    )
