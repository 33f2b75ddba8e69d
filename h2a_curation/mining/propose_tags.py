"""Propose tags for classes: by the company they keep, by their words, by their meaning.

The surest reason comes first. A tag that stands on a class's accepted posts far more often than elsewhere has shown
something (`co-occurs`). A form of the class's name (`words`), or a tag whose words mean what the class's prompts mean
(`similar`), has shown nothing yet: it must be in use, and accepted posts must not speak against it.

The thresholds and the tail probability are defined at the head of cooccurrence.py.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from h2a_curation.mining.cooccurrence import (
    CO_OCCURS,
    SIMILAR,
    WORDS,
    LearnRules,
    count_sql,
    grounds_sql,
    unclaimed_sql,
)
from schemas import TagClaim

__all__ = ["CO_OCCURS", "SIMILAR", "WORDS", "LearnRules", "count_sql", "grounds_sql", "learn_tags", "unclaimed_sql"]


def learn_tags(grounds: pa.Table, *, round_no: int, rules: LearnRules) -> list[TagClaim]:
    """Claims that are new, sorted by class and by how sure they are: co-occurrence, then words, then meaning.

    `grounds`: the rows of `grounds_sql`. `round_no`: the round from which on the claims may be mined.
    """
    rows = {reason: grounds.filter(pc.equal(grounds["reason"], reason)) for reason in (CO_OCCURS, WORDS, SIMILAR)}
    found = (
        _by_company(rows[CO_OCCURS], rules),
        rows[WORDS].sort_by([("support", _DOWN), ("rank", _UP), ("seen", _DOWN), ("tag", _UP)]),
        rows[SIMILAR].sort_by([("rank", _UP), ("tag", _UP)]),
    )
    claims: list[TagClaim] = []
    num = Counter[str]()
    # A tag is claimed for its surest reason alone; for that reason it may be claimed by several classes.
    taken: set[str] = set()
    for table in found:
        new = [row for row in table.to_pylist() if row["tag"] not in taken]
        taken.update(row["tag"] for row in new)
        for row in new:
            num[row["class_id"]] += 1
            if num[row["class_id"]] <= rules.max_claims_per_class:
                claims.append(_claim(row, round_no))
    return sorted(claims, key=lambda claim: claim.class_id)


def _by_company(rows: pa.Table, rules: LearnRules) -> pa.Table:
    """Rows that pass the lift and the chance, the least likely by chance first, at most the wanted number a class."""
    support, seen, num_accepted, num_posts = _counts(rows)
    from scipy.stats import hypergeom  # 0.7 s, which no process pays that only reads the rules

    rows = rows.filter(pa.array(support / num_accepted * num_posts / seen >= rules.min_lift))
    support, seen, num_accepted, num_posts = _counts(rows)
    # The survival function is P(X > k), so support - 1 gives P(X >= support). Lift goes first, since it is far cheaper.
    chance = hypergeom.sf(support - 1, num_posts, seen, num_accepted)
    rows = rows.append_column("chance", pa.array(chance, pa.float64())).filter(pa.array(chance <= rules.max_chance))
    ordered = rows.sort_by([("class_id", _UP), ("chance", _UP), ("support", _DOWN), ("tag", _UP)])
    # With ties at their lowest rank, a row's place less the rank of its class is its place within the class. Only what
    # may be claimed becomes rows of Python: those of every tag would take seconds.
    classes = pc.rank(ordered["class_id"], tiebreaker="min").to_numpy()
    return ordered.filter(pa.array(1 + np.arange(len(classes)) - classes < rules.max_claims_per_class))


def _counts(rows: pa.Table) -> tuple[NDArray[np.int64], ...]:
    names = ("support", "seen", "num_accepted", "num_posts")
    return tuple(rows[name].to_numpy().astype(np.int64) for name in names)


def _claim(row: Mapping[str, Any], round_no: int) -> TagClaim:
    share = row["support"] / row["num_accepted"] if row["support"] else 0.0
    return TagClaim(
        round=round_no,
        tag=row["tag"],
        class_id=row["class_id"],
        lift=share * row["num_posts"] / row["seen"] if share else 0.0,
        support=row["support"],
        reason=row["reason"],
    )


_UP, _DOWN = "ascending", "descending"
