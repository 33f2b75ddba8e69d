"""Views that tell what became of each post and each listing: the one place where subjects are counted.

A verdict is about a pair of a class and a subject, two posts may hold one file, and a post stands in many listings: who
counts rows of `verdict` or `hit` counts such pairs. In `fate` each post is one row, and past `fetch` each file, past
`cut` each clip is one too, so `GROUP BY` gives what people mean. The funnel, the report and the pages' queries all ask
these views, so they cannot differ.
"""

import re
from collections.abc import Mapping
from typing import Any

from schemas import SETTLED, STAGES

POST_STAGES = ("mine", "screen_post", "fetch", "probe", "cut", *STAGES[1:])
"""The stages at which a post may be lost, in the order of the work."""

_ASKS_FOR_NAMES = re.compile(r"\b(show|describe|summarize|information_schema|(duckdb|pg)_\w+)\b", re.IGNORECASE)


def named(sql: str, views: dict[str, str]) -> list[str]:
    """The views that a query needs, in their order, of SQL by name in an order in which each asks those before it."""
    if _ASKS_FOR_NAMES.search(sql):
        return list(views)
    needed: list[str] = []
    for name, query in reversed(views.items()):
        if re.search(rf"\b{name}\b", sql, re.IGNORECASE):
            needed.insert(0, name)
            sql += query
    return needed


def place(stage: str) -> str:
    """SQL that numbers the stages in their order; `kept` is the last."""
    return f"list_position({[*POST_STAGES, 'kept']}, {stage})"


def in_words(said: Mapping[str, Any]) -> str:
    """The reason of a verdict or a fate, and what was compared with what.

    >>> in_words({"reason": "too_short", "value": 2.1, "threshold": 2.2})
    'too_short (2.1 against 2.2)'
    """
    if said["value"] is None:
        return str(said["reason"])
    return f"{said['reason']} ({said['value']:.4g} against {said['threshold']:.4g})"


def _said(stage: str, reason: str) -> str:
    """SQL for a loss without numbers, of a stage and a reason that are SQL themselves."""
    return f"{{stage: {stage}, reason: {reason}, value: NULL::DOUBLE, threshold: NULL::DOUBLE}}"


def _unless_ok(stage: str, outcome: str, unknown: str) -> str:
    """SQL for a branch of CASE: any other outcome is a loss in that stage, and none is `unknown`."""
    reason = f"coalesce({outcome}, '{unknown}')"
    return f"WHEN {outcome} IS DISTINCT FROM 'ok' THEN " + _said(f"'{stage}'", reason)


_SAME_FILE, _SAME_CLIP = _said("'fetch'", "'same_file'"), _said("'cut'", "'same_clip'")
_NO_CLASS, _KEPT = _said("'mine'", "'no_class'"), _said("'kept'", "'ok'")


def _one_speaks(rows: str, group: str, first: str) -> str:
    """SQL with the columns of ClassFate: of the rows of a group that share a file or a clip, the first stands for all.

    `rows` has `said` (stage, reason, value and threshold) in the place of the last columns. A post that was lost before
    its file came stands for itself.
    """
    return f"""
        SELECT post_id, class_id, ground, media_id, clip_id, said.stage AS stage, said.reason AS reason,
               said.value AS value, said.threshold AS threshold, said.stage = 'kept' AS kept
        FROM (
            SELECT * REPLACE (
                       CASE WHEN is_there AND nth_of_file > 1 THEN {_SAME_FILE}
                            WHEN is_there AND clip_id IS NOT NULL AND nth_of_clip > 1 THEN {_SAME_CLIP}
                            ELSE said END AS said)
            FROM (
                SELECT *, row_number() OVER (PARTITION BY {group}, is_there, media_id ORDER BY {first}) AS nth_of_file,
                       row_number() OVER (PARTITION BY {group}, is_there, clip_id ORDER BY {first}) AS nth_of_clip
                FROM (SELECT *, {place("said.stage")} > {place("'fetch'")} AS is_there FROM ({rows}))
            )
        )
    """


_FOLLOWING = f"{list(STAGES)}[1 + list_position({list(STAGES)}, last.stage)]"
_SAID = "{{stage: {0}stage, reason: {0}reason, value: {0}value, threshold: {0}threshold}}"

_LAST_VERDICT = f"""
    SELECT class_id, subject_id, last.stage AS stage, last.keep AS keep, last.reason AS reason, last.value AS value,
           last.threshold AS threshold
    FROM (
        SELECT class_id, subject_id,
               arg_max({{keep: keep, stage: stage, reason: reason, value: value, threshold: threshold}},
                       {place("stage")}) AS last
        FROM verdict GROUP BY class_id, subject_id
    )
"""

