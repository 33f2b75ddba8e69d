"""What a run asks for of what a round was granted: all that was not asked for yet, and what failed in earlier runs.

A run that goes on after a kill takes the path of one that nothing disturbed, so it asks for nothing a second time;
that is for a run that finds all rounds done, or none with anything to show.
"""

from h2a_curation.catalog.views import Catalog
from h2a_curation.pipeline.acquire import listings
from h2a_curation.pipeline.rounds.schedule import PLANNED
from schemas import SETTLED


def is_at_rest(facts: Catalog) -> bool:
    """Whether every round that was planned is done: then failures are those of earlier runs."""
    return not facts.query(f"FROM ({PLANNED}) ANTI JOIN round_end USING (round) LIMIT 1").num_rows


def tags_left(facts: Catalog, round_no: int, max_runs: int) -> list[str]:
    """Tags whose granted pages have not all come: not asked for, or cut short; of those that failed, see above.

    Of the newest round alone: what an older one left belongs to the plans after it.
    """
    newest = facts.query(f"SELECT max(round) AS n FROM ({PLANNED})")["n"][0].as_py()
    if round_no != newest:
        return []
    has_none = not facts.query("FROM post LIMIT 1").num_rows
    worn_out = _worn_out(facts, "request_try", "tag, visit, cursor", max_runs) if is_at_rest(facts) else None
    left = [
        listing.tag
        for listing in listings(facts, round_no)
        if listing.num_left > 0
        and (cursor := listing.next_cursor) is not None
        and (
            not listing.has_failed
            or has_none
            or (worn_out is not None and (listing.tag, listing.granted.visit, cursor) not in worn_out)
        )
    ]
    return list(dict.fromkeys(left))


def posts_done(facts: Catalog, max_runs: int) -> set[str]:
    """Posts that no run asks for any more, and those that failed and are not to be asked for again in this one."""
    tried = set(facts.query("SELECT post_id FROM media")["post_id"].to_pylist())
    final = set(facts.query(f"SELECT post_id FROM media WHERE outcome IN {SETTLED}")["post_id"].to_pylist())
    if not facts.query("FROM media WHERE outcome = 'ok' LIMIT 1").num_rows:
        return final
    if not is_at_rest(facts):
        return tried
    return final | {str(post_id) for (post_id,) in _worn_out(facts, "media_try", "post_id", max_runs)}


def _worn_out(facts: Catalog, tries: str, key: str, max_runs: int) -> set[tuple[str | int, ...]]:
    """Keys that were asked for in so many runs."""
    rows = facts.query(f"SELECT {key} FROM {tries} GROUP BY {key} HAVING count(*) >= {max_runs}")
    return set(zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True))
