"""A small world of posts and listings, statistical only: what a miner has to find, and how well one does.

Per class a seed tag that half of its posts carry, a synonym that most carry, and another that stands beside the first
only; seeds that are mostly used for something else, tags of two meanings, tags that everybody uses, spam with every
tag, and much that shows no class at all.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from random import Random
from typing import Any

import duckdb
import pyarrow as pa

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.acquire.listing import list_pages
from h2a_curation.acquire.retry import RetryRules
from h2a_curation.mining.allocate import MineRules, plan
from h2a_curation.mining.arms import Arm, Arms, arm_sql
from h2a_curation.mining.fetch_priority import fetch_order
from h2a_curation.mining.propose_tags import LearnRules
from h2a_curation.sources.base import Cost, Page
from schemas import Allocation, Candidate, Hit, Media, Post, Request, TagClaim, to_arrow
from tests import factories
from tests.mining.learning import learn

PAGE_SIZE = 10
GENERAL = {"fyp": 0.45, "viral": 0.3, "foryou": 0.25}
Planner = Callable[[Sequence[Arm], MineRules, int, int, Mapping[str, int]], list[Allocation]]


class TagWorld:
    def __init__(self, seed: int, num_classes: int = 24, num_right: int = 240, num_noise: int = 420) -> None:
        rng = Random(seed)
        self.classes = [f"c{i:02}" for i in range(num_classes)]
        self.truth: dict[str, str | None] = {}
        self.posts: dict[str, Post] = {}
        weights = [1 / (i + 3) ** 0.5 for i in range(num_classes)]
        chosen = [*self.classes * 5, *rng.choices(self.classes, weights, k=max(0, num_right - 5 * num_classes))]
        for class_id in chosen[:num_right]:
            self._add(rng, class_id, self._right_tags(rng, class_id))
        for _ in range(num_noise):
            self._add(rng, None, self._noise_tags(rng))
        for _ in range(20):
            self._add(rng, None, rng.sample([f"{c}{k}" for c in self.classes for k in ("seed", "syn", "deep")], 30))
        tags = {tag for post in self.posts.values() for tag in post.hashtags}
        popular = sorted(self.posts.values(), key=lambda p: (-(p.num_views or 0), p.post_id))
        self.listings = {tag: [p for p in popular if tag in p.hashtags] for tag in sorted(tags)}

    @property
    def num_pages(self) -> int:
        return sum(-(-len(posts) // PAGE_SIZE) for posts in self.listings.values())

    def search(self, tag: str, cursor: str) -> Page:
        start = int(cursor or 0)
        if tag not in self.listings:
            raise FetchError(ErrorKind.GONE, f"no #{tag}")
        posts = self.listings[tag][start : start + PAGE_SIZE]
        end = start + PAGE_SIZE >= len(self.listings[tag])
        return Page(
            posts=posts,
            next_cursor=None if end else str(start + PAGE_SIZE),
            cost=Cost(num_requests=1, num_bytes=400 * len(posts)),
        )

    def _right_tags(self, rng: Random, class_id: str) -> list[str]:
        tags = [f"{class_id}seed"] if rng.random() < 0.45 else []
        if rng.random() < 0.65 or not tags:
            tags.append(f"{class_id}syn")
        if f"{class_id}syn" in tags and rng.random() < 0.4:
            tags = [t for t in tags if not t.endswith("seed") or rng.random() < 0.3] + [f"{class_id}deep"]
        if f"{class_id}deep" in tags and len(tags) > 1 and rng.random() < 0.35:
            tags = [f"{class_id}deep"]
        if rng.random() < 0.2:
            tags.append(f"two{int(class_id[1:]) // 4}")
        return tags + [t for t, share in GENERAL.items() if rng.random() < share]

    def _noise_tags(self, rng: Random) -> list[str]:
        tags = [t for t, share in GENERAL.items() if rng.random() < share]
        if rng.random() < 0.25:
            tags.append(f"two{rng.randrange(6)}")
        if rng.random() < 0.15:
            tags.append(f"{rng.choice(self.classes)}{rng.choice(['seed', 'seed', 'syn'])}")
        if rng.random() < 0.4:
            tags.append(f"{rng.choice(self.classes[::4])}seed")
        return tags or [rng.choice(["storytime", "foodie"])]

    def _add(self, rng: Random, class_id: str | None, tags: list[str]) -> None:
        post_id = f"s:{len(self.posts):04}"
        self.truth[post_id] = class_id
        self.posts[post_id] = factories.post(post_id, hashtags=tags, num_views=int(rng.paretovariate(1) * 1000))


class Miner:
    """The loop of a build, in memory: plan, list, fetch what is promising, judge by the truth, learn."""

    def __init__(
        self,
        world: TagWorld,
        rules: MineRules,
        *,
        planner: Planner = plan,
        learn_rules: LearnRules | None = None,
        max_files: int = 300,
    ) -> None:
        self.world, self.rules, self.planner = world, rules, planner
        self.learn_rules, self.max_files = learn_rules, max_files
        self.requests: list[Request] = []
        self.posts: dict[str, Post] = {}
        self.hits: list[Hit] = []
        self.claims: list[TagClaim] = []
        self.allocations: list[Allocation] = []
        self.judged: set[str] = set()
        self.short = dict.fromkeys(world.classes, 1000)

    def run(self, seed: int = 0) -> "Miner":
        for round_no in range(self.rules.num_rounds):
            arms = self.arms()
            granted = self.planner(Arms.of(arms), self.rules, round_no, seed, self.short)
            cursors = {arm.tag: arm.next_cursor for arm in arms}
            self.allocations += granted
            for allocation in granted:
                self._list(allocation, cursors[allocation.tag] or "", round_no)
            self._fetch(round_no, seed)
            self._learn(round_no + 1)
        return self

    @property
    def accepted(self) -> set[tuple[str, str]]:
        return {(p, c) for p in self.judged if (c := self.world.truth[p]) is not None}

    @property
    def recall(self) -> float:
        return len(self.accepted) / sum(c is not None for c in self.world.truth.values())

    def arm_tags(self) -> list[dict[str, Any]]:
        seeds = [(f"{c}{s}", c, "seed", i) for c in self.world.classes for i, s in enumerate(("seed", "unused"))]
        learnt = [(claim.tag, claim.class_id, "learnt", 0) for claim in self.claims]
        return [arm_tag(tag, c, origin=o, rank=r) for tag, c, o, r in seeds + learnt]

    def arms(self) -> list[Arm]:
        return arms_of(self.requests, self.hits, self.posts.values(), self.accepted, self.judged, self.arm_tags())

    def _list(self, allocation: Allocation, cursor: str, round_no: int) -> None:
        for page in list_pages(
            allocation, cursor, self.world.search, lambda: factories.DAY, round_no, sleep=print, retry=RetryRules()
        ):
            self.requests.append(page.request)
            self.posts |= {p.post_id: p for p in page.posts if p.post_id not in self.posts}
            self.hits += page.hits

    def _fetch(self, round_no: int, seed: int) -> None:
        classes_of: dict[str, set[str]] = {}
        for row in self.arm_tags():
            classes_of.setdefault(row["tag"], set()).add(row["class_id"])
        self.judged |= {p.post_id for p in self.posts.values() if is_spam(p)}
        candidates = [
            Candidate(class_id=class_id, post_id=post.post_id, ground="seed")
            for post in self.posts.values()
            for class_id in sorted({c for tag in post.hashtags for c in classes_of.get(tag, ())})
        ]
        num_fetched = sum(not is_spam(self.posts[p]) for p in self.judged)
        share = (round_no + 1) / self.rules.num_rounds
        order = fetch_order(
            candidates,
            self.posts,
            accepted=self.accepted,
            judged=self.judged,
            short=self.short,
            round_no=round_no,
            seed=seed,
        )
        self.judged |= set(order[: max(0, int(self.max_files * share) - num_fetched)])

    def _learn(self, round_no: int) -> None:
        if self.learn_rules is not None:
            self.claims += learn(
                {p.post_id: p.hashtags for p in self.posts.values()},
                self.accepted,
                known={(row["tag"], row["class_id"]) for row in self.arm_tags()},
                excluded={},
                round_no=round_no,
                rules=self.learn_rules,
            )


def is_spam(post: Post) -> bool:
    return len(post.hashtags) > LearnRules().max_hashtags


def arm_tag(tag: str, class_id: str, *, origin: str = "seed", rank: int = 0, source: str = "s") -> dict[str, Any]:
    return {"source": source, "tag": tag, "class_id": class_id, "origin": origin, "rank": rank}


def arms_of(
    requests: Iterable[Request],
    hits: Iterable[Hit],
    posts: Iterable[Post],
    accepted: set[tuple[str, str]],
    judged: set[str],
    arm_tags: Sequence[dict[str, Any]],
    media: Iterable[Media] = (),
    full: Collection[str] = (),
) -> list[Arm]:
    """`arm_sql` run by DuckDB on these rows."""
    pairs = [{"post_id": p, "class_id": c} for p, c in sorted(accepted)]
    tables = {
        "request": to_arrow(Request, requests),
        "hit": to_arrow(Hit, hits),
        "post": to_arrow(Post, posts),
        "media": to_arrow(Media, media),
        "wanted": pa.table({"class_id": sorted({row["class_id"] for row in arm_tags} - set(full))}, _texts("class_id")),
        "accepted": pa.Table.from_pylist(pairs, _texts("post_id", "class_id")),
        "judged": pa.Table.from_pylist([{"post_id": p} for p in sorted(judged)], _texts("post_id")),
        "arm_tag": pa.Table.from_pylist(
            list(arm_tags), _texts("source", "tag", "class_id", "origin").append(pa.field("rank", pa.int64()))
        ),
    }
    with duckdb.connect(config={"threads": 1}) as connection:
        for name, table in tables.items():
            connection.register(name, table)
        return [Arm(**row) for row in connection.sql(arm_sql()).to_arrow_table().to_pylist()]


def _texts(*names: str) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in names])


def uniform(arms: Arms, rules: MineRules, round_no: int, seed: int, short: Mapping[str, int]) -> list[Allocation]:
    """The baseline: every arm that is not dry in turn, until the budget is used."""
    left = rules.pages_per_round * (round_no + 1) - int(arms.num_pages.sum())
    live = sorted((a for a in arms.rows() if not a.is_dry), key=lambda a: (a.num_pages, a.tag))
    return [
        Allocation(round=round_no, source=a.source, tag=a.tag, num_pages=1, belief=0.0, reason="uniform")
        for a in live[:left]
    ]
