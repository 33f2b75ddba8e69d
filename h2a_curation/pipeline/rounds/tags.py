"""Which tags may be mined for which class: those of the class files, and those that are proposed from the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

import schemas
from h2a_curation.catalog.views import Catalog
from h2a_curation.decide.candidates import succession
from h2a_curation.mining.propose_tags import count_sql, grounds_sql, learn_tags
from h2a_curation.pipeline import prompts
from h2a_curation.pipeline.rounds.findings import Findings, pairs
from h2a_curation.pipeline.rounds.proposals import proposals, texts_of_tags
from h2a_curation.recipes import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class TagsInUse:
    """What the posts seen so far show of tags: what learning new ones starts from."""

    counted: pa.Table
    """What `count_sql` yields."""
    known: pa.Table
    """(tag, class_id) that class files name or that were learnt before."""
    excluded: pa.Table
    """(tag, class_id) that class files exclude."""
    texts: Mapping[str, str]
    """The text that says what an unclaimed tag means, by tag. All are to be embedded before anything is learnt."""


def in_use(facts: Catalog, known: Findings, recipe: Recipe, round_no: int) -> TagsInUse | None:
    """What a round may learn tags from; None for the first, which has seen nothing, and where none are to be learnt."""
    if round_no == 0 or not recipe.adapt or not recipe.source.by_tag:
        return None
    claims = schemas.from_arrow(schemas.TagClaim, facts.query("FROM tag_claim"))
    seeds = {(tag, c.id) for c in recipe.action_classes for tag in c.seed_hashtags}
    excluded = {(tag, c.id) for c in recipe.action_classes for tag in c.excluded_hashtags}
    tables = {
        "known": pairs("tag", "class_id", frozenset(seeds | _claimed(recipe, claims))),
        "excluded": pairs("tag", "class_id", frozenset(excluded)),
    }
    accepted = pairs("post_id", "class_id", known.accepted)
    counted = facts.query(count_sql(recipe.learn), {**tables, "accepted": accepted})
    return TagsInUse(counted=counted, texts=texts_of_tags(facts, counted, recipe, round_no), **tables)


def wanted_texts(recipe: Recipe, tags: TagsInUse | None) -> set[str]:
    """All texts whose vectors `learn` compares: of the tags, and of the classes where there is a tag to compare."""
    return {*tags.texts.values(), *prompts.class_texts(recipe)} if tags and tags.texts else set()


def learn(facts: Catalog, tags: TagsInUse, recipe: Recipe, round_no: int) -> list[schemas.TagClaim]:
    """Tags that are proposed for this round; LookupError where one of `wanted_texts` has no vector."""
    tables = {"known": tags.known, "excluded": tags.excluded, "counted": tags.counted}
    tables["proposal"] = proposals(facts, recipe, tags.texts)
    grounds = facts.query(grounds_sql(recipe.learn), tables)
    return learn_tags(grounds, round_no=round_no, rules=recipe.learn)


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
    heirs = succession(recipe.action_classes)
    return {(claim.tag, class_id) for claim in claims for class_id in heirs.get(claim.class_id, ())}
