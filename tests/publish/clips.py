"""Clips that can be packed: the bytes are noise named by their hash, as the lake's are."""

import dataclasses
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from h2a_curation.publish.pack import PackClip, PackRules, plan, write_shard
from h2a_curation.publish.version import write_version
from schemas import Lineage, Member

LABELS = {"squat": 7, "deadlift": 3}


def videos(num: int, seed: int = 0) -> dict[str, bytes]:
    """Sizes around tar's block of 512 bytes, where padding goes wrong if it does."""
    rng = random.Random(seed)
    sizes = [rng.choice([1, 511, 512, 513, 1024, 3000]) for _ in range(num)]
    contents = [rng.randbytes(size + 8) for size in sizes]
    return {sha256(c).hexdigest(): c for c in contents}


def pack_clip(clip_id: str, num_bytes: int, **changed: Any) -> PackClip:
    draw = int(clip_id, 16) if set(clip_id) <= set("0123456789abcdef") else len(clip_id)
    class_id = sorted(LABELS)[draw % 2]
    clip = PackClip(
        clip_id=clip_id,
        class_id=class_id,
        class_name=class_id.title(),
        label=LABELS[class_id],
        split=("train", "train", "val", "test")[draw // 2 % 4],
        post_id=f"sample:{clip_id[:6]}",
        media_id=clip_id[::-1],
        creator=None if draw % 5 == 0 else "å12",
        start_s=0.0,
        end_s=3.96,
        width_px=320,
        height_px=568,
        fps=23.976,
        num_frames=95,
        num_bytes=num_bytes,
    )
    return dataclasses.replace(clip, **changed)


def pack_clips(contents: dict[str, bytes], **changed: Any) -> list[PackClip]:
    return [pack_clip(clip_id, len(video), **changed) for clip_id, video in contents.items()]


def packed(lake: Path, contents: dict[str, bytes], clips: Sequence[PackClip], clips_per_shard: int = 8) -> list[Member]:
    shards = plan(clips, PackRules(clips_per_shard=clips_per_shard))
    return [m for shard in shards for m in write_shard(shard, contents.__getitem__, lake)]


def published(lake: Path, name: str, members: Sequence[Member], **changed: Any) -> Path:
    arguments: dict[str, Any] = {
        "lineage": [lineage(m, stage) for m in members for stage in ("validate", "dedup")],
        "decision": "d3c1",
        "recipe": "name: sample\n",
        "labels": LABELS,
        "now": lambda: datetime(2026, 11, 24, 11, tzinfo=UTC),
    }
    return write_version(lake, name, members=members, **arguments | changed)


def lineage(member: Member, stage: str) -> Lineage:
    return Lineage(
        clip_id=member.clip_id,
        class_id=member.class_id,
        post_id=member.post_id,
        url=f"http://127.0.0.1/{member.post_id}",
        media_id=member.clip_id[::-1],
        stage=stage,
        reason="ok",
        value=0.5,
        threshold=None,
        rules="r1",
    )
