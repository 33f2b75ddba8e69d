"""What labels take from an arm's reward, so that mining is not led by the validator's own mistakes."""

from collections.abc import Mapping

import pyarrow as pa

from h2a_curation.catalog.views import Catalog

_WRONG = """
    WITH denied AS (SELECT post_id, class_id FROM label WHERE NOT shows),
    same_file AS (SELECT a.post_id, b.post_id AS copy_id FROM media a JOIN media b USING (media_id))
    SELECT post_id, class_id FROM denied
    UNION SELECT copy_id, class_id FROM denied JOIN same_file USING (post_id)
"""
_COUNTS = """
    SELECT class_id, count(*) AS num, count(*) FILTER (shows) AS num_right
    FROM selection JOIN label USING (post_id, class_id) SEMI JOIN audit_draw USING (post_id) GROUP BY class_id
"""
_PRIOR_SURE = 9.0
"""Before any label, accepted clips are thought right as if so many had been seen right, and half of one wrong."""
_PRIOR_LIKE = 5.0
"""Labelled clips of a class that weigh as much as what the labels of all classes say."""


def without_wrong(facts: Catalog, accepted: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """The (post id, class id) that no label denies, whether of the post itself or of another with the same file."""
    rows = facts.query(_WRONG)
    return accepted - set(zip(rows["post_id"].to_pylist(), rows["class_id"].to_pylist(), strict=True))


def reliability(facts: Catalog, decided: Mapping[str, pa.Table]) -> dict[str, float]:
    """By class, the share of accepted clips that is believed to be right: above 0, at most 1.

    From labels on drawn posts that `decided` selects; other labels may be of clips that somebody found odd. The mean of
    a Beta: a class starts at what all labels together say, so that one with few of them is neither favoured nor
    condemned. Without any label every class has 1.0. Classes are those that `decided` selects a clip of.
    """
    selection = decided["selection"]
    rows = facts.query(_COUNTS, {"selection": selection}).to_pylist()
    counts = {row["class_id"]: (row["num_right"], row["num"]) for row in rows}
    class_ids = sorted({*selection["class_id"].to_pylist()})
    num = sum(n for _, n in counts.values())
    if not num:
        return dict.fromkeys(class_ids, 1.0)
    overall = (_PRIOR_SURE + sum(right for right, _ in counts.values())) / (_PRIOR_SURE + 0.5 + num)
    return {c: _shrunken(*counts.get(c, (0, 0)), overall) for c in class_ids}


def _shrunken(num_right: int, num: int, mean: float) -> float:
    return (_PRIOR_LIKE * mean + num_right) / (_PRIOR_LIKE + num)
