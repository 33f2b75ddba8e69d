"""One miner at work in one world: plan, list, judge, learn, round after round, until the budget is spent.

Planning, listing and learning are the product's own functions, fed with rows as a build feeds them; only the world and
its verdicts stand in for a platform and for the deciding stages.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import ceil
from typing import Any, cast

import duckdb
import pyarrow as pa

from bench.mining_world import AnyWorld
from h2a_curation.acquire.listing import Search, list_pages
from h2a_curation.acquire.retry import RetryRules
from h2a_curation.mining.allocate import NO_QUOTA, MineRules
from h2a_curation.mining.arms import Arms, Key, arm_sql
from h2a_curation.mining.propose_tags import LearnRules, count_sql, grounds_sql, learn_tags
from h2a_curation.mining.tag_state import PAUSED, Evidence, StandingRules, changes, evidence_sql
from schemas import Allocation, TagClaim

Planner = Callable[..., list[Allocation]]
"""The signature of h2a_curation.mining.allocate.plan."""
SOURCE = "world"
_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_MAX_POLLS = 10
"""After the last round, for verdicts that come late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miner:
    """Who mines: a way to plan, and whether tags are learnt."""

    name: str
    planner: Planner
    learn: LearnRules | None
    standing: StandingRules | None = None
    """Where given, tags are paused by what their verdicts say, and the planner is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one miner got out of one world."""

    accepted: int
    """Clips, of each class no more than its quota."""
    num_short: int | None
    """Classes with less than their quota; None where there is none, or the oracle does not tell."""
    budget: int
    """Pages that it might ask for."""
    cost: int
    """Pages that it asked for."""
    curve: tuple[tuple[int, int], ...]
    """(pages, clips accepted by then), round by round."""


