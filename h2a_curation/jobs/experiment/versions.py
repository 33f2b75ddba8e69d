"""The clips of an arm as a version in a lake of the experiment's own: the user's lake stays as it is."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from h2a_curation.lake.lake import Lake
from h2a_curation.publish import pack
from h2a_curation.publish.version import write_version
from h2a_curation.recipes import Recipe


def published(lake: Lake, target: Path, name: str, clips: Sequence[pack.PackClip], recipe: Recipe) -> None:
    """Write a version with these clips, whose bytes are the lake's; one of that name with the same clips stays."""
    shards = pack.plan(clips, recipe.pack)
    for shard in shards:
        pack.write_shard(shard, lambda clip_id: lake.clip_file(clip_id).read_bytes(), target)
    write_version(
        target,
        name,
        members=[member for shard in shards for member in pack.members(shard)],
        lineage=[],
        decision="",
        recipe=recipe.text,
        labels={clip.class_id: clip.label for clip in clips},
        now=lambda: datetime.now(UTC),
    )
