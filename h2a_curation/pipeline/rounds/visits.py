"""Which listings a round may visit again, and why a round is planned that nobody asked for."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

import schemas
from h2a_curation.catalog.views import Catalog
from h2a_curation.mining.arms import Key
from h2a_curation.mining.visits import Due, LastVisit, due, last_visit_sql
from h2a_curation.recipes import Recipe
from schemas import SETTLED


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What of the world outside a plan depends on; the plan's row keeps it."""

    started_at: datetime
    """When the run began."""
    content: str
    """Fingerprint of the table or folder by then; empty for a source that is asked by hashtag."""


def may_be_due(facts: Catalog, recipe: Recipe, world: World) -> bool:
    """Whether there is a listing to visit, be it worth a page or not; `facts` are those of all rounds."""
    return bool(unread(facts, recipe, 0, world) or of_hashtags(facts, recipe, world).visits)


def of_hashtags(facts: Catalog, recipe: Recipe, world: World, paused: Collection[Key] = ()) -> Due:
    """Visits that are due of the source's hashtags, but for those whose verdicts speak against them.

    A hashtag that waits since it failed is among them: a visit that fails has days to wait, not rounds.
    """
    if not recipe.source.grows:
        return Due()
    rows = facts.query(last_visit_sql()).to_pylist()
    read = [LastVisit(**row) for row in rows if row["source"] == recipe.source.name]
    found = due(read, world.started_at, recipe.mine.revisit)
    return replace(found, visits={key: visit for key, visit in found.visits.items() if key not in paused})


def unread(facts: Catalog, recipe: Recipe, round_no: int, world: World) -> list[schemas.Allocation]:
    """The page of the recipe's table or folder, where no page holds what it holds by now; it costs no request."""
    if recipe.source.by_tag or not world.content:
        return []
    sql = f"""
        SELECT coalesce(max(visit) + 1, 0) AS visit, coalesce(bool_or(content = $content), false) AS is_read
        FROM request WHERE source = $source AND tag = '' AND outcome IN {SETTLED}
    """
    params = {"source": recipe.source.name, "content": world.content}
    [row] = facts.query(sql, params=params).to_pylist()
    if row["is_read"]:
        return []
    page = schemas.Allocation(
        round=round_no,
        source=recipe.source.name,
        tag="",
        num_pages=1,
        belief=0.0,
        reason="content",
        visit=row["visit"],
    )
    return [page]
