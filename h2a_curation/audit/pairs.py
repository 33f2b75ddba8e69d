"""The drawn posts with each class that they are looked at for: what the decision says, and what people say."""

from dataclasses import dataclass

from h2a_curation.catalog.views import Catalog

TAKEN = "taken"
_PAIRS = f"""
    WITH drawn AS (
        SELECT post_id, d.probability, m.media_id
        FROM audit_draw d JOIN media m USING (post_id) WHERE m.outcome = 'ok'
    )
    SELECT post_id, became.class_id, probability, ground = 'sight' AS by_sight,
           CASE WHEN became.stage = 'screen_post' THEN became.stage || ': ' || became.reason
                WHEN last.stage IN ('dedup', 'select') AND last.reason <> 'better_class' THEN '{TAKEN}'
                WHEN NOT last.keep THEN last.stage || ': ' || last.reason
                WHEN last.stage = 'validate' THEN '{TAKEN}' END AS verdict,
           shows, url, drawn.media_id
    FROM drawn ANTI JOIN opted_out USING (post_id) JOIN claim_fate became USING (post_id) JOIN post USING (post_id)
         LEFT JOIN (SELECT post_id, class_id, shows FROM label) label USING (post_id, class_id)
         LEFT JOIN last_verdict last
              ON last.class_id = became.class_id AND last.subject_id = coalesce(became.clip_id, drawn.media_id)
    ORDER BY post_id, became.class_id
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
