"""From a decision to a version: its clips packed into shards, listed, named."""

from collections.abc import Callable
from datetime import UTC, datetime

from h2a_curation.catalog.views import Catalog
from h2a_curation.foundation.secret_text import shareable
from h2a_curation.lake.lake import Lake
from h2a_curation.publish import pack
from h2a_curation.publish.version import next_name, same_as, version_names, write_version
from h2a_curation.recipes import Recipe
from schemas import Lineage

_CLIPS = """
    SELECT s.clip_id, s.class_id, s.label, s.split, s.post_id, s.media_id, s.creator,
           c.start_s, c.end_s, c.width_px, c.height_px, c.fps, c.num_frames, c.num_bytes
    FROM selection s JOIN clip c USING (clip_id, media_id) ORDER BY clip_id
"""
_LINEAGE = """
    SELECT s.clip_id, s.class_id, s.post_id, p.url, s.media_id, v.stage, v.reason, v.value, v.threshold, v.rules
    FROM selection s JOIN post p USING (post_id)
    JOIN verdict v ON v.class_id = s.class_id AND v.subject_id IN (s.clip_id, s.post_id)
    ORDER BY s.class_id, s.clip_id, v.stage
"""


def publish(
    lake: Lake,
    recipe: Recipe,
    decided: Catalog,
    decision: str,
    name: str | None,
    progress: Callable[[str, int, int], None],
) -> str:
    """Pack what `decided` selects and write the version, which names the decision; a selection that the newest version
    holds already makes none. Returns the version's name.
    """
    names = {c.id: c.name for c in recipe.action_classes}
    rows = decided.query(_CLIPS).to_pylist()
    clips = [pack.PackClip(**row, class_name=names[row["class_id"]]) for row in rows]
    shards = pack.plan(clips, recipe.pack)
    members = [member for shard in shards for member in pack.members(shard)]
    if (name is None or name in version_names(lake.path)) and (same := same_as(lake.path, members)):
        return same
    for done, shard in enumerate(shards, start=1):
        pack.write_shard(shard, lambda clip_id: lake.clip_file(clip_id).read_bytes(), lake.path)
        progress("pack", done, len(shards))
    name = name or next_name(lake.path)
    write_version(
        lake.path,
        name,
        members=members,
        # Rows of before secrets were taken out of addresses may hold some.
        lineage=[Lineage(**row | {"url": shareable(row["url"])}) for row in decided.query(_LINEAGE).to_pylist()],
        decision=decision,
        recipe=recipe.text,
        labels={c.id: c.label for c in recipe.action_classes},
        now=lambda: datetime.now(UTC),
    )
    return name
