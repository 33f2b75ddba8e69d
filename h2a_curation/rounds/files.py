"""Which posts' files to fetch in a round."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

import schemas
from h2a_curation.acquire.errors import POLICIES, Policy
from h2a_curation.acquire.order import fetch_order
from h2a_curation.catalog.views import Catalog
from h2a_curation.recipes import Recipe
from h2a_curation.rounds.known import Known, short

TRY_AGAIN = tuple(kind.value for kind, policy in POLICIES.items() if policy is not Policy.NEVER)
"""Outcomes that say nothing final about a post: the next build asks again."""


def fetch_plan(facts: Catalog, screened: Mapping[str, pa.Table], known: Known, recipe: Recipe, round: int) -> list[str]:
    """Post ids to have by the end of this round, the most promising first; `facts` hold the round's pages and files."""
    kept = facts.query(
        """FROM candidate SEMI JOIN (SELECT class_id, subject_id AS post_id FROM verdict WHERE keep)
           USING (class_id, post_id)""",
        dict(screened),
    )
    candidates = schemas.from_arrow(
        schemas.Candidate, kept.sort_by([("class_id", "ascending"), ("post_id", "ascending")])
    )
    sql = "FROM post SEMI JOIN kept USING (post_id) ORDER BY post_id"
    posts = {p.post_id: p for p in schemas.from_arrow(schemas.Post, facts.query(sql, {"kept": kept}))}
    order = fetch_order(
        candidates,
        posts,
        accepted=known.accepted,
        judged=known.judged,
        short=short(known, recipe),
        round=round,
        seed=recipe.seed,
    )
    came = facts.query(f"SELECT count(*) AS n FROM media WHERE outcome = 'ok' AND round < {round}")["n"][0].as_py()
    return order[: max(0, recipe.files_by(round) - came)]


def unfetched(facts: Catalog, wanted: Sequence[str], max_files: int) -> list[str]:
    """Those of the wanted posts that have no file and no final failure, as long as all rounds have fewer files."""
    rows = facts.query("SELECT post_id, outcome FROM media")
    done = {
        p
        for p, outcome in zip(*(rows[c].to_pylist() for c in rows.column_names), strict=True)
        if outcome not in TRY_AGAIN
    }
    came = sum(outcome == "ok" for outcome in rows["outcome"].to_pylist())
    left = [post_id for post_id in wanted if post_id not in done]
    return left[: max(0, max_files - came)]
