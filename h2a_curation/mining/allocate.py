"""Plan one round of mining: which listings get how many pages, by what their pages have yielded so far.

A plan is a function of rows, rules, round and seed; which visits are due is told by the run's start, which is a row of
it. It never depends on the time of planning, nor on requests that brought no page.

An arm is one listing, a hashtag of a source. Its worth is

    worth = hope * (largest need * trust among its classes) / cost of a page

    hope    upper bound of the accepted new posts of its next page: see expected_yield.py
    need    how much its class goes before others in this round: `balance` early, `finish` late
    trust   share of the class's accepted clips that people found right, 1 where nobody looked
    cost    cost_per_page + cost_per_gib * GiB that a page and the files of its posts bring

Pages are granted in three steps, each from what the step before leaves of the round's pages:

    1. probation    `probation_pages` to each of the best learnt tags of which nothing is known yet
    2. floors       one page each to the best arms of a class, until the class has `floor_pages`
    3. yield        one page at a time to the arm whose next page is worth most, until that is below the least worth

A visit of a listing's newest pages is offered beside the listing's next page, and is worth what it is believed to bring
in the same unit: see visits.py. A listing that has ended is visited like any other.

The third step is greedy with a lazy heap. While pages are granted, the value of an arm's next page only falls: classes
fill up, and listings decline (`Prior.decline` is below 1 in any ordinary lake). So a value that was computed earlier is
an upper bound, and only the top of the heap needs to be computed again. This is the accelerated greedy algorithm of
Minoux (Optimization Techniques, 1978).
"""

import heapq
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from h2a_curation.decide.rules import Limit, unit
from h2a_curation.mining.arms import Arms, Floats, Ints, Key
from h2a_curation.mining.expected_yield import BeliefRules, Beliefs, beliefs, by_arm, by_class, pooled
from h2a_curation.mining.visits import Due, VisitBeliefs, expect
from schemas import Allocation


