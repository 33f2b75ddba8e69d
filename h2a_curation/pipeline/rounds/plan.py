"""A round's plan: which listings get how many pages, which are left alone, and the tags learnt for it."""

from dataclasses import replace

import pyarrow as pa

import schemas
from h2a_curation.audit.reward import without_wrong
from h2a_curation.catalog.views import Catalog
from h2a_curation.mining.allocate import plan as plan_pages
from h2a_curation.mining.arms import Arms, Key, arm_sql
from h2a_curation.mining.backoff import Failing, failing_sql, waiting
from h2a_curation.mining.tag_state import LEFT_OUT, PAUSED, Evidence, StandingRules, changes, evidence_sql
from h2a_curation.pipeline.rounds import tags, visits
from h2a_curation.pipeline.rounds.findings import Findings, pairs, short
from h2a_curation.pipeline.rounds.schedule import RoundRange
from h2a_curation.recipes import Recipe


def plan(
    facts: Catalog,
    known: Findings,
    recipe: Recipe,
    round_no: int,
    rounds: RoundRange,
    world: visits.World,
    in_use: tags.TagsInUse | None,
) -> dict[str, pa.Table]:
    """A round's plan, allocations, changes of arms and newly learnt tags, as the tables of one commit.

    `rounds`: those that somebody asked for; after them, only visits are granted. `in_use` is what `tags.in_use` gives,
    once its texts are embedded.
    """
    rules = replace(recipe.mine, num_rounds=max(recipe.mine.num_rounds, rounds.until, round_no + 1))
    is_asked_for = round_no < rounds.until
    claims = tags.learn(facts, in_use, recipe, round_no) if in_use else []
    learnt = schemas.from_arrow(schemas.TagClaim, facts.query("FROM tag_claim"))
    wanted = short(known, recipe)
    arms = _arms(facts, known, tags.arm_tags(recipe, learnt + claims), [c for c, num in wanted.items() if num])
    states = _states(facts)
    failing = [Failing(**row) for row in facts.query(failing_sql(), params={"round": round_no}).to_pylist()]
    evidence = _evidence(facts, known, recipe.standing)
    left_alone, blames = waiting(failing, round_no), recipe.decide.blames()
    changed = changes(arms, evidence, states, wanted, round_no, recipe.standing, left_alone, blames)
    states |= {(c.source, c.tag): (c.state, c.reason) for c in changed}
    left_out = {key for key, (state, _) in states.items() if state in LEFT_OUT}
    paused = {key for key in left_out if states[key][0] == PAUSED}
    due = replace(visits.of_hashtags(facts, recipe, world, paused), alone=not is_asked_for)
    allocations = plan_pages(
        arms, rules, round_no, recipe.seed, wanted, left_out=left_out, reliability=known.reliability, due=due
    )
    granted = {(a.source, a.tag, a.visit) for a in allocations}
    unread = visits.unread(facts, recipe, round_no, world)
    allocations += [a for a in unread if (a.source, a.tag, a.visit) not in granted]
    num_pages = sum(a.num_pages for a in allocations)
    reason = "granted" if is_asked_for else "visits"
    this = schemas.RoundPlan(
        round=round_no,
        first=rounds.first,
        until=rounds.until,
        num_pages=num_pages,
        reason=reason if num_pages else "dry" if any(wanted.values()) else "quota",
        started_at=world.started_at,
        content=world.content,
    )
    return {
        "round_plan": schemas.to_arrow(schemas.RoundPlan, [this]),
        "allocation": schemas.to_arrow(schemas.Allocation, allocations),
        "arm_change": schemas.to_arrow(schemas.ArmChange, changed),
        "tag_claim": schemas.to_arrow(schemas.TagClaim, claims),
    }


def _arms(facts: Catalog, known: Findings, arm_tag: pa.Table, wanted: list[str]) -> Arms:
    tables = {
        "arm_tag": arm_tag,
        "accepted": pairs("post_id", "class_id", without_wrong(facts, known.accepted)),
        "judged": pa.table({"post_id": pa.array(sorted(known.judged), pa.string())}),
        "wanted": pa.table({"class_id": pa.array(wanted, pa.string())}),
    }
    return Arms(table=facts.query(arm_sql(), tables))


def _evidence(facts: Catalog, known: Findings, rules: StandingRules) -> list[Evidence]:
    return [Evidence(**row) for row in facts.query(evidence_sql(rules), {"fate": known.fates}).to_pylist()]


def _states(facts: Catalog) -> dict[Key, tuple[str, str]]:
    """(state, reason) by arm, as the newest change says."""
    rows = facts.query("FROM arm_change ORDER BY round").to_pylist()
    return {(row["source"], row["tag"]): (row["state"], row["reason"]) for row in rows}
