"""Where each known positive was lost: how we debug our own recall."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from h2a_curation.catalog import decisions
from h2a_curation.catalog.lake import Lake
from h2a_curation.catalog.views import Catalog, connect

_ORDER = ("screen_post", "screen_clip", "validate", "dedup", "select")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """How far one known positive came."""

    post: str
    """As the user named it."""
    class_id: str
    stage: str
    """`kept`, or the stage at which it was lost."""
    what: str
    """In words: the reason, and what was compared with what."""


def trace(lake: Lake, known_good: Path, recipe: str | None = None) -> Iterator[Fate]:
    """The fate of each row of a CSV with the columns `class` and `url` or `post_id`; ValueError names a bad line."""
    decision = decisions.newest(lake.path, recipe)
    if decision is None:
        raise ValueError(f"{lake.path} holds no decision yet: run `h2a build` or `h2a decide` first")
    models = decisions.about(decision)["models"]
    decided = connect(lake.path, models=models, decision=decision)
    for post, class_id in _known(known_good):
        yield _fate(decided, post, class_id)


def _known(file: Path) -> list[tuple[str, str]]:
    import pandas as pd

    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except FileNotFoundError as missing:
        raise ValueError(f"{file}: there is no such file") from missing
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as broken:
        raise ValueError(
            f"{file}: not a CSV table: {broken}; it needs the columns class and url or post_id"
        ) from broken
    column = next((c for c in ("post_id", "url") if c in table.columns), None)
    if column is None or "class" not in table.columns:
        raise ValueError(f"{file}: needs the columns class and url or post_id; it has {', '.join(table.columns)}")
    for number, row in enumerate(table.itertuples(index=False), start=2):
        if not row[table.columns.get_loc(column)] or not row[table.columns.get_loc("class")]:
            raise ValueError(f"{file}:{number}: {column} and class must not be empty")
    return list(zip(table[column], table["class"], strict=True))


def _fate(decided: Catalog, post: str, class_id: str) -> Fate:
    def lost(stage: str, what: str) -> Fate:
        return Fate(post=post, class_id=class_id, stage=stage, what=what)

    found = _one(
        decided,
        "SELECT post_id FROM post WHERE post_id = $post OR url = $post OR post_id LIKE '%:' || $post",
        post=post,
    )
    if found is None:
        return lost("mine", "not listed by any page that was asked for")
    post_id = found["post_id"]
    subject = {"post_id": post_id, "class_id": class_id}
    if verdict := _rejection(decided, post_id, class_id):
        return lost("screen_post", verdict)
    media = _one(decided, "SELECT outcome, detail, media_id FROM media WHERE post_id = $post_id", post_id=post_id)
    claimed = _one(decided, "FROM candidate WHERE post_id = $post_id AND class_id = $class_id", **subject)
    if media is None:
        return lost(
            "fetch", "not fetched: other posts came first in the budget" if claimed else "no tag speaks for the class"
        )
    if media["outcome"] != "ok":
        return lost("fetch", f"{media['outcome']}: {media['detail']}")
    for table in ("probe", "clip"):
        row = _one(decided, f"SELECT outcome FROM {table} WHERE media_id = $media_id", media_id=media["media_id"])
        if row is None or row["outcome"] != "ok":
            return lost("probe" if table == "probe" else "cut", row["outcome"] if row else "not measured yet")
    clip = _one(decided, "SELECT clip_id FROM clip WHERE media_id = $media_id", media_id=media["media_id"])
    assert clip is not None
    return _clip_fate(decided, post_id, class_id, clip["clip_id"], lost, claimed is not None)


def _clip_fate(decided: Catalog, post_id: str, class_id: str, clip_id: str, lost: Any, claimed: bool) -> Fate:
    chosen = _one(
        decided, "FROM selection WHERE clip_id = $clip_id AND class_id = $class_id", clip_id=clip_id, class_id=class_id
    )
    if chosen is not None:
        same = chosen["post_id"] == post_id
        fate: Fate = lost("kept", chosen["split"] if same else f"as the same file of {chosen['post_id']}")
        return fate
    if verdict := _rejection(decided, clip_id, class_id):
        stage, _, what = verdict.partition(": ")
        return lost(stage, what)  # type: ignore[no-any-return]
    best = _one(
        decided,
        "SELECT class_id, probability FROM score WHERE clip_id = $clip_id ORDER BY probability DESC LIMIT 1",
        clip_id=clip_id,
    )
    seen = f"; its frames look most like {best['class_id']} ({best['probability']:.2f})" if best else ""
    what = "undecided: not measured by this recipe's models" if claimed else f"no tag speaks for the class{seen}"
    return lost("validate", what)  # type: ignore[no-any-return]


def _rejection(decided: Catalog, subject_id: str, class_id: str) -> str | None:
    """`stage: reason (value against threshold)` of the first stage that rejects the subject for the class."""
    row = _one(
        decided,
        f"""SELECT stage, reason, value, threshold FROM verdict
            WHERE subject_id = $subject_id AND class_id = $class_id AND NOT keep
            ORDER BY list_position({list(_ORDER)}, stage) LIMIT 1""",
        subject_id=subject_id,
        class_id=class_id,
    )
    if row is None:
        return None
    numbers = "" if row["value"] is None else f" ({row['value']:.4g} against {row['threshold']:.4g})"
    return f"{row['stage']}: {row['reason']}{numbers}"


def _one(decided: Catalog, sql: str, **params: str) -> dict[str, Any] | None:
    rows: list[dict[str, Any]] = decided.query(sql, params=params).to_pylist()
    return rows[0] if rows else None
