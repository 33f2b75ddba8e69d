"""The drawn posts with each class that they are looked at for: what the decision says, and what people say."""

from dataclasses import dataclass

from h2a_curation.catalog.rejections import STAGES
from h2a_curation.catalog.views import Catalog

TAKEN = "taken"
_PAIRS = f"""
    WITH drawn AS (
        SELECT post_id, d.probability, m.media_id
        FROM audit_draw d JOIN media m USING (post_id) WHERE m.outcome = 'ok'
    ),
    of_post AS (
        SELECT class_id, subject_id AS post_id, keep, stage || ': ' || reason AS said
        FROM verdict WHERE stage = 'screen_post'
    ),
    of_clip AS (
        SELECT class_id, subject_id, bool_or(stage = 'validate') AS is_validated,
               arg_min(stage || ': ' || reason, list_position({list(STAGES)}, stage))
                   FILTER (NOT keep AND stage <> 'dedup' AND (stage <> 'select' OR reason = 'better_class')) AS said
        FROM verdict WHERE stage <> 'screen_post' GROUP BY class_id, subject_id
    )
    SELECT post_id, class_id, probability, ground = 'sight' AS by_sight,
           CASE WHEN NOT of_post.keep THEN of_post.said
                WHEN of_clip.said IS NOT NULL THEN of_clip.said
                WHEN of_clip.is_validated THEN '{TAKEN}' END AS verdict,
           shows, url, media_id
    FROM drawn ANTI JOIN opted_out USING (post_id) JOIN candidate USING (post_id) JOIN post USING (post_id)
         LEFT JOIN of_post USING (class_id, post_id)
         LEFT JOIN clip USING (media_id)
         LEFT JOIN of_clip
              ON of_clip.class_id = candidate.class_id AND of_clip.subject_id = coalesce(clip.clip_id, drawn.media_id)
         LEFT JOIN (SELECT post_id, class_id, shows FROM label) label USING (post_id, class_id)
    ORDER BY post_id, class_id
"""
"""Without posts that have opted out since: nobody is asked about them, and they are no part of what a figure is of.
That a clip is a copy, or that a class is full, says nothing against what it shows: such clips count as taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A drawn post whose file came, and a class that it is looked at for."""

    post_id: str
    class_id: str
    probability: float
    """With which the post was drawn."""
    by_sight: bool
    """No tag speaks for the class, only the frames."""
    verdict: str | None
    """`taken`, or the stage and reason of the first that rejects it; None: not decided yet."""
    shows: bool | None
    """What a person says; None: nothing yet."""
    url: str
    media_id: str


def drawn_pairs(decided: Catalog) -> list[Pair]:
    """All of a lake, sorted by post and class; `decided` was opened with a decision."""
    return [Pair(**row) for row in decided.query(_PAIRS).to_pylist()]
