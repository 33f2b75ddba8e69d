"""What the rows say by now, and the plans that follow from it: which pages to ask for, which files to fetch.

Everything here is a function of rows, the recipe and the round: the same after a kill as in an undisturbed build.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa

import schemas
from h2a_curation.acquire.arms import Arm, arm_sql
from h2a_curation.acquire.errors import POLICIES, Policy
from h2a_curation.acquire.learn import learn_tags
from h2a_curation.acquire.mine import plan as plan_pages
from h2a_curation.acquire.order import fetch_order
from h2a_curation.catalog.views import Catalog
from h2a_curation.decide.rules import fingerprint
from h2a_curation.recipes import Recipe

TRY_AGAIN = tuple(kind.value for kind, policy in POLICIES.items() if policy is not Policy.NEVER)
"""Outcomes that say nothing final about a post: the next build asks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the rounds so far have shown."""

    accepted: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """(post id, class id) of selected clips: valid, and no copy of another."""
    judged: frozenset[str] = field(default_factory=frozenset)
    """Ids of posts of which no stage has anything left to decide."""


def of(facts: Catalog, decided: Mapping[str, pa.Table] | None) -> Known:
    """What is known from the facts and a decision on them; nothing where there is no decision yet."""
    if decided is None:
        return Known()
    chosen = decided["selection"]
    judged = facts.query(
        """SELECT post_id FROM media
           UNION SELECT subject_id FROM verdict WHERE stage = 'screen_post'
           GROUP BY subject_id HAVING NOT bool_or(keep)""",
        {"verdict": decided["verdict"]},
    )
    return Known(
        accepted=frozenset(zip(chosen["post_id"].to_pylist(), chosen["class_id"].to_pylist(), strict=True)),
        judged=frozenset(judged["post_id"].to_pylist()),
    )


def plan(facts: Catalog, known: Known, recipe: Recipe, round: int) -> dict[str, pa.Table]:
    """A round's allocations and newly learnt tags, as the tables of one commit."""
    claims = _learn(facts, known, recipe, round) if recipe.adapt and recipe.source.by_tag else []
    learnt = facts.query("FROM tag_claim")
    arm_tag = arm_tags(recipe, schemas.from_arrow(schemas.TagClaim, learnt) + claims)
    rows = facts.query(
        arm_sql(),
        {
            "arm_tag": arm_tag,
            "accepted": _pairs("post_id", "class_id", known.accepted),
            "judged": pa.table({"post_id": pa.array(sorted(known.judged), pa.string())}),
        },
    )
    arms = [Arm(**row) for row in rows.to_pylist()]
    allocations = plan_pages(arms, recipe.mine, round, recipe.seed, _short(known, recipe))
    return {
        "allocation": schemas.to_arrow(schemas.Allocation, allocations),
        "tag_claim": schemas.to_arrow(schemas.TagClaim, claims),
    }


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
        short=_short(known, recipe),
        round=round,
        seed=recipe.seed,
    )
    came = facts.query(f"SELECT count(*) AS n FROM media WHERE outcome = 'ok' AND round < {round}")["n"][0].as_py()
    return order[: max(0, recipe.files_by(round) - came)]


def unfetched(facts: Catalog, wanted: Sequence[str], recipe: Recipe) -> list[str]:
    """Those of the wanted posts that have no file and no final failure, within what the whole budget leaves."""
    rows = facts.query("SELECT post_id, outcome FROM media")
    done = {
        p
        for p, outcome in zip(*(rows[c].to_pylist() for c in rows.column_names), strict=True)
        if outcome not in TRY_AGAIN
    }
    came = sum(outcome == "ok" for outcome in rows["outcome"].to_pylist())
    left = [post_id for post_id in wanted if post_id not in done]
    return left[: max(0, recipe.max_files - came)]


