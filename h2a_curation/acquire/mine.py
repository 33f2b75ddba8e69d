"""Plan one round of mining: which listings get how many pages, by what their pages have yielded so far.

A plan is a function of rows, rules, round and seed: never of time, nor of tries that came to nothing. The issue on
mining deepens `belief` and `plan` behind these signatures.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from statistics import fmean

from h2a_curation.acquire.arms import Arm, arm_sql
from h2a_curation.acquire.belief import BeliefRules, Prior, belief, pooled
from schemas import Allocation

__all__ = ["Arm", "MineRules", "arm_sql", "plan"]

Key = tuple[str, str]
"""Source and tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MineRules(BeliefRules):
    """How much is asked for, and of whom."""

    num_rounds: int = 4
    """Rounds of the whole lake: tags that are learnt in one can be mined in the next."""
    pages_per_round: int = 40
    """What a round leaves is added to the next, so that `num_rounds` times this is the budget."""
    max_pages_per_arm: int = 3
    """In one round: a listing that looks good must show it before it gets more. The first round gives one each."""
    probation_pages: int = 1
    """What a learnt tag gets before anything is known of its own listing."""
    probation_share: float = 0.8
    """Of a round's pages, at most this goes to learnt tags on probation."""
    min_belief: float = 0.05
    """Accepted new posts a page below which no arm is worth asking."""
    patience: float = 0.3
    """The same before the last round: pages are kept for tags yet to be learnt."""
    balance: float = 0.5
    """How much a class of which little is accepted goes before others: at 0 not at all, at 1 as much as it lacks."""

    def __post_init__(self) -> None:
        BeliefRules.__post_init__(self)
        if min(self.num_rounds, self.pages_per_round, self.max_pages_per_arm, self.probation_pages) < 1:
            raise ValueError(f"num_rounds and the numbers of pages must be at least 1: {self}")
        if not 0 <= self.probation_share <= 1 or min(self.min_belief, self.patience) < 0:
            raise ValueError(f"probation_share must lie between 0 and 1, min_belief and patience be at least 0: {self}")


def plan(arms: Sequence[Arm], rules: MineRules, round: int, seed: int, short: Mapping[str, int]) -> list[Allocation]:
    """Grant the round's pages; no arm twice, the most hopeful first.

    `arms` are all that were ever asked for, since their pages count against the budget. `short`: clips still wanted by
    class; a class that is not in it, or at 0, is full. Learnt tags on probation come first, up to their share; then,
    page by page, whoever is expected to yield most.
    """
    prior = pooled(arms, rules)
    live = [arm for arm in arms if not arm.is_dry and _num_wanted(arm, short) > 0]
    beliefs = {_key(arm): belief(arm, prior, rules) for arm in live}
    need = _need(prior, rules.balance)
    worth = {
        _key(arm): beliefs[_key(arm)].hope * max((need.get(c, 1.0) for c in arm.class_ids), default=1.0) for arm in live
    }
    ranked = sorted(live, key=lambda arm: (-worth[_key(arm)], _lot(seed, round, arm)))
    num_left = max(0, rules.pages_per_round * (round + 1) - sum(arm.num_pages for arm in arms))

    untried = [arm for arm in ranked if arm.origin == "learnt" and arm.num_pages == 0]
    num_probation = int(rules.probation_share * num_left) // rules.probation_pages
    granted = {_key(arm): rules.probation_pages for arm in untried[:num_probation]}
    num_left -= sum(granted.values())
    most = 1 if round == 0 else rules.max_pages_per_arm
    others = [arm for arm in ranked if _key(arm) not in granted]
    least = rules.min_belief if round + 1 >= rules.num_rounds else max(rules.min_belief, rules.patience)
    granted |= _by_yield(others, worth, num_left, most, prior.decline, least, short)
    return [
        Allocation(
            round=round,
            source=arm.source,
            tag=arm.tag,
            num_pages=granted[_key(arm)],
            belief=beliefs[_key(arm)].mean,
            reason=_reason(arm),
        )
        for arm in ranked
        if _key(arm) in granted
    ]


def _by_yield(
    ranked: Sequence[Arm],
    worth: Mapping[Key, float],
    num_pages: int,
    most: int,
    decline: float,
    least: float,
    short: Mapping[str, int],
) -> dict[Key, int]:
    """Pages one by one to the arm whose next is worth most; each further page of a round is worth less by `decline`."""
    heap = [(-min(worth[_key(arm)], _num_wanted(arm, short)), place) for place, arm in enumerate(ranked)]
    heapq.heapify(heap)
    granted: dict[Key, int] = {}
    while heap and num_pages > 0 and -heap[0][0] >= least:
        value, place = heapq.heappop(heap)
        key = _key(ranked[place])
        granted[key] = granted.get(key, 0) + 1
        num_pages -= 1
        if granted[key] < most:
            heapq.heappush(heap, (value * decline, place))
    return granted


def _need(prior: Prior, balance: float) -> dict[str, float]:
    """By class, above 1 for one that has less than the average, since it also has less to learn tags from."""
    mean = fmean(prior.num_valid.values()) if prior.num_valid else 0.0
    return {class_id: ((1 + mean) / (1 + num)) ** balance for class_id, num in prior.num_valid.items()}


def _num_wanted(arm: Arm, short: Mapping[str, int]) -> int:
    return sum(max(0, short.get(class_id, 0)) for class_id in arm.class_ids)


def _reason(arm: Arm) -> str:
    if arm.num_pages > 0:
        return "yield"
    return "seed" if arm.origin == "seed" else "probation"


def _key(arm: Arm) -> Key:
    return arm.source, arm.tag


def _lot(seed: int, round: int, arm: Arm) -> bytes:
    """Drawn anew each round, so that arms of which the same is believed take turns."""
    return blake2b(f"{seed} {round} {arm.source} {arm.tag}".encode(), digest_size=8).digest()
