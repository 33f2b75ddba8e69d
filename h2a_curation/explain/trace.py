"""The stage at which each known positive was lost: how we debug our own recall."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from h2a_curation.catalog.fates import in_words
from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.foundation import csv_file
from h2a_curation.foundation.csv_text import cell_text
from h2a_curation.foundation.secret_text import shareable
from h2a_curation.lake import decisions
from h2a_curation.lake.lake import Lake
from h2a_curation.sources import address

_FATES = """
    WITH matched AS (
        SELECT number, post_id, 0 AS rank FROM known JOIN post ON post.post_id = known.post
        UNION ALL SELECT number, post_id, 1 FROM known JOIN addressed ON addressed.key = known.key
        UNION ALL SELECT number, post_id, 2 FROM known
                         JOIN post ON substr(post.post_id, instr(post.post_id, ':') + 1) = known.post
    ),
    found AS (SELECT number, arg_min(post_id, (rank, post_id)) AS post_id FROM matched GROUP BY number),
    best AS (SELECT clip_id, arg_max(class_id, probability) AS looks_like, max(probability) AS probability
             FROM score GROUP BY clip_id)
    SELECT known.post, known.class_id, found.post_id, became.stage, became.reason, became.value, became.threshold,
           media.detail, opted_out.reason AS asked_by,
           selection.post_id AS chosen_post, selection.split, best.looks_like, best.probability
    FROM known LEFT JOIN found USING (number)
         LEFT JOIN claim_fate became ON became.post_id = found.post_id AND became.class_id = known.class_id
         LEFT JOIN opted_out ON opted_out.post_id = found.post_id
         LEFT JOIN media ON media.post_id = found.post_id
         LEFT JOIN clip ON clip.media_id = media.media_id
         LEFT JOIN selection ON selection.clip_id = clip.clip_id AND selection.class_id = known.class_id
         LEFT JOIN best ON best.clip_id = clip.clip_id
    QUALIFY row_number() OVER (PARTITION BY known.number ORDER BY became.ground) = 1
    ORDER BY known.number
"""

_ADDRESSES = "SELECT post_id, url FROM post UNION ALL SELECT post_id, alias FROM media WHERE alias <> ''"
"""A post whose address is a short link has another, to which that led."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """How far one known positive came."""

    post: str
    """As the user named it."""
    class_id: str
    stage: str
    """`kept`, or the stage at which it was lost."""
    what: str
    """The reason in words, and what was compared with what."""


def trace(lake: Lake, known_good: Path, decision: Path) -> Iterator[Fate]:
    """The fate of each row of a CSV with the columns `class` and `url` or `post_id`; ValueError names a bad line."""
    known = _known(known_good)
    decided = connect(lake.path, models=decisions.about(decision)["models"], decision=decision)
    classes = decided.query("SELECT DISTINCT class_id FROM candidate")["class_id"].to_pylist()
    for row in _joined(decided, known):
        stage, what = _fate(row) if row["class_id"] in classes else ("mine", _no_candidate(row["class_id"], classes))
        yield Fate(post=row["post"], class_id=row["class_id"], stage=stage, what=what)


def _joined(decided: Catalog, known: list[tuple[str, str]]) -> list[dict[str, Any]]:
    posts, class_ids = [post for post, _ in known], [class_id for _, class_id in known]
    table = pa.table(
        {
            "number": pa.array(range(len(known)), pa.int64()),
            "post": pa.array(posts, pa.string()),
            "class_id": pa.array(class_ids, pa.string()),
            "key": pa.array([address.read(shareable(post)).key for post in posts], pa.string()),
        }
    )
    listed = decided.query(_ADDRESSES)
    keys = pa.array([address.read(shareable(url)).key for url in listed["url"].to_pylist()], pa.string())
    addressed = pa.table({"post_id": listed["post_id"], "key": keys})
    rows: list[dict[str, Any]] = decided.query(_FATES, {"known": table, "addressed": addressed}).to_pylist()
    return rows


def _fate(row: dict[str, Any]) -> tuple[str, str]:
    """The stage and what happened there, the earliest loss first."""
    if row["post_id"] is None:
        return "mine", "not listed by any page that was asked for"
    if row["asked_by"] is not None:
        copy = f"; a copy by another account is kept: {row['chosen_post']}" if row["split"] is not None else ""
        return "screen_post", f"opt_out: {row['asked_by']}{copy}"
    if row["split"] is not None:
        return "kept", row["split"] if row["chosen_post"] == row["post_id"] else f"as a copy: {row['chosen_post']}"
    if row["stage"] is None:
        seen = (
            f"; its frames look most like {row['looks_like']} ({row['probability']:.2f})" if row["looks_like"] else ""
        )
        return "mine", f"listed, but none of its tags speaks for the class{seen}"
    if row["reason"] == "not_asked":
        return row["stage"], "not fetched: other posts came first in the budget"
    if row["reason"] == "undecided" and row["stage"] in ("probe", "cut"):
        return row["stage"], "not measured by this decision's programs: `h2a build` does it"
    if row["reason"] == "undecided":
        return row["stage"], "undecided: not measured by this decision's models: `h2a build` does it"
    if row["stage"] == "fetch":
        return row["stage"], f"{row['reason']}: {row['detail']}"
    return row["stage"], in_words(row)


def _no_candidate(class_id: str, classes: list[str]) -> str:
    near = difflib.get_close_matches(class_id, classes, n=1)
    return "no post is a candidate for this class" + (f": did you mean {near[0]}?" if near else "")


def _known(file: Path) -> list[tuple[str, str]]:
    columns, rows = csv_file.read(file)
    column = next((c for c in ("post_id", "url") if c in columns), None)
    if column is None or "class" not in columns:
        raise ValueError(f"{file}: needs the columns class and url or post_id; it has {', '.join(columns) or 'none'}")
    known = []
    for line, row in rows:
        post, class_id = cell_text(row[column].strip()), cell_text(row["class"].strip())
        if not post or not class_id:
            raise ValueError(f"{file}:{line}: {column} and class must not be empty")
        known.append((post, class_id))
    return known
