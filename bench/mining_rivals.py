"""Other ways to share out a round's pages, each with the signature of the product's `plan`, over the same arms.

All know quotas as far as that classes which are full are left; none gives an arm more pages in a round than the
product's planner may. They see rewards (accepted clips a page) when the product does: between rounds. Within a round a
page granted counts as pulled, its reward being not known yet.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from random import Random

from h2a_curation.mining.allocate import MineRules
from h2a_curation.mining.arms import Arm, Arms
from schemas import Allocation

Index = Callable[[Arm, int, int], float]
"""`index(arm, pulls, all_pulls)`: who has most is asked next; `pulls` count this round's too."""


def by_index(index: Index, name: str) -> Callable[..., list[Allocation]]:
    """Pages one by one to the arm of the highest index, ties by lot."""

    def plan(arms: Arms, rules: MineRules, round_no: int, seed: int, short: Mapping[str, int]) -> list[Allocation]:
        live = _live(arms, short)
        num_asked = int(arms.num_pages.sum())
        granted = [0] * len(live)
        lots = [_lot(seed, round_no, arm) for arm in live]
        values = [index(arm, arm.num_pages, num_asked) for arm in live]
        for n in range(max(0, rules.pages_per_round * (round_no + 1) - num_asked)):
            free = [i for i in range(len(live)) if granted[i] < rules.max_pages_per_arm]
            if not free:
                break
            best = max(free, key=lambda i: (values[i], lots[i]))
            granted[best] += 1
            values[best] = index(live[best], live[best].num_pages + granted[best], num_asked + n + 1)
        return _allocations(live, granted, round_no, name)

    return plan


def seeds_in_turn(arms: Arms, rules: MineRules, round_no: int, seed: int, short: Mapping[str, int]) -> list[Allocation]:
    """Fixed seed tags: the pages of those that class files name, in turn."""
    return by_index(_fewest, "seed tags")(
        Arms.of([a for a in arms.rows() if a.origin == "seed"]), rules, round_no, seed, short
    )


def epsilon_greedy(epsilon: float) -> Callable[..., list[Allocation]]:
    """The best mean so far, but with probability epsilon any arm."""

    def plan(arms: Arms, rules: MineRules, round_no: int, seed: int, short: Mapping[str, int]) -> list[Allocation]:
        rng = Random(f"{seed} {round_no}")
        live = sorted(_live(arms, short), key=lambda arm: (-_mean(arm), _lot(seed, round_no, arm)))
        granted = [0] * len(live)
        free = list(range(len(live)))
        for _ in range(max(0, rules.pages_per_round * (round_no + 1) - int(arms.num_pages.sum()))):
            if not free:
                break
            chosen = rng.choice(free) if rng.random() < epsilon else free[0]
            granted[chosen] += 1
            if granted[chosen] == rules.max_pages_per_arm:
                free.remove(chosen)
        return _allocations(live, granted, round_no, "epsilon-greedy")

    return plan


def _fewest(_: Arm, pulls: int, __: int) -> float:
    return -pulls


def _count(arm: Arm, pulls: int, _: int) -> float:
    """Accepted posts that carry the tag: adaptive crawling by frequency (Wang et al., ASONAM 2013)."""
    return arm.num_tagged_valid / (1 + pulls - arm.num_pages) if arm.num_tagged else math.inf if not pulls else 0.0


def _ucb1(arm: Arm, pulls: int, all_pulls: int) -> float:
    """Auer et al. 2002; rewards as shares of a page."""
    if not pulls:
        return math.inf
    return _mean(arm) / _PAGE + math.sqrt(2 * math.log(max(2, all_pulls)) / pulls)


def _raw_ucb(arm: Arm, pulls: int, all_pulls: int) -> float:
    """Rotting adaptive window UCB (Seznec et al. 2020): the least optimistic of all windows of last pages."""
    if not pulls:
        return math.inf
    delta = math.log(max(2, all_pulls))
    latest, best = 0.0, math.inf
    pending = pulls - arm.num_pages
    for h, valid in enumerate(reversed(arm.valid_by_page), 1):
        latest += valid / _PAGE
        best = min(best, latest / h + _SIGMA * math.sqrt(2 * 1.4 * delta / (h + pending)))
    return best if arm.num_pages else _SIGMA * math.sqrt(2 * 1.4 * delta / pulls)


def _good_ucb(arm: Arm, pulls: int, all_pulls: int) -> float:
    """Bubeck, Ernst and Garivier 2013: accepted posts that were listed once only, a page, and a bonus."""
    if not pulls:
        return math.inf
    return arm.num_valid_once / max(1, arm.num_pages) / _PAGE + _SIGMA * math.sqrt(
        math.log(4 * max(1, all_pulls)) / pulls
    )


_PAGE = 30.0
"""Posts of a page, about: indices want rewards between 0 and 1."""
_SIGMA = 0.2
"""Of a page's reward: half of what a reward between 0 and 1 could have, as both papers tune it too."""
RIVALS: dict[str, Callable[..., list[Allocation]]] = {
    "seed tags": seeds_in_turn,
    "uniform": by_index(_fewest, "uniform"),
    "epsilon-greedy": epsilon_greedy(0.1),
    "greedy by count": by_index(_count, "greedy by count"),
    "UCB1": by_index(_ucb1, "UCB1"),
    "RAW-UCB": by_index(_raw_ucb, "RAW-UCB"),
    "Good-UCB": by_index(_good_ucb, "Good-UCB"),
}


def _mean(arm: Arm) -> float:
    return arm.num_valid_new / arm.num_pages if arm.num_pages else 0.0


def _live(arms: Arms, short: Mapping[str, int]) -> list[Arm]:
    return [a for a in arms.rows() if not a.is_dry and any(short.get(c, 0) > 0 for c in a.class_ids)]


def _allocations(live: Sequence[Arm], granted: Sequence[int], round_no: int, reason: str) -> list[Allocation]:
    return [
        Allocation(round=round_no, source=arm.source, tag=arm.tag, num_pages=num, belief=_mean(arm), reason=reason)
        for arm, num in zip(live, granted, strict=True)
        if num
    ]


def _lot(seed: int, round_no: int, arm: Arm) -> bytes:
    return blake2b(f"{seed} {round_no} {arm.source} {arm.tag}".encode(), digest_size=8).digest()
