"""The clips of arms as versions in a lake of the experiment's own: the user's lake stays as it is.

Each clip of a pool is packed once, and the versions of all arms name the same shards: an experiment takes the room of
all that was fetched, once, and not of each arm. What a clip is an example of stands in a version's rows; the metadata
in a shard have the class of the first pool that holds the clip.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from h2a_curation.jobs.experiment.arms import Claim
from h2a_curation.jobs.experiment.pools import Pools
from h2a_curation.lake.lake import Lake
from h2a_curation.publish import pack
from h2a_curation.publish.version import write_version
from h2a_curation.recipes import Recipe
from schemas import Member


def packed(lake: Lake, target: Path, pools: Pools, rules: pack.PackRules) -> dict[str, Member]:
    """Write the shards of all pools and of the held-out clips, whose bytes are the lake's; returns rows by clip id."""
    shards = pack.plan([*pools.clips, *pools.held_out], rules)
    for shard in shards:
        pack.write_shard(shard, lambda clip_id: lake.clip_file(clip_id).read_bytes(), target)
    return {member.clip_id: member for shard in shards for member in pack.members(shard)}


def published(
    target: Path, name: str, claims: Sequence[Claim], pools: Pools, rows: Mapping[str, Member], recipe: Recipe
) -> None:
    """Write a version with these clips to learn from, and the held-out ones; one with the same clips stays."""
    own = [replace(rows[c.clip_id], class_id=c.class_id, label=pools.labels[c.class_id]) for c in claims]
    members = [*own, *(rows[clip.clip_id] for clip in pools.held_out)]
    write_version(
        target,
        name,
        members=members,
        lineage=[],
        decision="",
        recipe=recipe.text,
        labels={member.class_id: member.label for member in members},
        now=lambda: datetime.now(UTC),
    )
