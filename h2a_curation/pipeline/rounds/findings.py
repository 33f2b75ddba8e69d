"""What the rows say by now."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from h2a_curation.audit.reward import reliability
from h2a_curation.catalog.views import Catalog
from h2a_curation.recipes import Recipe
from schemas import SETTLED

_FATES = pa.schema([("post_id", pa.string()), ("reason", pa.string())])


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the rounds so far have shown."""

    accepted: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """(post id, class id) of selected clips: valid, and no copy of another."""
    judged: frozenset[str] = field(default_factory=frozenset)
    """Ids of posts of which no stage has anything left to decide; not of those who opted out, which say nothing."""
    put_off: frozenset[str] = field(default_factory=frozenset)
    """Ids of posts whose file did not come and still may: they say nothing of who listed them."""
    fates: pa.Table = field(default_factory=_FATES.empty_table)
    """(post_id, reason) of the judged posts, as the view `judgement` has it, without those whose host let nobody fetch:
    that says nothing of what a tag stands for."""
    reliability: Mapping[str, float] = field(default_factory=dict)
    """The share of accepted clips that people found right, by class; 1 where a class is not named."""


def from_rows(facts: Catalog, decided: Mapping[str, pa.Table] | None) -> Findings:
    """What is known from the facts and a decision on them; nothing where there is no decision yet."""
    if decided is None:
        return Findings()
    chosen = decided["selection"]
    judgements = facts.decided(decided).query("FROM judgement ORDER BY post_id").cast(_FATES)
    put_off = facts.query(f"SELECT post_id FROM media WHERE outcome NOT IN {SETTLED}")["post_id"]
    return Findings(
        fates=judgements.filter(pc.not_equal(judgements["reason"], "opt_out")),
        reliability=reliability(facts, decided),
        accepted=frozenset(zip(chosen["post_id"].to_pylist(), chosen["class_id"].to_pylist(), strict=True)),
        judged=frozenset(judgements["post_id"].to_pylist()),
        put_off=frozenset(put_off.to_pylist()),
    )


def short(known: Findings, recipe: Recipe) -> dict[str, int]:
    """Clips still wanted by class."""
    have = Counter(class_id for _, class_id in known.accepted)
    return {c.id: max(0, recipe.decide.select.max_clips_per_class - have[c.id]) for c in recipe.action_classes}


def pairs(left: str, right: str, pairs: frozenset[tuple[str, str]]) -> pa.Table:
    """As a table of two columns, sorted."""
    ordered = sorted(pairs)
    return pa.table(
        {left: pa.array([a for a, _ in ordered], pa.string()), right: pa.array([b for _, b in ordered], pa.string())}
    )


def outcomes(facts: Catalog, table: str) -> str:
    """How often each outcome stands in a table, in words."""
    rows = facts.query(
        f"SELECT outcome, count(*) AS n FROM {table} GROUP BY outcome ORDER BY n DESC, outcome"
    ).to_pylist()
    said = ", ".join(f"{row['n']} {row['outcome']}" for row in rows) or f"there is no {table}"
    is_shut = any(row["outcome"] == "not_permitted" for row in rows)
    return f"{said}; --allow-private or --files-from may permit it (docs/sources.md)" if is_shut else said


def reasons(decided: Catalog) -> str:
    """The stages and reasons that lost most posts, in words; each post counts once."""
    rows = decided.query("""
        SELECT stage, reason, count(*) AS n FROM fate WHERE NOT kept GROUP BY ALL ORDER BY n DESC, stage, reason LIMIT 5
    """).to_pylist()
    return ", ".join(f"{row['n']} {row['stage']}: {row['reason']}" for row in rows) or "there is no post"
