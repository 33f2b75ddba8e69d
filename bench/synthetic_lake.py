"""A lake of the paper's size, made of random rows that are decided about as real ones are.

Vectors cluster around their class, siblings lie near each other, some clips show something else than their tag
says, some are copies, and some posts and files break each limit, so that every stage has work and keeps most.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import schemas
from h2a_curation.decide.validate import PromptVectors
from h2a_curation.lake import lake as lakes
from h2a_curation.lake import parts

NUM_CLIPS = 283_582
NUM_CLASSES = 386
NUM_NEGATIVES = 20
NUM_FRAMES = 8
DIM = 512
MODEL = "synthetic"
_PART = 4096
_NUM_SIBLINGS = 3
_DAY = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticClass:
    """What decisions need of a class."""

    id: str
    label: int
    seed_hashtags: dict[str, str]
    siblings: tuple[str, ...]
    excluded_hashtags: dict[str, str] = field(default_factory=dict)
    former_ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    must_show: str = "person"


def classes() -> list[SyntheticClass]:
    """In families of four siblings, with two tags each."""
    family = _NUM_SIBLINGS + 1
    return [
        SyntheticClass(
            id=_class_id(k),
            label=k,
            seed_hashtags={f"tag{k}": "noun", f"tag{k}s": "consolidated"},
            siblings=tuple(_class_id(s) for s in range(k - k % family, k - k % family + family) if s != k),
        )
        for k in range(NUM_CLASSES)
    ]


def prompts(changed: int | None = None) -> PromptVectors:
    """One direction a class; `changed`: the class whose prompts somebody has just rewritten."""
    matrix = _directions()
    if changed is not None:
        matrix[changed] = _unit(matrix[changed] + 0.3 * _unit(np.random.default_rng(99).standard_normal(DIM)))
    return PromptVectors(
        model=MODEL,
        class_ids=tuple(_class_id(k) for k in range(NUM_CLASSES)),
        negative_ids=tuple(f"negative-{k}" for k in range(NUM_NEGATIVES)),
        matrix=matrix,
        logit_scale=100.0,
    )


def make(folder: Path, num_clips: int) -> Path:
    """The lake at `folder`, made when it is not there yet (2.3 GB and minutes at the paper's size)."""
    done = folder / "complete"
    if not done.exists():
        lake = lakes.create(folder, hides_people=False).path
        for start in range(0, num_clips, _PART):
            for stage, tables in _facts(start, min(_PART, num_clips - start)):
                parts.commit(lake, stage, f"{start:07d}", tables)
        done.touch()
    return folder


def _facts(start: int, num: int) -> Iterator[tuple[str, dict[str, pa.Table]]]:
    """One part of each stage, of clips `start` to `start + num`: the same whatever the size of the parts before."""
    rng = np.random.default_rng([7, start])
    shown, tagged = _classes_shown(rng, num)
    posts = [f"synthetic:{i:019d}" for i in range(start, start + num)]
    media, clips = _sha256s(rng, num), _sha256s(rng, num)
    copy_of = _copies(rng, num)
    shown, tagged = shown[copy_of], tagged[copy_of]
    seconds = np.where(rng.random(num) < 0.03, rng.uniform(60, 200, num), rng.uniform(2.0, 60, num))
    tags = [f"tag{k}" for k in tagged.tolist()]
    more = rng.integers(0, NUM_CLASSES * 12, (num, 2))
    same: dict[str, Any] = {"model": [MODEL] * num}
    yield "mine", {
        "post": _table(
            schemas.Post, num, post_id=posts, source="synthetic", url=posts, caption="a caption with #tags",
            creator=[f"{c:016x}" for c in _creators(rng, num)],
            hashtags=[list(dict.fromkeys([t, *(f"tag{m}" for m in two)])) for t, two in zip(tags, more, strict=True)],
            posted_at=[_DAY + timedelta(seconds=int(s)) for s in rng.integers(0, 10**7, num)], language="en",
            duration_s=seconds, width_px=np.where(rng.random(num) < 0.02, 144, 576), height_px=1024,
            num_views=rng.integers(0, 10**6, num), num_likes=rng.integers(0, 10**4, num), seen_at=_DAY,
        ),
        "hit": _table(
            schemas.Hit, num, source="synthetic", tag=tags, cursor=f"{start}", post_id=posts, rank=np.arange(num),
            visit=0,
        ),
        "request": schemas.to_arrow(schemas.Request, []),
    }  # fmt: skip
    yield "fetch", {
        "media": _table(
            schemas.Media, num, post_id=posts, round=start // (16 * _PART), outcome="ok", detail="", media_id=media,
            num_bytes=10**6, num_tries=1, fetched_at=_DAY,
        )
    }  # fmt: skip
    yield "probe", {
        "probe": _table(
            schemas.Probe, num, **same, media_id=media, outcome=np.where(rng.random(num) < 0.01, "damaged", "ok"),
            detail="", container="mp4", codec="h264", width_px=576, height_px=1024, fps=30.0, declared_s=seconds,
            decoded_s=seconds * np.where(rng.random(num) < 0.02, 0.5, 1.0), num_frames=seconds * 30 // 1,
            is_variable_rate=False, has_audio=True,
        )
    }  # fmt: skip
    yield "cut", {
        "clip": _table(
            schemas.Clip, num, **same, media_id=media, outcome="ok", clip_id=clips, start_s=0.0,
            end_s=np.minimum(seconds, 30), num_scenes=1, width_px=320, height_px=568, fps=30.0, num_frames=300,
            num_bytes=10**6,
        )
    }  # fmt: skip
    hashes = _hashes(rng, num, copy_of)
    yield (
        "hash",
        {
            "fingerprint": _table(
                schemas.Fingerprint, num, **same, clip_id=clips, frames_sha256=_sha256s(rng, num), phash=list(hashes)
            )
        },
    )
    signals = {"motion": rng.gamma(4, 2, num), "black": rng.beta(0.3, 9, num), "person": rng.binomial(8, 0.85, num)}
    yield (
        "sense",
        {
            "sighting": pa.concat_tables(
                [_table(schemas.Sighting, num, **same, clip_id=clips, signal=s, value=v) for s, v in signals.items()]
            )
        },
    )
    flat = pa.array(_vectors(rng, shown, copy_of).reshape(-1), pa.float16())
    yield (
        "embed",
        {
            "frame_embedding": pa.table(
                {
                    "clip_id": clips,
                    **same,
                    "times_s": [[t + 0.5 for t in range(NUM_FRAMES)]] * num,
                    "vectors": pa.ListArray.from_arrays(np.arange(num + 1, dtype=np.int32) * NUM_FRAMES * DIM, flat),
                },
                schema=schemas.arrow_schema(schemas.FrameEmbedding),
            )
        },
    )


def _classes_shown(rng: np.random.Generator, num: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What each clip shows (columns of the prompts' matrix) and what its tag says: 3 of 4 times the same."""
    tagged = rng.integers(0, NUM_CLASSES, num)
    family = tagged - tagged % (_NUM_SIBLINGS + 1)
    sibling = np.minimum(family + rng.integers(0, _NUM_SIBLINGS + 1, num), NUM_CLASSES - 1)
    anything = rng.integers(0, NUM_CLASSES + NUM_NEGATIVES, num)
    negative = rng.integers(NUM_CLASSES, NUM_CLASSES + NUM_NEGATIVES, num)
    kind = rng.choice(4, num, p=[0.75, 0.09, 0.08, 0.08])
    return np.choose(kind, [tagged, sibling, anything, negative]), tagged


def _creators(rng: np.random.Generator, num: int) -> NDArray[np.int64]:
    """Many with one post, few with many."""
    return np.where(rng.random(num) < 0.1, rng.zipf(1.5, num) % 1000, rng.integers(1000, 200_000, num))


def _copies(rng: np.random.Generator, num: int) -> NDArray[np.int64]:
    """Row of which each clip is a copy: mostly itself, for one in twelve another of its part."""
    rows = np.arange(num)
    return np.where(rng.random(num) < 1 / 12, rng.integers(0, num, num), rows)


def _hashes(rng: np.random.Generator, num: int, copy_of: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Frames of a clip are alike; one clip in fifty begins with a black frame; copies differ in a few bits."""
    base = rng.integers(0, 2**64, (num, 1), dtype=np.uint64) ^ _few_bits(rng, (num, NUM_FRAMES), 6)
    base[rng.random(num) < 0.02, 0] = 0
    changed = _few_bits(rng, (num, NUM_FRAMES), 3)
    changed[copy_of == np.arange(num)] = 0
    return base[copy_of] ^ changed


def _few_bits(rng: np.random.Generator, shape: tuple[int, int], num_bits: int) -> NDArray[np.uint64]:
    bits = np.uint64(1) << rng.integers(0, 64, (*shape, num_bits), dtype=np.uint64)
    return np.asarray(np.bitwise_or.reduce(bits, axis=-1))


def _vectors(rng: np.random.Generator, shown: NDArray[np.int64], copy_of: NDArray[np.int64]) -> NDArray[np.float16]:
    """[clip, frame, dim]: cosine with what is shown about 0.3, as CLIP has it, and frames of a clip much alike."""
    noise = rng.standard_normal((len(shown), 1, DIM), dtype=np.float32)
    noise = noise + 0.4 * rng.standard_normal((len(shown), NUM_FRAMES, DIM), dtype=np.float32)
    vectors = 0.32 * _directions()[shown][:, None] + _unit(noise)
    return _unit(vectors)[copy_of].astype(np.float16)


def _directions() -> NDArray[np.float32]:
    """[class or negative, dim]: siblings share half of their direction."""
    rng = np.random.default_rng(5)
    own = _unit(rng.standard_normal((NUM_CLASSES + NUM_NEGATIVES, DIM), dtype=np.float32))
    family = _unit(rng.standard_normal((NUM_CLASSES, DIM), dtype=np.float32))
    own[:NUM_CLASSES] += family[np.arange(NUM_CLASSES) // (_NUM_SIBLINGS + 1)]
    return _unit(own)


def _unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)


def _class_id(k: int) -> str:
    return f"class-{k:03d}"


def _sha256s(rng: np.random.Generator, num: int) -> list[str]:
    return [rng.bytes(32).hex() for _ in range(num)]


def _table(record: type, num: int, **columns: Any) -> pa.Table:
    """Columns as arrays; one value stands for all rows, and the record's default for a column that is not given."""
    schema = schemas.arrow_schema(record)
    defaults = {field.name: field.default for field in fields(record)}
    arrays = []
    for column in schema:
        values = columns.get(column.name, defaults[column.name])
        values = values if isinstance(values, list | np.ndarray) else [values] * num
        arrays.append(pa.array(values).cast(column.type))
    return pa.Table.from_arrays(arrays, schema=schema)
