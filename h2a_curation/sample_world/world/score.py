"""Compare what a build kept with the truth of the world that it mined."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

Pair = tuple[str, str]
"""Post id and class id."""
Explained = tuple[str, str, str]
"""Post id, class id, why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthScore:
    """How right and how complete a selection is."""

    precision: float
    """Right among kept; 0 where nothing was kept."""
    recall: float
    """Wanted clusters of copies of which one was kept, among all."""
    num_kept: int
    num_wanted: int
    """Clusters of copies, each once a class."""
    wrong: list[Explained]
    missed: list[Explained]
    """One post of each wanted cluster that was not kept, with what makes it hard and where it is listed."""


def score(truth_file: Path, kept: Iterable[Pair]) -> TruthScore:
    """Score kept pairs of post and class; of a post id, all up to the last `:` (the source) is left out.

    A pair is right if it is wanted and the first that is given of its cluster: every further copy is wrong.
    """
    posts: dict[str, dict[str, Any]] = json.loads(truth_file.read_text(encoding="utf-8"))["posts"]
    wanted: dict[Pair, list[str]] = {}
    for post_id, post in posts.items():
        if post["wanted"]:
            wanted.setdefault((post["cluster"], post["wanted"]), []).append(post_id)
    pairs = [(post_id.rpartition(":")[2], class_id) for post_id, class_id in kept]
    found: set[Pair] = set()
    wrong = []
    for post_id, class_id in pairs:
        why = _why_wrong(posts.get(post_id), class_id, found)
        if why:
            wrong.append((post_id, class_id, why))
        else:
            found.add((posts[post_id]["cluster"], class_id))
    missed = [
        (ids[0], class_id, _why_missed(posts[ids[0]]))
        for (cluster, class_id), ids in wanted.items()
        if (cluster, class_id) not in found
    ]
    return TruthScore(
        precision=len(found) / len(pairs) if pairs else 0.0,
        recall=len(found) / len(wanted) if wanted else 0.0,
        num_kept=len(pairs),
        num_wanted=len(wanted),
        wrong=wrong,
        missed=missed,
    )


def changed_tags(truth_file: Path) -> tuple[dict[str, datetime], dict[str, datetime]]:
    """The tags that drifted and those that were hijacked, each with the date since which."""
    told = json.loads(truth_file.read_text(encoding="utf-8"))
    drifted, hijacked = (
        {tag: datetime.fromisoformat(since) for tag, since in told[kind].items()}
        for kind in ("drifted_tags", "hijacked_tags")
    )
    return drifted, hijacked


def _why_wrong(post: dict[str, Any] | None, class_id: str, found: set[Pair]) -> str:
    """Empty for a right pair."""
    if post is None:
        return "no such post in this world"
    if post["wanted"] != class_id:
        flaws = [d for d in post["defects"] if d not in ("wrong_class", "exact_copy", "reencoded_copy")]
        shows = post["shows"] or "no class"
        return ", ".join([*flaws] if post["shows"] == class_id else [f"shows {shows}", *flaws]) or "not wanted"
    return f"a copy of {post['cluster']} is kept already" if (post["cluster"], class_id) in found else ""


def _why_missed(post: dict[str, Any]) -> str:
    tags = ", ".join(post["listed_under"])
    return "; ".join([post["role"], *post["defects"][:1], f"under {tags}"])
