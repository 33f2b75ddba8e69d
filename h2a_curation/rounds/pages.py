"""A round's plan: which listings get how many pages, and the tags learnt for it."""

import pyarrow as pa

import schemas
from h2a_curation.acquire.arms import Arm, arm_sql
from h2a_curation.acquire.mine import plan as plan_pages
from h2a_curation.catalog.views import Catalog
from h2a_curation.recipes import Recipe
from h2a_curation.rounds import tags
from h2a_curation.rounds.known import Known, pairs, short
from h2a_curation.rounds.proposals import Embed


def plan(facts: Catalog, known: Known, recipe: Recipe, round: int, embed: Embed) -> dict[str, pa.Table]:
    """A round's allocations and newly learnt tags, as the tables of one commit."""
    claims = tags.learn(facts, known, recipe, round, embed) if recipe.adapt and recipe.source.by_tag else []
    learnt = facts.query("FROM tag_claim")
    arm_tag = tags.arm_tags(recipe, schemas.from_arrow(schemas.TagClaim, learnt) + claims)
    rows = facts.query(
        arm_sql(),
        {
            "arm_tag": arm_tag,
            "accepted": pairs("post_id", "class_id", known.accepted),
            "judged": pa.table({"post_id": pa.array(sorted(known.judged), pa.string())}),
        },
    )
    arms = [Arm(**row) for row in rows.to_pylist()]
    allocations = plan_pages(arms, recipe.mine, round, recipe.seed, short(known, recipe))
    return {
        "allocation": schemas.to_arrow(schemas.Allocation, allocations),
        "tag_claim": schemas.to_arrow(schemas.TagClaim, claims),
    }
