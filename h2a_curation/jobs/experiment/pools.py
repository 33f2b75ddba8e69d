"""The pools of the experiment on curation, out of a lake as it is: no site is asked, and no file is decoded.

Each pool leaves out the posts of people who opted out, as they have by today, and the creators of whom the version
holds a clip in another split than train: those clips tell the reconstruction loss.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.decide import decision as deciding
from h2a_curation.decide.candidates import class_tables
from h2a_curation.jobs.experiment.arms import CURATED, NO_MINING, NO_SCREEN, NO_VALIDATION, RAW, Claim
from h2a_curation.lake import decisions
from h2a_curation.lake.lake import Lake
from h2a_curation.pipeline import prompts
from h2a_curation.publish.pack import PackClip
from h2a_curation.publish.version import read_members, version_names
from h2a_curation.recipes import Recipe
from h2a_curation.sources.politeness.left_alone import opt_outs_of, opted_out
from schemas import Member

_RAW = """
    SELECT clip_id, class_id, post_id
    FROM candidate JOIN media USING (post_id) JOIN clip USING (media_id)
    WHERE clip_id IS NOT NULL AND ground <> 'sight'
    QUALIFY row_number() OVER (PARTITION BY clip_id ORDER BY ground = 'seed' DESC, class_id, post_id) = 1
"""
_OF_SEED_TAGS = (
    "FROM claims SEMI JOIN (SELECT DISTINCT post_id FROM hit SEMI JOIN seed_tag USING (tag)) USING (post_id)"
)
_WANTED = """
    SELECT clip_id, class_id, post_id FROM claims
    WHERE post_id NOT IN (SELECT post_id FROM left_alone) AND clip_id NOT IN (SELECT clip_id FROM held_out)
      AND post_id NOT IN (SELECT post_id FROM post SEMI JOIN held_out USING (creator))
    ORDER BY clip_id
"""
_PACKED = """
    SELECT w.clip_id, w.class_id, w.post_id, p.creator, c.media_id, c.start_s, c.end_s, c.width_px, c.height_px,
           c.fps, c.num_frames, c.num_bytes
    FROM claims w JOIN post p USING (post_id) JOIN clip c USING (clip_id)
    QUALIFY row_number() OVER (PARTITION BY w.clip_id ORDER BY w.place, w.class_id, w.post_id, c.media_id) = 1
    ORDER BY w.clip_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    """What a lake gives to an experiment."""

    version: str
    claims: Mapping[str, list[Claim]]
    """Clips by the name of their pool."""
    held_out: list[PackClip]
    """Clips of the version's other splits, for the reconstruction loss of every arm."""
    clips: list[PackClip]
    """Each clip of a pool once, as it is packed, with the class of the first pool that holds it."""
    labels: Mapping[str, int]
    """Labels by class id."""


def read_pools(lake: Lake, recipe: Recipe, version: str | None, wanted: Sequence[str]) -> Pools:
    """The pools of these names, and always `curated`.

    ValueError in one line for a lake without a version or without clips, and for one that its recipe has not decided.
    """
    name = _version(lake, version)
    newest = decisions.newest(lake.path)
    if newest is None:
        raise ValueError(f"{lake.path} has no decision: run `h2a build` or `h2a decide` first")
    # By the models of the decision at hand: today's program may measure otherwise than the one that built the lake.
    models = decisions.about(newest)["models"]
    facts = connect(lake.path, models=models).decided(newest)
    members = read_members(lake.path, name)
    left_alone = opted_out(facts, opt_outs_of(lake, recipe.source))
    found = {CURATED: _table([m for m in members if m.split == "train"])}
    for pool in wanted:
        if pool == RAW:
            found[pool] = facts.query(_RAW)
        elif pool == NO_MINING:
            seed_tag = class_tables(recipe.action_classes)["seed_tag"]
            found[pool] = facts.query(_OF_SEED_TAGS, {"claims": found[CURATED], "seed_tag": seed_tag})
        elif pool != CURATED:
            found[pool] = _decided_without(pool, lake, recipe, facts, models["embed"], left_alone)
    apart = [m for m in members if m.split != "train"]
    tables = {"left_alone": left_alone, "held_out": _table(apart)}
    claims = {pool: facts.query(_WANTED, {**tables, "claims": table}) for pool, table in found.items()}
    for pool in (CURATED, RAW):
        if pool in claims and not claims[pool].num_rows:
            raise ValueError(f"{lake.path} has no fetched clip for the pool {pool}: build it first")
    columns = ["clip_id", "class_id", "post_id"]
    ranked = [
        t.select(columns).append_column("place", pa.array([n] * len(t), pa.int64()))
        for n, t in enumerate(claims.values())
    ]
    everything = pa.concat_tables(ranked)
    names = {c.id: c.name for c in recipe.action_classes}
    labels = {c.id: c.label for c in recipe.action_classes}
    labels |= {m.class_id: m.label for m in members}
    allowed = facts.query(
        "SELECT *, 0 AS place FROM claims ANTI JOIN left_alone USING (post_id)", {**tables, "claims": _table(apart)}
    )
    return Pools(
        version=name,
        claims={pool: [Claim(**row) for row in table.to_pylist()] for pool, table in claims.items()},
        held_out=_packed(facts, allowed, names, labels, "val"),
        clips=_packed(facts, everything, names, labels, "train"),
        labels=labels,
    )


def _version(lake: Lake, asked: str | None) -> str:
    known = version_names(lake.path)
    if not known:
        raise ValueError(f"{lake.path} has no version, so nothing is curated yet: make one with `h2a build`")
    if asked is not None and asked not in known:
        raise ValueError(f"--version {asked}: {lake.path} has {', '.join(known)}")
    return asked or known[-1]


def _decided_without(
    pool: str, lake: Lake, recipe: Recipe, facts: Catalog, embedder: str, left_alone: pa.Table
) -> pa.Table:
    """Selected clips without a stage; `embedder` is the fingerprint of the model whose vectors decide."""
    stages = {
        NO_SCREEN: replace(recipe.decide.stages, screen=False),
        NO_VALIDATION: replace(recipe.decide.stages, validate=False),
    }[pool]
    rules = replace(recipe.decide, stages=stages)
    try:
        vectors, classes = facts.vectors(embedder), prompts.class_vectors(facts, recipe)
    except LookupError as unread:
        raise ValueError(f"{lake.path} was not decided by recipe {recipe.name}: run `h2a decide` first") from unread
    return deciding.decide(facts.query, vectors, classes, rules, recipe.action_classes, left_alone)["selection"]


def _table(members: Sequence[Member]) -> pa.Table:
    rows = [(m.clip_id, m.class_id, m.post_id, m.creator) for m in members]
    columns = list(zip(*rows, strict=True)) or [()] * 4
    names = ("clip_id", "class_id", "post_id", "creator")
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})


def _packed(
    facts: Catalog, claims: pa.Table, names: Mapping[str, str], labels: Mapping[str, int], split: str
) -> list[PackClip]:
    return [
        PackClip(**row, class_name=names.get(row["class_id"], row["class_id"]), label=labels[row["class_id"]],
                 split=split)
        for row in facts.query(_PACKED, {"claims": claims}).to_pylist()
    ]  # fmt: skip
