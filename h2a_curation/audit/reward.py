"""Lower the reward of mining by what people's labels deny, so that the validator's mistakes do not lead it.

The reward has two corrections. A clip that a label denies is not counted as accepted. And a class is worth as much less
as its accepted clips are wrong, which is the mean of a Beta, as in an empirical Bayes estimate of many proportions:

    overall     = (9 + right of all classes) / (9.5 + labelled of all classes)
    reliability = (5 * overall + right of the class) / (5 + labelled of the class)
"""

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
_PRIOR_RIGHT, _PRIOR_WRONG = 9.0, 0.5
"""Labelled clips that the overall share starts from. A guess: with few labels most clips are taken to be right, as the
validator's own thresholds mean them to be."""
_PRIOR_CLASS = 5.0
"""Weight of the overall share in that of a class, in labelled clips of the class. A guess."""


def without_wrong(facts: Catalog, accepted: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """The pairs of `accepted` (post id, class id) that no label denies, be it of the post or of one with the same
    file."""
    rows = facts.query(_WRONG)
    return accepted - set(zip(rows["post_id"].to_pylist(), rows["class_id"].to_pylist(), strict=True))


def reliability(facts: Catalog, decided: Mapping[str, pa.Table]) -> dict[str, float]:
    """Share of accepted clips that is believed to be right, above 0 and at most 1, by class.

    Classes are those of which `decided` selects a clip. Only labels on drawn posts count: other labels may be on clips
    that somebody looked at because they seemed odd. A class starts at what the labels of all classes say, so that a
    class with few labels is neither favoured nor condemned. Without any label every class has 1.0.
    """
    selection = decided["selection"]
    rows = facts.query(_COUNTS, {"selection": selection}).to_pylist()
    counts = {row["class_id"]: (row["num_right"], row["num"]) for row in rows}
    class_ids = sorted({*selection["class_id"].to_pylist()})
    num = sum(n for _, n in counts.values())
    if not num:
        return dict.fromkeys(class_ids, 1.0)
    overall = (_PRIOR_RIGHT + sum(right for right, _ in counts.values())) / (_PRIOR_RIGHT + _PRIOR_WRONG + num)
    return {c: _shrunken(*counts.get(c, (0, 0)), overall) for c in class_ids}


def _shrunken(num_right: int, num: int, mean: float) -> float:
    return (_PRIOR_CLASS * mean + num_right) / (_PRIOR_CLASS + num)
