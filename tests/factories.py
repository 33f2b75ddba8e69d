"""Valid records with the one field changed that a test is about."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import schemas
from schemas.publish import Manifest, ShardEntry

DAY = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def post(post_id: str = "s:1", **changed: Any) -> schemas.Post:
    valid = schemas.Post(
        post_id=post_id, source="s", url=f"h2a-sample:post:{post_id}", creator="c1", caption="morning #deadlift",
        hashtags=["deadlift"], posted_at=DAY, language="en", duration_s=4.0, width_px=360, height_px=640, num_views=100,
        num_likes=5, seen_at=DAY,
    )  # fmt: skip
    return replace(valid, **changed)


def request(**changed: Any) -> schemas.Request:
    valid = schemas.Request(
        source="s", tag="deadlift", cursor="", round=0, next_cursor=None, num_posts=1, num_bytes=10, outcome="ok",
        requested_at=DAY,
    )  # fmt: skip
    return replace(valid, **changed)


def hit(post_id: str = "s:1", **changed: Any) -> schemas.Hit:
    return replace(schemas.Hit(source="s", tag="deadlift", cursor="", post_id=post_id, rank=0), **changed)


def media(post_id: str = "s:1", **changed: Any) -> schemas.Media:
    valid = schemas.Media(
        post_id=post_id, round=0, outcome="ok", detail="", media_id="aa", num_bytes=10, num_tries=1, fetched_at=DAY
    )
    return replace(valid, **changed)


def manifest(**changed: Any) -> Manifest:
    valid = Manifest(
        format=1, name="v1", created="2026-11-24T11:00:00+00:00", decision="d3c1", recipe="name: sample\n",
        labels={"deadlift": 3, "squat": 7}, indices={"deadlift": 0, "squat": 1},
        num_clips={"train": 1, "val": 0, "test": 0},
        shards=[ShardEntry(file="train-0a.tar", sha256="0a" * 32, num_bytes=10_240, num_clips=1)],
        files={"clip.parquet": "0b" * 32},
    )  # fmt: skip
    return replace(valid, **changed)