@dataclass(slots=True, kw_only=True)
class Rows:
    """What a lake would hold, as columns."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    hits: list[pa.Table] = field(default_factory=list)
    posts: list[pa.Table] = field(default_factory=list)
    hashtags: dict[str, Sequence[str]] = field(default_factory=dict)
    """By post id, in the order in which they were seen."""
    accepted: list[tuple[str, str]] = field(default_factory=list)
    judged: set[str] = field(default_factory=set)
    claims: list[TagClaim] = field(default_factory=list)

    def tables(self, arm_tags: Sequence[tuple[str, str, str, int]], wanted: Sequence[str]) -> dict[str, pa.Table]:
        """What `arm_sql` reads; `arm_tags`: tag, class id, origin, rank; `wanted`: classes that are not full."""
        tags, classes, origins, ranks = zip(*arm_tags, strict=True)
        return {
            "request": pa.Table.from_pylist(self.requests, _REQUEST),
            "hit": pa.concat_tables([_HIT.empty_table(), *self.hits]),
            "post": self._posts(),
            "accepted": pa.table(
                [[p for p, _ in self.accepted], [c for _, c in self.accepted]], schema=_texts("post_id", "class_id")
            ),
            "wanted": pa.table([list(wanted)], schema=_texts("class_id")),
            "media": _MEDIA.empty_table(),
            "judged": pa.table([sorted(self.judged)], schema=_texts("post_id")),
            "arm_tag": pa.table(
                [[SOURCE] * len(tags), tags, classes, origins, ranks],
                schema=_texts("source", "tag", "class_id", "origin").append(pa.field("rank", pa.int64())),
            ),
        }

    def evidence(self, num_threads: int = 1) -> list[Evidence]:
        """`evidence_sql` on these rows: a world says only whether a post is accepted, and no dates."""
        accepted = {post_id for post_id, _ in self.accepted}
        judged = sorted(self.judged)
        fates = ["" if post_id in accepted else "rejected" for post_id in judged]
        tables = {
            "hit": pa.concat_tables([_HIT.empty_table(), *self.hits]),
            "post": self._posts(),
            "fate": pa.table([judged, fates], schema=_texts("post_id", "reason")),
        }
        with duckdb.connect(config={"threads": num_threads}) as connection:
            for name, table in tables.items():
                connection.register(name, table)
            return [Evidence(**row) for row in connection.sql(evidence_sql()).to_arrow_table().to_pylist()]

    def _posts(self) -> pa.Table:
        """With what a world does not tell."""
        posts = pa.concat_tables([_POST.empty_table(), *self.posts])
        for name, kind in _UNTOLD.items():
            posts = posts.append_column(name, pa.nulls(len(posts), kind))
        return posts


def mine(world: AnyWorld, miner: Miner, rules: MineRules, budget: int, quota: int | None, seed: int) -> Outcome:
    """Spend `budget` pages in `rules.num_rounds` rounds, or in one a page; verdicts are asked for between rounds."""
    num_rounds = min(rules.num_rounds, budget)
    rules = replace(rules, num_rounds=num_rounds, pages_per_round=ceil(budget / num_rounds))
    rows = Rows()
    seeds = [(t, c, "seed", n) for c in world.classes for n, t in enumerate(world.seed_tags(c))]
    curve: list[tuple[int, int]] = []
    states: dict[Key, tuple[str, str]] = {}
    for round_no in range(rules.num_rounds):
        claims = [(claim.tag, claim.class_id, "learnt", 0) for claim in rows.claims]
        have = Counter(c for _, c in rows.accepted)
        short = {c: max(0, quota - have[c]) if quota else NO_QUOTA for c in world.classes}
        arms = count(rows.tables(seeds + claims, [c for c, num in short.items() if num]))
        cursors = dict(zip(arms.table["tag"].to_pylist(), arms.table["next_cursor"].to_pylist(), strict=True))
        left = budget - len(rows.requests)
        told = {}
        if miner.standing:
            changed = changes(arms, rows.evidence(), states, short, round_no, miner.standing)
            states |= {(c.source, c.tag): (c.state, c.reason) for c in changed}
            told = {"left_out": {key for key, (state, _) in states.items() if state == PAUSED}}
        for granted in miner.planner(arms, rules, round_no, seed, short, **told):
            num_pages = min(granted.num_pages, left)
            if num_pages > 0:
                left -= ask(world, rows, replace(granted, num_pages=num_pages), cursors[granted.tag] or "", round_no)
        judge(world, rows)
        if miner.learn:
            rows.claims += learn(rows, miner.learn, {(t, c) for t, c, *_ in seeds + claims}, round_no + 1)
        curve.append((len(rows.requests), _worth(rows, quota)))
    for _ in range(_MAX_POLLS):
        judge(world, rows)
    have = Counter(c for _, c in rows.accepted)
    return Outcome(
        accepted=_worth(rows, quota),
        num_short=sum(have[c] < quota for c in world.classes) if quota else None,
        budget=budget,
        cost=len(rows.requests),
        curve=tuple(curve),
    )


def count(tables: Mapping[str, pa.Table], num_threads: int = 1) -> Arms:
    """`arm_sql` on the tables of `Rows.tables`."""
    with duckdb.connect(config={"threads": num_threads}) as connection:
        for name, table in tables.items():
            connection.register(name, table)
        return Arms(table=connection.sql(arm_sql()).to_arrow_table())


def ask(world: AnyWorld, rows: Rows, granted: Allocation, cursor: str, round_no: int) -> int:
    """List the granted pages from `cursor` on; the number asked for."""
    search = cast("Search", world.search)  # its posts have only what mining reads
    pages = list(list_pages(granted, cursor, search, lambda: _DAY, round_no, sleep=lambda _: None, retry=RetryRules()))
    rows.requests += [{name: getattr(page.request, name) for name in _REQUEST.names} for page in pages]
    hits = [hit for page in pages for hit in page.hits]
    rows.hits.append(pa.table([[getattr(hit, name) for hit in hits] for name in _HIT.names], schema=_HIT))
    posts = [post for page in pages for post in page.posts]
    new = {p.post_id: list(dict.fromkeys(p.hashtags)) for p in posts if p.post_id not in rows.hashtags}
    rows.hashtags |= new
    rows.posts.append(pa.table([list(new), list(new.values())], schema=_POST))
    return len(pages)


def judge(world: AnyWorld, rows: Rows) -> None:
    """Ask for the verdict on every post that has none."""
    for post_id in rows.hashtags:
        if post_id not in rows.judged:
            classes = world.validate(post_id)
            if classes is not None:
                rows.judged.add(post_id)
                rows.accepted += [(post_id, c) for c in sorted(classes)]


def learn(
    rows: Rows, rules: LearnRules, known: set[tuple[str, str]], round_no: int, num_threads: int = 1
) -> list[TagClaim]:
    """Claims that the posts and verdicts so far allow; the world's tags are no words."""
    tables = {
        "post": pa.concat_tables([_POST.empty_table(), *rows.posts]),
        "request": pa.table([[request["tag"] for request in rows.requests]], schema=_texts("tag")),
        "known": _pairs("tag", "class_id", sorted(known)),
        "accepted": _pairs("post_id", "class_id", rows.accepted),
        "excluded": _pairs("tag", "class_id", []),
        "proposal": _texts("reason", "tag", "class_id").append(pa.field("rank", pa.int64())).empty_table(),
    }
    with duckdb.connect(config={"threads": num_threads}) as connection:
        for name, table in tables.items():
            connection.register(name, table)
        connection.register("counted", connection.sql(count_sql(rules)).to_arrow_table())
        grounds = connection.sql(grounds_sql(rules)).to_arrow_table()
    return learn_tags(grounds, round_no=round_no, rules=rules)


def _worth(rows: Rows, quota: int | None) -> int:
    have = Counter(c for _, c in rows.accepted)
    return sum(min(num, quota or num) for num in have.values())


def _texts(*names: str) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in names])


def _pairs(left: str, right: str, rows: Sequence[tuple[str, str]]) -> pa.Table:
    return pa.table([[a for a, _ in rows], [b for _, b in rows]], schema=_texts(left, right))


_UNTOLD = {"num_views": pa.int64(), "posted_at": pa.timestamp("us", tz="UTC"), "creator": pa.string()}
_MEDIA = _texts("post_id").append(pa.field("num_bytes", pa.int64()))
_HIT = _texts("source", "tag", "cursor", "post_id").append(pa.field("visit", pa.int64()))
_POST = _texts("post_id").append(pa.field("hashtags", pa.list_(pa.string())))
_REQUEST = pa.schema(
    [
        *((name, pa.string()) for name in ("source", "tag", "cursor", "next_cursor", "outcome")),
        *((name, pa.int64()) for name in ("visit", "round", "num_posts", "num_bytes")),
    ]
)
