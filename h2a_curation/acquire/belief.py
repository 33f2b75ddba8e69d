"""What each arm's next page is expected to yield: posts that are new, times the share of them that is accepted.

A tag's own pages tell most. Before it has any, posts that carry it and were listed elsewhere tell something, but not
the same: they stood in listings that were asked for because they are good. By how much less a tag's own pages hold is
learnt from the arms of which both are known (empirical Bayes), and so is how far arms differ from it.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2a_curation.acquire.arms import Arms, Floats


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


def pooled(arms: Arms, rules: BeliefRules) -> Prior:
    """What the arms together show; a single page or post more would not change it much."""
    start = Prior()
    new, after = arms.pages("new_by_page"), arms.pages_after
    is_first = np.diff(arms.arm_of_page, prepend=-1) != 0
    followed = after > 0
    num_judged, num_valid = arms.pages("judged_by_page").sum(), arms.pages("valid_by_page").sum()
    acceptance = float((20 * start.acceptance + num_valid) / (20 + num_judged))
    base, slope, weight = _calibrated(arms, acceptance, rules)
    return Prior(
        new_posts=float((4 * start.new_posts + new[is_first].sum()) / (4 + is_first.sum())),
        decline=float((20 * start.decline + new[~is_first].sum()) / (20 + new[followed].sum())),
        acceptance=acceptance,
        base=base,
        slope=slope,
        num_judged=weight,
    )


def _calibrated(arms: Arms, acceptance: float, rules: BeliefRules) -> tuple[float, float, float]:
    """Base, slope, and the judged posts that they are worth: a line through the arms of which both shares are known.

    Two arms of little weight are made up, so that there is a line from the start: half of what is seen elsewhere
    counts, the other half is what all arms show.
    """
    num_judged, num_valid = arms.sums("judged_by_page"), arms.sums("valid_by_page")
    known = num_judged > 0
    judged = np.append(num_judged[known], [_FEW, _FEW])
    share = np.append(num_valid[known] / num_judged[known], [0.5 * acceptance, 0.5 * acceptance + 0.5])
    seen = np.append(elsewhere(arms, acceptance)[known], [0.0, 1.0])
    base, slope = _line(seen, share, np.minimum(judged, _ENOUGH))
    fitted = np.clip(base + slope * seen, 0.02, 0.98)
    many = judged >= _FEW
    chance = fitted[many] * (1 - fitted[many])
    beyond = math.fsum((share[many] - fitted[many]) ** 2) - math.fsum(chance / judged[many])
    alike = math.fsum(chance) / beyond - 1 if beyond > 0 else _ENOUGH
    return base, slope, min(_ENOUGH, max(rules.prior_posts / 2, alike))


def _line(x: Floats, y: Floats, weight: Floats) -> tuple[float, float]:
    """Weighted least squares; sums are exact, so that neither the order of arms nor the machine matters."""
    total = math.fsum(weight)
    mean_x, mean_y = math.fsum(weight * x) / total, math.fsum(weight * y) / total
    slope = math.fsum(weight * (x - mean_x) * (y - mean_y)) / math.fsum(weight * (x - mean_x) ** 2)
    return mean_y - slope * mean_x, slope


_FEW = 5.0
_ENOUGH = 30.0
"""Judged posts beyond which an arm's share counts no more than another's."""


def elsewhere(arms: Arms, acceptance: float) -> Floats:
    """[arm] Share accepted, for a class of the tag, of the posts that carry the tag and that other arms listed."""
    judged = np.maximum(0, arms.ints("num_tagged_judged") - arms.sums("judged_by_page"))
    valid = np.minimum(judged, np.maximum(0, arms.ints("num_tagged_valid") - arms.sums("valid_by_page")))
    return np.asarray((2 * acceptance + valid) / (2 + judged), np.float64)


def beliefs(arms: Arms, prior: Prior, rules: BeliefRules) -> Beliefs:
    """Gamma for the number of new posts, Beta for their acceptance, each with discounted pages."""
    weights = rules.discount**arms.pages_after
    num_tried = arms.num_pages

    def weighed(values: Floats) -> Floats:
        return np.bincount(arms.arm_of_page, weights * values, len(arms)).astype(np.float64)

    num_pages = rules.prior_pages + weighed(np.ones(len(weights)))
    expected = arms.pages("new_by_page") * prior.decline ** (arms.pages_after + 1)
    new_posts = (rules.prior_pages * prior.new_posts * prior.decline**num_tried + weighed(expected)) / num_pages

    start = np.clip(prior.base + prior.slope * elsewhere(arms, prior.acceptance), 0.02, 0.98)
    num_posts = prior.num_judged + weighed(arms.pages("judged_by_page"))
    acceptance = (prior.num_judged * start + weighed(arms.pages("useful_by_page"))) / num_posts

    mean = new_posts * acceptance
    spread = np.sqrt(mean / num_pages + new_posts**2 * acceptance * (1 - acceptance) / (num_posts + 1))
    use = _use(arms)
    return Beliefs(new_posts=new_posts, acceptance=acceptance, use=use, hope=use * (mean + rules.optimism * spread))


def _use(arms: Arms) -> Floats:
    """[arm] How likely the tag is in use: class files name tags that nobody uses, the best first.

    The more posts its classes' other listings have shown without it, the less.
    """
    num_tagged = arms.ints("num_tagged")
    posts = by_class(arms, arms.sums("new_by_page"))
    others = np.bincount(arms.arm_of_claim, posts[arms.class_of_claim], len(arms))
    unheard = 0.7 ** arms.ints("rank") / (1 + others / 5) ** 2
    use: NDArray[np.float64] = np.where(num_tagged > 0, num_tagged / (num_tagged + 0.5), unheard)
    return np.where(arms.num_pages > 0, 1.0, use)


def by_class(arms: Arms, values: Floats) -> Floats:
    """[class name] Sums of the values [arm] of all arms that speak for a class."""
    return np.bincount(arms.class_of_claim, values[arms.arm_of_claim], len(arms.class_names)).astype(np.float64)
