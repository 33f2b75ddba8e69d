"""The simulated platform that the miner is measured on: listings of hashtags, verdicts that come late, an oracle.

It keeps the protocol that docs/mining.md states for any world: `World(seed)` has `classes`, `seed_tags`, `search`,
`validate`, and `oracle`.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import numpy as np

from bench.mining_truth import Ints, Truth, WorldSize, draw
from h2a_curation.sources.base import Cost


@dataclass(frozen=True, slots=True)
class Listed:
    """A post in a page."""

    post_id: str
    hashtags: list[str]


@dataclass(frozen=True, slots=True)
class Listing:
    """A page."""

    posts: Sequence[Listed]
    next_cursor: str | None
    cost: Cost
    odd: Mapping[str, int] = field(default_factory=dict)
    content: str = ""


class AnyWorld(Protocol):
    """What `--world MODULE:NAME` must give when it is called with a seed."""

    classes: list[str]

    def seed_tags(self, class_id: str) -> list[str]:
        """The tags that a class file would name, the best first."""
        ...

    def search(self, tag: str, cursor: str) -> Listing:
        """A page of the tag's listing, `""` being the first. May raise FetchError."""
        ...

    def validate(self, post_id: str) -> set[str] | None:
        """The classes that a listed post shows; empty for none, and for a copy; None while there is no verdict."""
        ...


@lru_cache(maxsize=1)
def _drawn(size: WorldSize, seed: int) -> Truth:
    return draw(size, seed)


class World:
    """One platform, asked by one miner: it remembers what was asked."""

    def __init__(self, seed: int, size: WorldSize | None = None) -> None:
        self.size = size or WorldSize()
        self.truth = _drawn(self.size, seed)
        self.seed = seed
        self.classes = [f"class{c}" for c in range(self.size.num_classes)]
        self.num_asked = 0
        self._polls: dict[int, int] = {}
        self._first_of: dict[int, int] = {}

    def seed_tags(self, class_id: str) -> list[str]:
        """As AnyWorld says."""
        seeds = self.truth.seeds[int(class_id.removeprefix("class"))]
        return [f"t{tag}" if tag >= 0 else f"unused{class_id}x{n}" for n, tag in enumerate(seeds)]

    def search(self, tag: str, cursor: str) -> Listing:
        """As AnyWorld says. The further down, the more of a page was shown before."""
        self.num_asked += 1
        name = tag.removeprefix("t")
        if not name.isdecimal() or int(name) >= self.size.num_tags:
            return Listing((), None, Cost(num_requests=1, num_bytes=200))
        posts, end = self._page(int(name), int(cursor or 0), self.num_asked)
        listed = [Listed(f"w:{p}", [f"t{t}" for t in self.truth.tags_of(p).tolist()]) for p in posts.tolist()]
        cost = Cost(num_requests=1, num_bytes=200 + self.size.post_bytes * len(listed))
        return Listing(listed, None if end is None else str(end), cost)

    def _page(self, tag: int, start: int, now: int) -> tuple[Ints, int | None]:
        size = self.size
        whole = self.truth.listing(tag)[: size.max_listed]
        num_repeats = int(size.page_size * (1 - (1 - size.repeats) ** (start / size.page_size)))
        there = np.flatnonzero(self.truth.starts_at[whole[start:]] <= now)
        wanted = size.page_size - num_repeats
        new = whole[start:][there[:wanted]]
        old = np.random.default_rng((self.seed, tag, start)).integers(0, max(1, start), num_repeats)
        end = None if len(there) <= wanted else start + int(there[wanted - 1]) + 1
        return np.unique(np.concatenate([whole[old] if start else whole[:0], new])), end

    def validate(self, post_id: str) -> set[str] | None:
        """As AnyWorld says. Whichever copy is judged first counts."""
        post = int(post_id.removeprefix("w:"))
        polled = self._polls.get(post, 0)
        self._polls[post] = polled + 1
        if polled < self.truth.num_polls[post]:
            return None
        if self._first_of.setdefault(int(self.truth.original[post]), post) != post:
            return set()
        shown = (int(self.truth.first_class[post]), int(self.truth.second_class[post]))
        return {self.classes[c] for c in shown if c >= 0}

    def oracle(self, budget: int) -> int:
        """Clips that one accepts who knows every page before it is asked for: the best run of pages, again and again.

        Greedy, so a little below the best that is possible.
        """
        return _Oracle(self).best(budget)


_AHEAD = 4
"""Pages that the oracle weighs together, since a poor page may lead to a good one."""


class _Oracle:
    def __init__(self, world: World) -> None:
        self.world, self.truth = world, world.truth
        self.left = np.full(world.size.num_classes, world.size.quota)
        self.taken = np.zeros(len(self.truth.original), bool)
        self.now = 0

    def best(self, budget: int) -> int:
        heap = [
            (-self._worth(tag, 0), tag, 0) for tag in range(self.world.size.num_tags) if len(self.truth.listing(tag))
        ]
        heapq.heapify(heap)
        num = 0
        while heap and self.now < budget:
            _, tag, start = heapq.heappop(heap)
            worth = self._worth(tag, start)
            if heap and worth < -heap[0][0] - 1e-9:
                heapq.heappush(heap, (-worth, tag, start))
                continue
            if worth <= 0:
                break
            self.now += 1
            posts, end = self.world._page(tag, start, self.now)
            num += self._take(posts)
            if end is not None:
                heapq.heappush(heap, (-self._worth(tag, end), tag, end))
        return num

    def _worth(self, tag: int, start: int) -> float:
        """The best mean over the next few pages of what they add."""
        best, seen = 0.0, 0
        left, at = self.left.copy(), start
        claimed: set[int] = set()
        for pages in range(1, _AHEAD + 1):
            posts, end = self.world._page(tag, at, self.now + 1)
            for post in self._new(posts):
                original = int(self.truth.original[post])
                if original not in claimed:
                    claimed.add(original)
                    seen += self._count(post, left)
            best = max(best, seen / pages)
            if end is None:
                break
            at = end
        return best

    def _new(self, posts: Ints) -> list[int]:
        shows = posts[self.truth.first_class[posts] >= 0]
        return list(shows[~self.taken[self.truth.original[shows]]].tolist())

    def _take(self, posts: Ints) -> int:
        num = 0
        for post in self._new(posts):
            original = self.truth.original[post]
            if not self.taken[original]:
                self.taken[original] = True
                num += self._count(post, self.left)
        return num

    def _count(self, post: int, left: np.typing.NDArray[np.int64]) -> int:
        num = 0
        for class_id in (self.truth.first_class[post], self.truth.second_class[post]):
            if class_id >= 0 and left[class_id] > 0:
                left[class_id] -= 1
                num += 1
        return num