def outcomes(facts: Catalog, table: str) -> str:
    """How often each outcome stands in a table, in words."""
    rows = facts.query(
        f"SELECT outcome, count(*) AS n FROM {table} GROUP BY outcome ORDER BY n DESC, outcome"
    ).to_pylist()
    return ", ".join(f"{row['n']} {row['outcome']}" for row in rows) or f"there is no {table}"


def reasons(decided: Catalog) -> str:
    """Why clips were rejected, stage by stage, in words."""
    rows = decided.query(
        "SELECT stage, reason, count(*) AS n FROM verdict WHERE NOT keep GROUP BY ALL ORDER BY n DESC, stage LIMIT 5"
    ).to_pylist()
    return ", ".join(f"{row['n']} {row['stage']}: {row['reason']}" for row in rows) or "no post spoke for any class"


def decision_name(lake: Path, recipe: Recipe, models: Mapping[str, str]) -> str:
    """Fingerprint of all that a decision depends on: rules, classes, models and the facts at hand."""
    facts = sorted(f"{part.parent.name}/{part.name}" for part in (lake / "parts").glob("*/*"))
    inputs = blake2b("\n".join(facts).encode(), digest_size=16).hexdigest()
    return fingerprint([recipe.decide, recipe.action_classes, recipe.negatives, dict(models), inputs])


def _learn(facts: Catalog, known: Known, recipe: Recipe, round: int) -> list[schemas.TagClaim]:
    rows = facts.query("SELECT post_id, hashtags FROM post ORDER BY post_id")
    hashtags = dict(zip(rows["post_id"].to_pylist(), rows["hashtags"].to_pylist(), strict=True))
    claims = schemas.from_arrow(schemas.TagClaim, facts.query("FROM tag_claim"))
    return learn_tags(
        hashtags,
        sorted(known.accepted),
        known={(tag, c.id) for c in recipe.action_classes for tag in c.seed_hashtags} | _claimed(recipe, claims),
        excluded={c.id: set(c.excluded_hashtags) for c in recipe.action_classes},
        round=round,
        rules=recipe.learn,
    )


def arm_tags(recipe: Recipe, claims: Sequence[schemas.TagClaim]) -> pa.Table:
    """Which listings speak for which class; a source without tags has one listing, which speaks for all."""
    source = recipe.source.name
    if not recipe.source.by_tag:
        rows = [(source, "", c.id, "seed", 0) for c in recipe.action_classes]
    else:
        rows = [(source, tag, c.id, "seed", n) for c in recipe.action_classes for n, tag in enumerate(c.seed_hashtags)]
        seeds = {(tag, class_id) for _, tag, class_id, _, _ in rows}
        learnt = _claimed(recipe, claims) - seeds
        rows += [(source, tag, class_id, "learnt", 0) for tag, class_id in sorted(learnt)]
    columns = zip(*rows, strict=True)
    return pa.table(dict(zip(("source", "tag", "class_id", "origin", "rank"), map(pa.array, columns), strict=True)))


def _claimed(recipe: Recipe, claims: Sequence[schemas.TagClaim]) -> set[tuple[str, str]]:
    """(tag, class id) of learnt tags, each for the living classes that it was claimed for or that took over."""
    tags: dict[str, set[str]] = defaultdict(set)
    for claim in claims:
        tags[claim.class_id].add(claim.tag)
    return {(tag, c.id) for c in recipe.action_classes for name in (c.id, *c.former_ids) for tag in tags[name]}


def _short(known: Known, recipe: Recipe) -> dict[str, int]:
    """Clips still wanted by class."""
    have = Counter(class_id for _, class_id in known.accepted)
    return {c.id: max(0, recipe.decide.select.max_clips_per_class - have[c.id]) for c in recipe.action_classes}


def _pairs(left: str, right: str, pairs: frozenset[tuple[str, str]]) -> pa.Table:
    ordered = sorted(pairs)
    return pa.table(
        {left: pa.array([a for a, _ in ordered], pa.string()), right: pa.array([b for _, b in ordered], pa.string())}
    )
