"""Plan one round of mining: which listings get how many pages, by what their pages have yielded so far.

A plan is a function of rows, rules, round and seed: never of time, nor of tries that came to nothing.
"""

import heapq
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from h2a_curation.mining.arms import Arms, Floats, Ints, Key
from h2a_curation.mining.expected_yield import BeliefRules, Beliefs, beliefs, by_arm, by_class, pooled
from schemas import Allocation


@dataclass(frozen=True, slots=True, kw_only=True)
class MineRules(BeliefRules):
    """How much is asked for, and of whom."""

    num_rounds: int = 4
    """Rounds of the whole lake: tags that are learnt in one can be mined in the next."""
    pages_per_round: int = 40
    """What a round leaves is added to the next ones, so that `num_rounds` times this is the budget; but no round gets
    more than six times this: a lake that had all it wanted for months must not fall upon a site in one night."""
    max_pages_per_arm: int = 3
    """In one round: a listing that looks good must show it before it gets more. The first round gives one each."""
    probation_pages: int = 1
    """What a learnt tag gets before anything is known of its own listing."""
    probation_share: float = 0.8
    """Of a round's pages, at most this goes to learnt tags on probation."""
    min_tag_views: int = 0
    """A learnt tag whose posts have fewer views, if a source tells, stays on probation; the paper takes 5 million."""
    min_belief: float = 0.05
    """Accepted new posts per unit of cost below which no arm is worth asking."""
    patience: float = 0.3
    """The same before the last round: pages are kept for tags yet to be learnt."""
    balance: float = 0.5
    """How much a class of which little is accepted goes before others: at 0 not at all, at 1 as much as it lacks. It
    fades to nothing by the last round: early on, such a class also lacks posts to learn tags from."""
    finish: float = 2.0
    """How much, as the rounds go by, classes that the pages left can still fill go before those that they cannot: at 0
    not at all, at 2 three times as much by the last round. Pages spread evenly leave every class a little short."""
    floor_pages: int = 0
    """Of each round, for each class that still wants clips, before all others."""
    cap_share: float = 1.0
    """Of a round's pages, at most this is granted to the arms of one class."""
    cost_per_page: float = 1.0
    """What a page costs, in units of which a yield is weighed."""
    cost_per_gib: float = 0.0
    """What each GiB costs that comes with a page and with the files of its posts, in the same units."""

    def __post_init__(self) -> None:
        BeliefRules.__post_init__(self)
        if min(self.num_rounds, self.pages_per_round, self.max_pages_per_arm, self.probation_pages) < 1:
            raise ValueError(f"num_rounds and the numbers of pages must be at least 1: {self}")
        if not 0 <= self.probation_share <= 1 or not 0 < self.cap_share <= 1:
            raise ValueError(f"probation_share and cap_share must be shares, the cap above 0: {self}")
        least = min(self.min_belief, self.patience, self.floor_pages, self.min_tag_views, self.balance, self.finish)
        if least < 0:
            raise ValueError(
                f"min_belief, patience, floor_pages, min_tag_views, balance and finish must be at least 0: {self}"
            )
        if min(self.cost_per_page, self.cost_per_gib) < 0 or not self.cost_per_page + self.cost_per_gib:
            raise ValueError("cost_per_page and cost_per_gib must be at least 0, and one of them above")


