"""A lake of a few rows in memory, and the classes, prompts and vectors that go with it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

import schemas
from h2a_curation.decide.decision import NOBODY, DecideRules, decide
from h2a_curation.decide.rules import Query
from h2a_curation.decide.validate import PromptVectors
from tests import factories

RECORDS = {
    "post": schemas.Post,
    "hit": schemas.Hit,
    "tag_claim": schemas.TagClaim,
    "media": schemas.Media,
    "probe": schemas.Probe,
    "clip": schemas.Clip,
    "failure": schemas.Failure,
    "fingerprint": schemas.Fingerprint,
    "sighting": schemas.Sighting,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallClass:
    id: str
    label: int
    seed_hashtags: dict[str, str]
    excluded_hashtags: dict[str, str] = field(default_factory=dict)
    siblings: tuple[str, ...] = ()
    former_ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    must_show: str = "person"


CLASSES = [
    SmallClass(id="deadlift", label=0, seed_hashtags={"deadlift": "noun"}, siblings=("squat",)),
    SmallClass(
        id="squat", label=1, seed_hashtags={"squat": "noun"}, excluded_hashtags={"gym": "stands for everything"}
    ),
    SmallClass(id="surf", label=2, seed_hashtags={"surf": "noun"}, must_show="nothing"),
]
SHOWS = {"deadlift": 0, "squat": 1, "surf": 2, "slides": 3}
"""What a frame may show: three classes and a negative."""
PROMPTS = PromptVectors(
    model="m",
    class_ids=("deadlift", "squat", "surf"),
    negative_ids=("slides",),
    matrix=np.eye(4, 8, dtype=np.float32),
    logit_scale=20.0,
)


def open_query(rows: dict[str, list[Any]]) -> Query:
    """Run SQL on the given records, as the catalog does on a lake's."""
    connection = duckdb.connect(config={"threads": 1})
    for table, record in RECORDS.items():
        connection.register(table, schemas.to_arrow(record, rows.get(table, [])))

    def query(sql: str, tables: dict[str, pa.Table]) -> pa.Table:
        for name, table in tables.items():
            connection.register(name, table)
        result = connection.sql(sql).to_arrow_table()
        for name in tables:
            connection.unregister(name)
        return result

    return query


class SmallLake:
    """Facts that accumulate: `add` puts in a post with its file, measured, all valid but for what is changed."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Any]] = {table: [] for table in RECORDS}
        self.vectors: dict[str, np.ndarray] = {}

    def add(
        self,
        name: str,
        *,
        shows: Iterable[str] | str = "deadlift",
        signals: dict[str, float] | None = None,
        copy_of: str | None = None,
        round_: int = 0,
        **changed: Any,
    ) -> None:
        """One post `s:<name>` with media `m-<name>` and clip `c-<name>`; `copy_of`: with the same perceptual hashes.

        `changed` goes to the record that has the field: `post_`, `probe_`, `clip_` or `media_` and the field's name.
        """
        post, media, clip = f"s:{name}", f"m-{name}", f"c-{name}"
        of = {p: {k[len(p) :]: v for k, v in changed.items() if k.startswith(p)} for p in ("post_", "probe_", "clip_")}
        self.rows["post"].append(factories.post(post, **{"creator": f"by-{name}", **of["post_"]}))
        self.rows["media"].append(factories.media(post, media_id=media, round=round_))
        self.rows["probe"].append(replace(probe(media), **of["probe_"]))
        self.rows["clip"].append(replace(cut(media, clip), **of["clip_"]))
        self.rows["sighting"] += [
            schemas.Sighting(clip_id=clip, model="m", signal=signal, value=value)
            for signal, value in ({"motion": 5.0, "black": 0.0, "person": 8.0} | (signals or {})).items()
        ]
        self.rows["fingerprint"].append(fingerprint(clip, like=copy_of or name))
        self.vectors[clip] = frames([shows] * 4 if isinstance(shows, str) else list(shows))

    def claim(self, tag: str, class_id: str) -> None:
        """A learnt tag."""
        row = schemas.TagClaim(round=0, tag=tag, class_id=class_id, lift=9.0, support=9, reason="lift")
        self.rows["tag_claim"].append(row)

    def decide(
        self,
        rules: DecideRules | None = None,
        prompts: PromptVectors = PROMPTS,
        opted_out: pa.Table = NOBODY,
        classes: Sequence[SmallClass] = CLASSES,
    ) -> dict[str, pa.Table]:
        blocks = [([i], self.vectors[i][None]) for i in sorted(self.vectors)]
        return decide(open_query(self.rows), blocks, prompts, rules or DecideRules(), classes, opted_out)


def verdict(decided: dict[str, pa.Table], subject: str, class_id: str = "deadlift") -> dict[str, Any]:
    """The last verdict on a subject."""
    return [v for v in decided["verdict"].to_pylist() if (v["subject_id"], v["class_id"]) == (subject, class_id)][-1]


def frames(shown: list[str]) -> np.ndarray:
    """[frame, dim]: each frame mostly what it shows, and a little of everything."""
    vectors = np.full((len(shown), 8), 0.05, dtype=np.float32)
    vectors[np.arange(len(shown)), [SHOWS[s] for s in shown]] = 1.0
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def probe(media_id: str) -> schemas.Probe:
    return schemas.Probe(
        media_id=media_id, model="m", outcome="ok", detail="", container="mp4", codec="h264", width_px=360,
        height_px=640, fps=24.0, declared_s=4.0, decoded_s=4.0, num_frames=96, is_variable_rate=False, has_audio=True,
    )  # fmt: skip


def cut(media_id: str, clip_id: str) -> schemas.Clip:
    return schemas.Clip(
        media_id=media_id, model="m", outcome="ok", clip_id=clip_id, start_s=0.0, end_s=4.0, num_scenes=1,
        width_px=320, height_px=568, fps=24.0, num_frames=96, num_bytes=1000,
    )  # fmt: skip


def fingerprint(clip_id: str, like: str) -> schemas.Fingerprint:
    rng = np.random.default_rng(list(like.encode()))
    hashes = [int(h) for h in rng.integers(0, 2**64, size=8, dtype=np.uint64)]
    return schemas.Fingerprint(clip_id=clip_id, model="m", frames_sha256=clip_id, phash=hashes)
