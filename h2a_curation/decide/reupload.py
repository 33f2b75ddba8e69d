"""Find selected clips that show what an opted-out post shows: copies by other people.

Nobody asked to leave these clips alone, but many were made by the person who opted out. Only a person can judge that.
So they are kept, and listed in a table.
"""

import numpy as np
import pyarrow as pa

from h2a_curation.decide.dedup import DedupRules, linked
from h2a_curation.decide.rules import Query
from schemas import Reupload, arrow_schema

_CLIPS_SQL = """
    WITH opted_out_clip AS (
        SELECT clip_id, min(post_id) AS post_id FROM opted_out JOIN media USING (post_id) JOIN clip USING (media_id)
        WHERE clip_id IS NOT NULL GROUP BY clip_id
    ),
    chosen AS (SELECT DISTINCT clip_id FROM selection)
    SELECT clip_id, post_id, chosen.clip_id IS NOT NULL AS is_chosen, frames_sha256, coalesce(phash, []) AS phash
    FROM opted_out_clip FULL JOIN chosen USING (clip_id) LEFT JOIN fingerprint USING (clip_id) ORDER BY clip_id
"""
"""Opted-out clips, each with its first opted-out post, and selected clips. A clip may be both."""
_REUPLOADS_SQL = """
    WITH pair AS (
        SELECT clip_id, post_id, 0.0::DOUBLE AS distance FROM clips WHERE is_chosen AND post_id IS NOT NULL
        UNION ALL
        SELECT a.clip_id, b.post_id, 0.0 FROM clips a JOIN clips b USING (frames_sha256)
        WHERE a.is_chosen AND b.post_id IS NOT NULL
        UNION ALL
        SELECT a.clip_id, b.post_id, distance
        FROM near JOIN clips a ON a.clip_id = near.one JOIN clips b ON b.clip_id = near.other
        WHERE a.is_chosen AND b.post_id IS NOT NULL
    )
    SELECT clip_id, arg_min(post_id, (distance, post_id)) AS opted_out_post_id, min(distance) AS distance
    FROM pair GROUP BY clip_id ORDER BY clip_id
"""


def reuploads(query: Query, selection: pa.Table, opted_out: pa.Table, rules: DedupRules) -> pa.Table:
    """Reupload rows: selected clips that are an opted-out post's clip, or as near to one as copies are."""
    schema = arrow_schema(Reupload)
    if not opted_out.num_rows or not selection.num_rows:
        return schema.empty_table()
    # Opted-out clips are no longer among the claims that `dedup` compares, so they are compared here.
    clips = query(_CLIPS_SQL, {"opted_out": opted_out, "selection": selection})
    pairs, distance = linked(clips.filter(clips["frames_sha256"].is_valid()), rules)
    clip_id = clips.filter(clips["frames_sha256"].is_valid())["clip_id"].combine_chunks()
    one, other = (clip_id.take(pa.array(np.concatenate([pairs[:, a], pairs[:, b]]))) for a, b in ((0, 1), (1, 0)))
    near = pa.table({"one": one, "other": other, "distance": np.concatenate([distance, distance])})
    return query(_REUPLOADS_SQL, {"clips": clips, "near": near}).cast(schema)