_CLAIM_FATE = f"""
    SELECT post_id, class_id, ground, media_id, clip_id, said.stage AS stage, said.reason AS reason,
           said.value AS value, said.threshold AS threshold, said.stage = 'kept' AS kept
    FROM (
        SELECT c.post_id, c.class_id, c.ground, m.media_id, k.clip_id,
               CASE WHEN NOT v.keep THEN {_SAID.format("v.")}
                    {_unless_ok("fetch", "m.outcome", "not_asked")}
                    {_unless_ok("probe", "f.outcome", "undecided")}
                    {_unless_ok("cut", "k.outcome", "undecided")}
                    WHEN last.stage IS NULL THEN {_said("'screen_clip'", "'undecided'")}
                    WHEN NOT last.keep THEN {_SAID.format("last.")}
                    WHEN last.stage = 'select' THEN {_KEPT}
                    ELSE {_said(_FOLLOWING, "'undecided'")} END AS said
        FROM candidate c JOIN post p USING (post_id)
             LEFT JOIN verdict v ON v.class_id = c.class_id AND v.subject_id = c.post_id AND v.stage = 'screen_post'
             LEFT JOIN media m ON m.post_id = c.post_id
             LEFT JOIN probe f ON f.media_id = m.media_id
             LEFT JOIN clip k ON k.media_id = m.media_id
             LEFT JOIN last_verdict last
                  ON last.class_id = c.class_id AND last.subject_id = coalesce(k.clip_id, m.media_id)
    )
"""
"""Each candidate with the first that speaks against it, be it a verdict or an outcome."""

_CLAIMS = f"""
    SELECT c.post_id, c.class_id, c.ground, c.media_id, c.clip_id, {_SAID.format("c.")} AS said,
           m.round, p.posted_at, s.post_id IS NULL AS is_unselected
    FROM claim_fate c JOIN post p USING (post_id) LEFT JOIN media m USING (post_id)
         LEFT JOIN selection s ON s.class_id = c.class_id AND s.post_id = c.post_id AND s.clip_id = c.clip_id
"""
"""The same with what says which of the posts that share a file or a clip stands for all."""

_BEST = f"""
    SELECT post_id, class_id, ground, media_id, clip_id,
           CASE WHEN stage IS NULL THEN {_NO_CLASS}
                ELSE {_SAID.format("")} END AS said
    FROM (SELECT post_id FROM post)
         LEFT JOIN (FROM class_fate QUALIFY row_number() OVER (
                        PARTITION BY post_id ORDER BY {place("stage")} DESC, class_id) = 1) USING (post_id)
"""

_CREDIT = f"""
    WITH page AS (
        SELECT *, row_number() OVER (PARTITION BY source, tag ORDER BY round, requested_at, cursor) AS page
        FROM request WHERE outcome IN {SETTLED}
    ),
    credit AS (
        SELECT post_id, arg_min({{source: source, tag: tag, round: round}},
                                (round, page, md5(post_id || tag || source))) AS first
        FROM hit JOIN page USING (source, tag, visit, cursor) GROUP BY post_id
    )
    SELECT post_id, first.source AS source, first.tag AS tag, first.round AS round FROM credit
"""

_TAG_YIELD = """
    WITH gave AS (
        SELECT c.source, c.tag, count(*) AS num_new, count(*) FILTER (kept) AS num_accepted
        FROM first_listing c JOIN fate USING (post_id) GROUP BY ALL
    )
    SELECT source, tag, num_pages, coalesce(num_new, 0) AS num_new, coalesce(num_accepted, 0) AS num_accepted
    FROM (SELECT source, tag, count(*) AS num_pages FROM request GROUP BY ALL) LEFT JOIN gave USING (source, tag)
"""

_JUDGEMENT = f"""
    WITH judged AS (
        FROM (
            SELECT post_id FROM media WHERE outcome IN {SETTLED}
            UNION SELECT subject_id FROM verdict WHERE stage = 'screen_post'
            GROUP BY subject_id HAVING NOT bool_or(keep)
        ) ANTI JOIN opted_out USING (post_id)
    ),
    subject AS (
        SELECT post_id, post_id AS subject_id FROM post
        UNION SELECT post_id, clip_id FROM media JOIN clip USING (media_id) WHERE clip_id IS NOT NULL
    ),
    said AS (
        SELECT post_id, arg_max(reason, (list_position({list(STAGES)}, stage), reason)) AS reason
        FROM verdict JOIN subject USING (subject_id) WHERE NOT keep GROUP BY post_id
    )
    SELECT post_id, CASE WHEN post_id IN (SELECT post_id FROM selection) THEN ''
                         ELSE coalesce(reason, nullif(outcome, 'ok'), 'no clip') END AS reason
    FROM judged LEFT JOIN said USING (post_id) LEFT JOIN media USING (post_id)
"""
"""It has a reading of its own, since plans that were made before depend on it: see schemas.Judgement."""

OF_FACTS = {"first_listing": _CREDIT}
"""The listing that was the first to list a post, to which mining credits it (mining/arms.py): a row a post."""
OF_DECISION = {
    # schemas/fates.py says what the columns are; each may ask those before it
    "last_verdict": _LAST_VERDICT,
    "claim_fate": _CLAIM_FATE,
    "class_fate": _one_speaks(_CLAIMS, "class_id", "is_unselected, round, posted_at NULLS LAST, post_id"),
    "fate": _one_speaks(_BEST, "true", f"{place('said.stage')} DESC, class_id, post_id"),
    "tag_yield": _TAG_YIELD,
    "judgement": _JUDGEMENT,
}