def plan(
    arms: Arms,
    rules: MineRules,
    round_no: int,
    seed: int,
    short: Mapping[str, int],
    *,
    left_out: Collection[Key] = (),
    reliability: Mapping[str, float] | None = None,
) -> list[Allocation]:
    """Grant the round's pages; no arm twice, the most hopeful first.

    `arms` are all that were ever asked for, since their pages count against the budget; of them `left_out` get nothing.
    `short`: clips still wanted by class; a class that is not in it, or at 0, is full, one at `NO_QUOTA` never is.
    `reliability`: share of a class's accepted clips that people found right, 1 where nobody looked. Learnt tags on
    probation come first, up to their share; then, page by page, whoever is expected to yield most for its cost, until
    its classes should be full.
    """
    wanted = np.array([max(0, short.get(c, 0)) for c in arms.class_names], np.float64)
    prior = pooled(arms, rules, wanted)
    believed = beliefs(arms, prior, rules, wanted)
    keys = arms.keys()
    live = ~arms.is_dry & (by_arm(arms, wanted) > 0)
    live &= np.array([key not in left_out for key in keys], np.bool_) if left_out else True
    trust = np.array([(reliability or {}).get(c, 1.0) for c in arms.class_names], np.float64)
    progress = (round_no + 1) / rules.num_rounds
    num_left = rules.pages_per_round * max(rules.num_rounds, round_no + 1) - int(arms.num_pages.sum())
    shares = _shares(arms, wanted)
    can_fill = _can_be_filled(arms, np.where(live, believed.mean, 0.0), shares, wanted, num_left)
    need = _lack(arms, wanted, rules.balance * (1 - progress)) * np.where(can_fill, 1 + rules.finish * progress, 1.0)
    worth = _worth(arms, believed, need * trust, rules)
    lots = {i: _lot(seed, round_no, keys[i]) for i in np.flatnonzero(live).tolist()}
    ranked = sorted(lots, key=lambda i: (-worth[i], lots[i]))
    least = rules.min_belief if round_no + 1 >= rules.num_rounds else max(rules.min_belief, rules.patience)
    saved = rules.pages_per_round * (round_no + 1) - int(arms.num_pages.sum())
    num_pages = max(0, min(saved, _MOST_ROUNDS * rules.pages_per_round))
    grants = _Grants(
        arms, believed, worth, shares, wanted, prior.decline, rules.floor_pages, rules.cap_share * num_pages
    )
    is_small = arms.is_learnt & arms.is_below("num_views", rules.min_tag_views)
    unproven = [i for i in ranked if is_small[i] or (arms.is_learnt[i] and not arms.num_pages[i])]
    grants.to_each(unproven[: int(rules.probation_share * num_pages) // rules.probation_pages], rules.probation_pages)
    on_probation = set(unproven)
    proven = [i for i in ranked if not is_small[i]]
    grants.floors(proven, num_pages, least)
    grants.by_yield(proven, num_pages, 1 if round_no == 0 else rules.max_pages_per_arm, least)
    return [
        Allocation(
            round=round_no,
            source=keys[i][0],
            tag=keys[i][1],
            num_pages=grants.pages[i],
            belief=float(believed.mean[i]),
            reason="probation" if i in on_probation else "yield" if arms.num_pages[i] else "seed",
            new_posts=float(believed.new_posts[i] * believed.use[i]),
            acceptance=float(believed.acceptance[i]),
            worth=float(worth[i]),
        )
        for i in ranked
        if i in grants.pages
    ]


NO_QUOTA = 10**9
"""Clips wanted of a class of which there can't be too many."""
_MOST_ROUNDS = 6
"""Of pages, that one round may get."""


class _Grants:
    """Pages granted by arm so far in one round, and what they leave to be wanted."""

    def __init__(
        self,
        arms: Arms,
        believed: Beliefs,
        worth: Floats,
        shares: Floats,
        wanted: Floats,
        decline: float,
        floor: int,
        cap: float,
    ) -> None:
        self.pages: dict[int, int] = {}
        self._claims = arms.class_of_claim
        self._ends = np.cumsum(arms.num_claims)
        self._shares = shares
        self._mean = believed.mean
        self._worth = worth
        self._wanted = wanted.copy()
        self._decline = decline
        self._of_class = np.zeros(len(wanted))
        self._num_granted = 0
        self._floor = floor
        self._cap = max(1.0, cap)

    def to_each(self, chosen: Iterable[int], num_pages: int) -> None:
        """So many pages to each of the chosen."""
        for i in chosen:
            for _ in range(num_pages):
                self._grant(i)

    def floors(self, ranked: Iterable[int], num_pages: int, least: float) -> None:
        """A first page to arms of classes that lack their least number of pages; `ranked`: the best arm first."""
        for i in ranked:
            if self._worth[i] < least or self._num_granted >= num_pages:
                return
            lacks = any(self._of_class[c] < self._floor and self._wanted[c] > 0 for c in self._classes(i))
            if lacks and i not in self.pages:
                self._grant(i)

    def by_yield(self, ranked: Iterable[int], num_pages: int, most: int, least: float) -> None:
        """Up to `num_pages` in all, one by one to the arm whose next is worth most; `ranked`: the best arm first."""
        heap = [(-float(self._worth[i]), place, i) for place, i in enumerate(ranked) if i not in self.pages]
        while heap and self._num_granted < num_pages and -heap[0][0] >= least:
            value, place, i = heapq.heappop(heap)
            if (now := self._now(i)) < -value:  # its classes are full, or others of them were granted pages meanwhile
                heapq.heappush(heap, (-now, place, i))
                continue
            self._grant(i)
            if self.pages[i] < most:
                heapq.heappush(heap, (-self._now(i), place, i))

    def _of(self, i: int) -> slice:
        """The arm's claims."""
        return slice(self._ends[i - 1] if i else 0, self._ends[i])

    def _classes(self, i: int) -> Ints:
        return self._claims[self._of(i)]

    def _expected(self, i: int) -> float:
        """Accepted posts of the arm's next page."""
        return float(self._mean[i]) * self._decline ** self.pages.get(i, 0)

    def _now(self, i: int) -> float:
        """What the arm's next page is worth: less with every page of the round, and where its classes will be full."""
        classes = self._classes(i)
        expected = max(self._expected(i), 1e-9)
        room = np.where(self._of_class[classes] < self._cap, self._wanted[classes], 0.0)
        use = np.minimum(self._shares[self._of(i)], room / expected).sum()
        return float(self._worth[i] * self._decline ** self.pages.get(i, 0) * use)

    def _grant(self, i: int) -> None:
        classes = self._classes(i)
        expected = self._expected(i) * self._shares[self._of(i)]
        self.pages[i] = self.pages.get(i, 0) + 1
        self._num_granted += 1
        self._of_class[classes] += 1
        self._wanted[classes] = np.maximum(0, self._wanted[classes] - expected)


def _shares(arms: Arms, wanted: Floats) -> Floats:
    """[claim] Of an arm's clips, the share for each of its classes that wants some: as of the posts with its tag."""
    num = (wanted[arms.class_of_claim] > 0) * (1 + arms.claims("tagged_valid_by_class"))
    total = np.bincount(arms.arm_of_claim, num, len(arms))
    return np.asarray(num / np.maximum(total[arms.arm_of_claim], 1e-9), np.float64)


def _worth(arms: Arms, believed: Beliefs, need: Floats, rules: MineRules) -> Floats:
    """[arm] What arms are ranked by; rounded, so that the last bits of a machine's arithmetic decide nothing."""
    most = np.zeros(len(arms))
    np.maximum.at(most, arms.arm_of_claim, need[arms.class_of_claim])
    return np.round(believed.hope * most / _cost(arms, rules), 9)


def _can_be_filled(arms: Arms, mean: Floats, shares: Floats, wanted: Floats, num_pages: int) -> NDArray[np.bool_]:
    """[class name] Those that so many pages should fill, the ones that want fewest first.

    `mean` [arm]: clips expected of the next page; `shares` [claim]: of them, those for each class.
    """
    best = np.zeros(len(arms.class_names))
    np.maximum.at(best, arms.class_of_claim, mean[arms.arm_of_claim] * shares)
    needs = np.where(wanted > 0, wanted / np.maximum(_SUSTAINED * best, 1e-9), np.inf)
    order = np.argsort(needs, kind="stable")
    found = np.zeros(len(wanted), np.bool_)
    found[order] = np.cumsum(needs[order]) <= num_pages
    return found


_SUSTAINED = 0.5
"""Of what a class's best next page yields, what its pages yield on average until it is full."""


def _cost(arms: Arms, rules: MineRules) -> Floats:
    """[arm] Of its next page: bytes as its pages so far have brought, else as those of all arms."""
    num_bytes, num_pages = arms.ints("num_bytes"), arms.num_pages
    typical = num_bytes.sum() / max(1, num_pages.sum())
    per_page = (typical + num_bytes) / (1 + num_pages)
    return np.asarray(rules.cost_per_page + rules.cost_per_gib * per_page / 2**30, np.float64)


def _lack(arms: Arms, wanted: Floats, exponent: float) -> Floats:
    """[class name] How much each class that has a quota goes before others for having less than they; else 1."""
    num = by_class(arms, arms.sums("valid_by_page"))
    return np.where(wanted < NO_QUOTA, ((1 + num.mean()) / (1 + num)) ** exponent, 1.0) if len(num) else num


def _lot(seed: int, round_no: int, key: Key) -> bytes:
    """Drawn anew each round, so that arms of which the same is believed take turns."""
    return blake2b(f"{seed} {round_no} {key[0]} {key[1]}".encode(), digest_size=8).digest()