@dataclass(frozen=True, slots=True, kw_only=True)
class MineRules(BeliefRules):
    """How many pages are asked for, and of which listings.

    `python -m bench.mining` measures a set of values. It sets four of them otherwise, for its thousands of pages
    (`bench/mining.py: RULES`); the defaults are for the some hundred pages of the sample world. What was tried and lost
    stands in docs/decisions/ under the topic Mining.
    """

    num_rounds: int = 4
    """Rounds of the whole lake. Tags that are learnt in one round can be mined in the next."""
    pages_per_round: int = 40
    """Pages that each round adds to the budget. A round may also spend what earlier rounds left, but no round gets more
    than six times this: a lake that had all it wanted for months must not flood a site in one night."""
    max_pages_per_arm: int = 3
    """Most pages of one arm in one round: a listing that looks good must show it before it gets more. In the first
    round the most is one page each."""
    probation_pages: int = 1
    """Pages that a learnt tag gets before anything is known of its own listing."""
    probation_share: float = 0.8
    """Largest share of a round's pages that is set apart for learnt tags on probation. The default is for the sample
    world's hundred pages. With thousands of pages in simulation 0.2 found 7,354 clips where 0.8 found 6,163, so the
    bench sets 0.1, and so should a lake of that size."""
    min_tag_views: int = 0
    """Views below which a learnt tag stays on probation: those of all its posts seen, if the source tells views. The
    paper takes 5 million."""
    min_belief: float = 0.05
    """Worth below which no arm gets a page in the last round: about accepted new posts per unit of cost."""
    patience: float = 0.3
    """Worth below which no arm gets a page before the last round: pages are kept for tags yet to be learnt. In
    simulation 3 stopped mining early."""
    balance: float = 0.5
    """How much a class of which little is accepted goes before others: at 0 not at all, at 1 in proportion to how much
    less it has. It fades to nothing by the last round: early on, such a class also lacks posts to learn tags from."""
    finish: float = 2.0
    """How much, as the rounds go by, classes that the pages left can still fill go before those that they cannot: at 0
    not at all, at 2 three times as much by the last round. Pages spread evenly leave every class a little short. Tuned
    by `python -m bench.mining` on 18 seeds: 4 leaves half a class of 40 less short, for 0.7 % of the clips."""
    floor_pages: int = 0
    """Pages that each class which still wants clips gets in each round, before arms are compared by worth."""
    cap_share: float = 1.0
    """Share of a round's pages after which the arms of a class get no more by their yield."""
    revisit: Limit = field(default=7.0, metadata=unit("days"))
    """Days after which a hashtag's newest pages are asked for again, until one brings nothing new; `off` for never.
    A week: a visit costs at least one request whatever it brings, and a listing gives up to a page of news for it; a
    nightly schedule then asks for a seventh of its listings each night. Real sites rank a hashtag's page by views too,
    which need days to come, and TikTok's Research API lists a video some two days late. Posts of a tag so busy that a
    week's pages outrun the budget are lost in part; a smaller number finds them, for more requests."""
    cost_per_page: float = 1.0
    """Cost of one page; yields are compared per unit of cost."""
    cost_per_gib: float = 0.0
    """Cost of each GiB that comes with a page and with the files of its posts, in the unit of `cost_per_page`."""

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
        if self.revisit is not None and self.revisit <= 0:
            raise ValueError(f"mine.revisit is a number of days above 0, or off: {self.revisit}")
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
    due: Due = Due(),
) -> list[Allocation]:
    """Grant the round's pages: one row for each arm or visit that gets some, that of most worth first.

    `arms` are all that were ever asked for, since their pages count against the budget; of them `left_out` get no
    further page.
    `short`: clips still wanted by class; a class that is not in it, or at 0, is full, one at `NO_QUOTA` never is.
    `reliability`: share of a class's accepted clips that people found right, 1 where nobody looked.
    """
    wanted = np.array([max(0, short.get(c, 0)) for c in arms.class_names], np.float64)
    prior = pooled(arms, rules, wanted)
    believed = beliefs(arms, prior, rules, wanted)
    keys = arms.keys()
    is_wanted = by_arm(arms, wanted) > 0
    live = ~arms.is_dry & is_wanted & (not due.alone)
    live &= np.array([key not in left_out for key in keys], np.bool_) if left_out else True
    trust = np.array([(reliability or {}).get(c, 1.0) for c in arms.class_names], np.float64)
    # At most 1: where more rounds are asked for than the recipe has, the caller raises `num_rounds` to them.
    progress = (round_no + 1) / rules.num_rounds
    num_left = rules.pages_per_round * max(rules.num_rounds, round_no + 1) - arms.num_spent
    shares = _shares(arms, wanted)
    can_fill = _can_be_filled(arms, np.where(live, believed.mean, 0.0), shares, wanted, num_left)
    need = _lack(arms, wanted, rules.balance * (1 - progress)) * np.where(can_fill, 1 + rules.finish * progress, 1.0)
    visits = expect(arms, due, believed, prior.decline, rules.optimism)
    offers = _Offers.of(arms, believed, visits, _of_best_class(arms, need * trust), rules, prior.decline)
    live = np.concatenate([live, is_wanted[visits.arm]])
    worth = offers.worth
    # Ties are common: arms without pages that no post speaks for are all believed the same.
    lots = {i: _lot(seed, round_no, (*keys[offers.arm[i]], offers.visit(i))) for i in np.flatnonzero(live).tolist()}
    ranked = sorted(lots, key=lambda i: (-worth[i], lots[i]))
    least = rules.min_belief if round_no + 1 >= rules.num_rounds else max(rules.min_belief, rules.patience)
    # The budget so far less the pages that were asked for: a round gets what the rounds before it left.
    saved = rules.pages_per_round * (round_no + 1) - arms.num_spent
    num_pages = max(0, min(saved, _MOST_ROUNDS * rules.pages_per_round))
    # Probation comes first and whatever else is promised: the heap compares beliefs, and nothing is known of these.
    grants = _Grants(arms, offers, shares, wanted, rules.floor_pages, rules.cap_share * num_pages)
    is_small = (arms.is_learnt & arms.is_below("num_views", rules.min_tag_views))[offers.arm]
    is_untried = (arms.is_learnt & (arms.num_pages == 0))[offers.arm]
    unproven = [i for i in ranked if (is_small[i] or is_untried[i]) and not offers.visit(i)]
    grants.to_each(unproven[: int(rules.probation_share * num_pages) // rules.probation_pages], rules.probation_pages)
    on_probation = set(unproven)
    proven = [i for i in ranked if not is_small[i]]
    grants.floors(proven, num_pages, least)
    grants.by_yield(proven, num_pages, 1 if round_no == 0 else rules.max_pages_per_arm, least)
    granted = []
    for i in (i for i in ranked if i in grants.pages):
        arm, visit = int(offers.arm[i]), offers.visit(i)
        further = "probation" if i in on_probation else "yield" if arms.num_pages[arm] else "seed"
        granted.append(
            Allocation(
                round=round_no,
                source=keys[arm][0],
                tag=keys[arm][1],
                num_pages=grants.pages[i],
                belief=float(offers.mean[i]),
                reason="visit" if visit else further,
                new_posts=float(offers.new_posts[i]),
                acceptance=float(believed.acceptance[arm]),
                worth=float(worth[i]),
                visit=visit,
            )
        )
    return granted


NO_QUOTA = 10**9
"""Clips wanted of a class of which there can't be too many."""
_MOST_ROUNDS = 6
"""Rounds' worth of pages that one round may get at most. A guess: it bounds what a site sees in one night."""
_SUSTAINED = 0.5
"""Mean yield of a class's pages until it is full, over that of its best next page. Tuned by `python -m bench.mining`:
0.4 to 0.7 make no difference beyond the noise of seeds
(docs/decisions/2026-11-28-classes-that-can-be-filled-go-first.md)."""
_SMALLEST = 1e-9
"""A yield or a number below which a divisor is not taken as it is: it avoids 0 / 0 and decides nothing."""
_WORTH_DIGITS = 9
"""Digits after the point to which worth is rounded, so that the last bits of a machine's arithmetic decide nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Offers:
    """What may be granted pages, as columns: the next page of each arm, in the order of arms, then the visits."""

    arm: Ints
    """[offer] Arm that it is of."""
    mean: Floats
    """[offer] Accepted new posts expected of its first page."""
    new_posts: Floats
    """[offer] New posts expected of it."""
    worth: Floats
    """[offer]"""
    visits: VisitBeliefs
    decline: float
    """New posts of an arm's page over those of the page before it."""

    @classmethod
    def of(
        cls, arms: Arms, believed: Beliefs, visits: VisitBeliefs, need: Floats, rules: MineRules, decline: float
    ) -> "_Offers":
        """`need` [arm]: the largest need of the arm's classes."""
        arm = np.concatenate([np.arange(len(arms)), visits.arm])
        hope = np.concatenate([believed.hope, visits.hope])
        return cls(
            arm=arm,
            mean=np.concatenate([believed.mean, visits.mean]),
            new_posts=np.concatenate([believed.new_posts * believed.use, np.minimum(visits.posts, visits.page_size)]),
            worth=np.round(hope * need[arm] / _cost(arms, rules)[arm], _WORTH_DIGITS),
            visits=visits,
            decline=decline,
        )

    def visit(self, offer: int) -> int:
        """Number of the visit; 0 for an arm's next page."""
        place = offer - (len(self.arm) - len(self.visits.arm))
        return 0 if place < 0 else int(self.visits.number[place])

    def left(self, offer: int, num_pages: int) -> float:
        """New posts of the offer's page after so many, over those of its first."""
        place = offer - (len(self.arm) - len(self.visits.arm))
        if place < 0:
            return self.decline**num_pages
        return self.visits.new_posts(place, num_pages) / max(_SMALLEST, self.visits.new_posts(place))


class _Grants:
    """Pages granted so far in one round by offer, and the clips that their classes still want after these."""

    def __init__(self, arms: Arms, offers: _Offers, shares: Floats, wanted: Floats, floor: int, cap: float) -> None:
        self.pages: dict[int, int] = {}
        self._claims = arms.class_of_claim
        self._ends = np.cumsum(arms.num_claims)
        self._shares = shares
        self._offers = offers
        self._worth = offers.worth
        self._wanted = wanted.copy()
        self._of_class = np.zeros(len(wanted))
        self._num_granted = 0
        self._floor = floor
        self._cap = max(1.0, cap)

    def to_each(self, chosen: Iterable[int], num_pages: int) -> None:
        """Grant `num_pages` to each of the chosen arms."""
        for i in chosen:
            for _ in range(num_pages):
                self._grant(i)

    def floors(self, ranked: Iterable[int], num_pages: int, least: float) -> None:
        """Grant a first page to arms of classes that have less than their least number of pages.

        `ranked`: the best arm first.
        """
        for i in ranked:
            if self._worth[i] < least or self._num_granted >= num_pages:
                return
            lacks = any(self._of_class[c] < self._floor and self._wanted[c] > 0 for c in self._classes(i))
            if lacks and i not in self.pages:
                self._grant(i)

    def by_yield(self, ranked: Iterable[int], num_pages: int, most: int, least: float) -> None:
        """Grant pages one by one to the arm whose next page is worth most, up to `num_pages` of the whole round.

        `most`: pages of one arm; `least`: worth below which no page is granted; `ranked`: the best arm first.
        """
        # The place in `ranked` breaks ties, so that arms of equal worth keep the order of their lots.
        heap = [(-float(self._worth[i]), place, i) for place, i in enumerate(ranked) if i not in self.pages]
        while heap and self._num_granted < num_pages and -heap[0][0] >= least:
            value, place, i = heapq.heappop(heap)
            # Its classes may have filled up by pages of other arms since the value was computed.
            if (now := self._worth_of_next_page(i)) < -value:
                heapq.heappush(heap, (-now, place, i))
                continue
            self._grant(i)
            if self._offers.visit(i) and self.pages[i] == 1 and self._num_granted < num_pages:
                self._grant(i)  # the page that ends the visit, by bringing nothing
            if self.pages[i] < most:
                heapq.heappush(heap, (-self._worth_of_next_page(i), place, i))

    def _claims_of(self, i: int) -> slice:
        """Places of the claims of the offer's arm in the columns that have a number a claim."""
        arm = self._offers.arm[i]
        return slice(self._ends[arm - 1] if arm else 0, self._ends[arm])

    def _classes(self, i: int) -> Ints:
        return self._claims[self._claims_of(i)]

    def _expected(self, i: int) -> float:
        """Accepted posts expected of the offer's next page, after those that this round has granted it."""
        return float(self._offers.mean[i]) * self._offers.left(i, self.pages.get(i, 0))

    def _worth_of_next_page(self, i: int) -> float:
        """Worth of the offer's next page: less with every page of the round, and where its classes will be full.

        A page of which a class has room for half of the clips counts half for that class.
        """
        classes = self._classes(i)
        expected = max(self._expected(i), _SMALLEST)
        room = np.where(self._of_class[classes] < self._cap, self._wanted[classes], 0.0)
        use = np.minimum(self._shares[self._claims_of(i)], room / expected).sum()
        return float(self._worth[i] * self._offers.left(i, self.pages.get(i, 0)) * use)

    def _grant(self, i: int) -> None:
        classes = self._classes(i)
        expected = self._expected(i) * self._shares[self._claims_of(i)]
        self.pages[i] = self.pages.get(i, 0) + 1
        self._num_granted += 1
        self._of_class[classes] += 1
        self._wanted[classes] = np.maximum(0, self._wanted[classes] - expected)


def _shares(arms: Arms, wanted: Floats) -> Floats:
    """[claim] Share of an arm's clips that is expected for each of its classes, 0 for a class that wants none.

    It is the class's share of the accepted posts that carry the tag.
    """
    # One post more for each class, as Laplace counts: a tag without accepted posts is shared out evenly.
    num = (wanted[arms.class_of_claim] > 0) * (1 + arms.claims("tagged_valid_by_class"))
    total = np.bincount(arms.arm_of_claim, num, len(arms))
    return np.asarray(num / np.maximum(total[arms.arm_of_claim], _SMALLEST), np.float64)


def _of_best_class(arms: Arms, need: Floats) -> Floats:
    """[arm] The largest need [class name] of the arm's classes."""
    most = np.zeros(len(arms))
    np.maximum.at(most, arms.arm_of_claim, need[arms.class_of_claim])
    return most


def _can_be_filled(arms: Arms, mean: Floats, shares: Floats, wanted: Floats, num_pages: int) -> NDArray[np.bool_]:
    """[class name] Whether `num_pages` should fill the class, if classes that need few pages are filled first.

    Shortest first fills the most classes, as it serves the most jobs in a given time.
    `mean` [arm]: clips expected of the next page; `shares` [claim]: share of them for each class.
    """
    best = np.zeros(len(arms.class_names))
    np.maximum.at(best, arms.class_of_claim, mean[arms.arm_of_claim] * shares)
    needs = np.where(wanted > 0, wanted / np.maximum(_SUSTAINED * best, _SMALLEST), np.inf)
    order = np.argsort(needs, kind="stable")
    found = np.zeros(len(wanted), np.bool_)
    found[order] = np.cumsum(needs[order]) <= num_pages
    return found


def _cost(arms: Arms, rules: MineRules) -> Floats:
    """[arm] Cost of the next page: its bytes are the mean of the arm's pages so far and of one page typical of all."""
    num_bytes, num_pages = arms.ints("num_bytes"), arms.num_pages
    typical = num_bytes.sum() / max(1, num_pages.sum())
    per_page = (typical + num_bytes) / (1 + num_pages)
    return np.asarray(rules.cost_per_page + rules.cost_per_gib * per_page / 2**30, np.float64)


def _lack(arms: Arms, wanted: Floats, exponent: float) -> Floats:
    """[class name] How much a class that has a quota goes before others for having less than they.

    (1 + mean accepted of all classes) / (1 + accepted of the class), to the power of `exponent`. 1 without a quota: two
    worlds without quotas lost up to 12 % of their clips by going for the small classes
    (docs/decisions/2026-11-28-no-preference-without-a-quota.md).
    """
    num = by_class(arms, arms.totals("valid"))
    return np.where(wanted < NO_QUOTA, ((1 + num.mean()) / (1 + num)) ** exponent, 1.0) if len(num) else num


def _lot(seed: int, round_no: int, key: tuple[str, str, int]) -> bytes:
    """Place of an offer among those of equal worth. It changes with the round, so that they take turns."""
    visit = f" {key[2]}" if key[2] else ""
    return blake2b(f"{seed} {round_no} {key[0]} {key[1]}{visit}".encode(), digest_size=8).digest()
