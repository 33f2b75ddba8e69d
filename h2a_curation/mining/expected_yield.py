"""What each arm's next page is expected to yield: posts that are new, times the share of them that is accepted.

A tag's own pages tell most. Before it has any, posts that carry it and were listed elsewhere tell something, but not
the same: they stood in listings that were asked for because they are good. By how much less a tag's own pages hold is
learnt from the arms of which both are known (empirical Bayes), and so is how far arms differ from it.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2a_curation.mining.arms import Arms, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class BeliefRules:
    """How much is believed of an arm from its own pages, and how much from those of others."""

    discount: float = 0.8
    """Weight of a page against the one after it: a listing's novelty falls, and its subject may drift."""
    prior_pages: float = 1.0
    """Pages of its own that weigh as much as what is known of other arms."""
    prior_posts: float = 4.0
    """Judged posts that weigh as much as the acceptance rate of other arms, where these do not tell how far they
    differ."""
    optimism: float = 0.5
    """Standard deviations added to the mean: above 0, little-known arms are tried rather than forgotten."""

    def __post_init__(self) -> None:
        if not 0 < self.discount <= 1:
            raise ValueError(f"discount must lie above 0 and at most at 1: {self.discount}")
        if self.prior_pages <= 0 or self.prior_posts <= 0 or self.optimism < 0:
            raise ValueError(f"priors must be above 0, optimism at least 0: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What pages of all arms have shown: where an arm starts of which nothing is known."""

    new_posts: float = 5.0
    """Of a first page."""
    decline: float = 0.6
    """New posts of a page against those of the page before it."""
    acceptance: float = 0.4
    """Share of judged posts that is accepted."""
    base: float = 0.1
    """Share accepted of a listing whose tag is never accepted elsewhere."""
    slope: float = 0.6
    """By how much that share grows with the one elsewhere."""
    num_judged: float = 4.0
    """Judged posts of its own that weigh as much as what `base` and `slope` say."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beliefs:
    """Of the next page of each arm, all [arm]."""

    new_posts: Floats
    """Posts that it is the first to list."""
    acceptance: Floats
    """Share of them that is accepted for a class that wants clips."""
    use: Floats
    """How likely anybody uses the tag."""
    hope: Floats
    """The mean and a little more for what is not known: what arms are ranked by."""

    @property
    def mean(self) -> Floats:
        """Accepted new posts."""
        return self.use * self.new_posts * self.acceptance


def pooled(arms: Arms, rules: BeliefRules, wanted: Floats) -> Prior:
    """What the arms together show; a single page or post more would not change it much.

    `wanted` [class name]: clips still wanted; the share accepted is that for classes of which some are.
    """
    start = Prior()
    new, is_first = arms.pages("new_by_page"), arms.is_first_page
    num_judged, num_valid = arms.pages("judged_by_page").sum(), arms.pages("valid_by_page").sum()
    acceptance = float((20 * start.acceptance + num_valid) / (20 + num_judged))
    base, slope, weight = _calibrated(arms, acceptance, rules, wanted)
    return Prior(
        new_posts=float((4 * start.new_posts + new[is_first].sum()) / (4 + is_first.sum())),
        decline=float((20 * start.decline + new[~is_first].sum()) / (20 + new[arms.pages_after > 0].sum())),
        acceptance=acceptance,
        base=base,
        slope=slope,
        num_judged=weight,
    )


def _calibrated(arms: Arms, acceptance: float, rules: BeliefRules, wanted: Floats) -> tuple[float, float, float]:
    """Base, slope, and the judged posts that they are worth: a line through first pages, those of late rounds first.

    What a first page yields falls as the good tags are taken and classes are found further; so a round counts less
    than the one after it. Two arms of little weight are made up, so that there is a line from the start: half of what
    is seen elsewhere counts, the other half is what first pages show.
    """
    judged_by_page = arms.pages("judged_by_page")
    page = arms.is_first_page & (judged_by_page > 0) & (by_arm(arms, wanted) > 0)[arms.arm_of_page]
    num_judged, num_useful = judged_by_page[page], arms.pages("useful_by_page")[page]
    rounds = arms.pages("round_by_page")
    recent = _AGING ** (rounds.max(initial=0) - rounds[page])
    level = (_FEW * acceptance + math.fsum(recent * num_useful)) / (_FEW + math.fsum(recent * num_judged))

    judged = np.append(num_judged, [_FEW, _FEW])
    recent = np.append(recent, [1.0, 1.0])
    share = np.append(num_useful / num_judged, [0.5 * level, 0.5 * level + 0.5])
    seen = np.append(elsewhere(arms, level, wanted)[arms.arm_of_page[page]], [0.0, 1.0])
    base, slope = _line(seen, share, np.minimum(judged, _ENOUGH) * recent)

    fitted = np.clip(base + slope * seen, 0.02, 0.98)
    many = judged >= _FEW
    chance, weight = fitted[many] * (1 - fitted[many]), recent[many]
    beyond = math.fsum(weight * (share[many] - fitted[many]) ** 2) - math.fsum(weight * chance / judged[many])
    alike = math.fsum(weight * chance) / beyond - 1 if beyond > 0 else _ENOUGH
    return base, slope, min(_ENOUGH, max(rules.prior_posts / 2, alike))


def _line(x: Floats, y: Floats, weight: Floats) -> tuple[float, float]:
    """Weighted least squares; sums are exact, so that neither the order of arms nor the machine matters."""
    total = math.fsum(weight)
    mean_x, mean_y = math.fsum(weight * x) / total, math.fsum(weight * y) / total
    slope = math.fsum(weight * (x - mean_x) * (y - mean_y)) / math.fsum(weight * (x - mean_x) ** 2)
    return mean_y - slope * mean_x, slope


_AGING = 0.7
"""Weight of a round's first pages against those of the round after it."""
_FEW = 5.0
_ENOUGH = 30.0
"""Judged posts beyond which an arm's share counts no more than another's."""


def elsewhere(arms: Arms, acceptance: float, wanted: Floats) -> Floats:
    """[arm] Share accepted, for a class of the tag that wants clips, of posts with the tag that other arms listed."""
    is_wanted = wanted[arms.class_of_claim] > 0
    valid = np.bincount(arms.arm_of_claim, arms.claims("tagged_valid_by_class") * is_wanted, len(arms))
    judged = np.maximum(0, arms.ints("num_tagged_judged") - arms.sums("judged_by_page"))
    valid = np.minimum(judged, np.maximum(0, valid - arms.sums("useful_by_page")))
    return np.asarray((2 * acceptance + valid) / (2 + judged), np.float64)


def beliefs(arms: Arms, prior: Prior, rules: BeliefRules, wanted: Floats) -> Beliefs:
    """Gamma for the number of new posts, Beta for their acceptance, each with discounted pages.

    `wanted` [class name]: clips still wanted.
    """
    weights = rules.discount**arms.pages_after
    num_tried = arms.num_pages

    def weighed(values: Floats) -> Floats:
        return np.bincount(arms.arm_of_page, weights * values, len(arms)).astype(np.float64)

    num_pages = rules.prior_pages + weighed(np.ones(len(weights)))
    expected = arms.pages("new_by_page") * prior.decline ** (arms.pages_after + 1)
    new_posts = (rules.prior_pages * prior.new_posts * prior.decline**num_tried + weighed(expected)) / num_pages

    start = np.clip(prior.base + prior.slope * elsewhere(arms, prior.acceptance, wanted), 0.02, 0.98)
    num_posts = prior.num_judged + weighed(arms.pages("judged_by_page"))
    acceptance = (prior.num_judged * start + weighed(arms.pages("useful_by_page") * _lasting(arms))) / num_posts

    mean = new_posts * acceptance
    spread = np.sqrt(mean / num_pages + new_posts**2 * acceptance * (1 - acceptance) / (num_posts + 1))
    use = _use(arms)
    return Beliefs(new_posts=new_posts, acceptance=acceptance, use=use, hope=use * (mean + rules.optimism * spread))


def _lasting(arms: Arms) -> Floats:
    """[page] Of what it yielded, the share that a page like it would yield today, much being found since.

    Of the accepted posts that a class's pages show, the more were listed before, the less is left of it to find.
    """
    rounds = arms.pages("round_by_page").astype(np.int64)
    page = np.repeat(np.arange(len(rounds)), arms.num_claims[arms.arm_of_page])
    of_class = arms.class_of_claim[_claims_of_pages(arms)]
    novelty = _novelty(arms, page, of_class, rounds)
    left = novelty[of_class, -1] / novelty[of_class, rounds[page]]
    num = np.bincount(page, minlength=len(rounds))
    return np.where(num > 0, np.bincount(page, left, len(rounds)) / np.maximum(1, num), 1.0)


def _novelty(arms: Arms, page: Ints, of_class: Ints, rounds: Ints) -> Floats:
    """[class name, round] Of the accepted posts on a class's pages, how many are new; it never rises again.

    `page`, `of_class`: each page with each class of its arm. `rounds` [page].
    """
    shape = (len(arms.class_names), int(rounds.max(initial=0)) + 1)
    place = of_class * shape[1] + rounds[page]
    new, shown = (
        np.bincount(place, arms.pages(column)[page], shape[0] * shape[1]).reshape(shape)
        for column in ("valid_by_page", "shown_by_page")
    )
    found = np.ones(shape)
    num_new = num_shown = np.zeros(shape[0])
    for round_no in range(shape[1]):
        num_new, num_shown = _FADING * num_new + new[:, round_no], _FADING * num_shown + shown[:, round_no]
        found[:, round_no] = (_FEW + num_new) / (_FEW + num_shown)
    return np.asarray(np.minimum.accumulate(found, axis=1), np.float64)


_FADING = 0.6
"""Weight of the accepted posts that a round's pages show against those of the round after it."""


def _claims_of_pages(arms: Arms) -> Ints:
    """Of each page in turn the claims of its arm."""
    num = arms.num_claims[arms.arm_of_page]
    start = (np.cumsum(arms.num_claims) - arms.num_claims)[arms.arm_of_page]
    within = np.arange(num.sum()) - np.repeat(np.cumsum(num) - num, num)
    return np.asarray(np.repeat(start, num) + within, np.int64)


def _use(arms: Arms) -> Floats:
    """[arm] How likely the tag is in use: class files name tags that nobody uses, the best first.

    The more posts its classes' other listings have shown without it, the less.
    """
    num_tagged = arms.ints("num_tagged")
    posts = by_class(arms, arms.sums("new_by_page"))
    unheard = 0.7 ** arms.ints("rank") / (1 + by_arm(arms, posts) / 5) ** 2
    use: NDArray[np.float64] = np.where(num_tagged > 0, num_tagged / (num_tagged + 0.5), unheard)
    return np.where(arms.num_pages > 0, 1.0, use)


def by_class(arms: Arms, values: Floats) -> Floats:
    """[class name] Sums of the values [arm] of all arms that speak for a class."""
    return np.bincount(arms.class_of_claim, values[arms.arm_of_claim], len(arms.class_names)).astype(np.float64)


def by_arm(arms: Arms, values: Floats) -> Floats:
    """[arm] Sums of the values [class name] of all classes that an arm speaks for."""
    return np.bincount(arms.arm_of_claim, values[arms.class_of_claim], len(arms)).astype(np.float64)
