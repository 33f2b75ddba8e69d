"""What an arm's next page is expected to yield: posts that are new, times the share of them that is accepted.

A tag's own pages tell most. Before it has any, posts that carry it and were listed elsewhere tell something, but not
the same: they stood in listings that were asked for because they are good. By how much less a tag's own pages hold is
learnt from the arms of which both are known (empirical Bayes), and so is how far arms differ from it.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import mul

from h2a_curation.acquire.arms import Arm


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
    num_posts: Mapping[str, int] = field(default_factory=dict)
    """Posts that the arms of a class listed first, by class."""
    num_valid: Mapping[str, int] = field(default_factory=dict)
    """Those of them that are accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """Accepted new posts of an arm's next page."""

    mean: float
    hope: float
    """The mean and a little more for what is not known: what arms are ranked by."""


def pooled(arms: Sequence[Arm], rules: BeliefRules) -> Prior:
    """What the arms together show; a single page or post more would not change it much."""
    start = Prior()
    first = [arm.new_by_page[0] for arm in arms if arm.num_pages > 0]
    pairs = [(a, b) for arm in arms for a, b in zip(arm.new_by_page, arm.new_by_page[1:], strict=False)]
    num_judged = sum(sum(arm.judged_by_page) for arm in arms)
    num_valid = sum(sum(arm.valid_by_page) for arm in arms)
    posts_of, valid_of = Counter[str](), Counter[str]()
    for arm in arms:
        for class_id in arm.class_ids:
            posts_of[class_id] += arm.num_posts_new
            valid_of[class_id] += arm.num_valid_new
    acceptance = (20 * start.acceptance + num_valid) / (20 + num_judged)
    base, slope, weight = _calibrated(arms, acceptance, rules)
    return Prior(
        num_posts=posts_of,
        num_valid=valid_of,
        new_posts=(4 * start.new_posts + sum(first)) / (4 + len(first)),
        decline=(20 * start.decline + sum(b for _, b in pairs)) / (20 + sum(a for a, _ in pairs)),
        acceptance=acceptance,
        base=base,
        slope=slope,
        num_judged=weight,
    )


def _calibrated(arms: Sequence[Arm], acceptance: float, rules: BeliefRules) -> tuple[float, float, float]:
    """Base, slope, and the judged posts that they are worth: a line through the arms of which both shares are known.

    Two arms of little weight are made up, so that there is a line from the start: half of what is seen elsewhere
    counts, the other half is what all arms show.
    """
    known = [arm for arm in arms if sum(arm.judged_by_page) > 0]
    judged = [float(sum(arm.judged_by_page)) for arm in known] + [_FEW, _FEW]
    own = [sum(a.valid_by_page) / n for a, n in zip(known, judged, strict=False)]
    share = [*own, 0.5 * acceptance, 0.5 * acceptance + 0.5]
    seen = [*(elsewhere(arm, acceptance) for arm in known), 0.0, 1.0]
    weight = [min(n, _ENOUGH) for n in judged]
    base, slope = _line(seen, share, weight)
    fitted = [min(0.98, max(0.02, base + slope * x)) for x in seen]
    many = [i for i, n in enumerate(judged) if n >= _FEW]
    chance = math.fsum(fitted[i] * (1 - fitted[i]) for i in many)
    by_chance = math.fsum(fitted[i] * (1 - fitted[i]) / judged[i] for i in many)
    beyond = math.fsum((share[i] - fitted[i]) ** 2 for i in many) - by_chance
    alike = chance / beyond - 1 if beyond > 0 else _ENOUGH
    return base, slope, min(_ENOUGH, max(rules.prior_posts / 2, alike))


def _line(x: Sequence[float], y: Sequence[float], weight: Sequence[float]) -> tuple[float, float]:
    """Weighted least squares; sums are exact, so that neither the order of arms nor the machine matters."""
    total = math.fsum(weight)
    mean_x, mean_y = math.fsum(map(mul, weight, x)) / total, math.fsum(map(mul, weight, y)) / total
    spread = math.fsum(w * (a - mean_x) ** 2 for w, a in zip(weight, x, strict=True))
    slope = math.fsum(w * (a - mean_x) * (b - mean_y) for w, a, b in zip(weight, x, y, strict=True)) / spread
    return mean_y - slope * mean_x, slope


_FEW = 5.0
_ENOUGH = 30.0
"""Judged posts beyond which an arm's share counts no more than another's."""


def elsewhere(arm: Arm, acceptance: float) -> float:
    """Share accepted, for one of the tag's classes, of the posts that carry the tag and that other arms listed."""
    judged = max(0, arm.num_tagged_judged - sum(arm.judged_by_page))
    valid = min(judged, max(0, arm.num_tagged_valid - sum(arm.valid_by_page)))
    return (2 * acceptance + valid) / (2 + judged)


def belief(arm: Arm, prior: Prior, rules: BeliefRules) -> Belief:
    """Gamma for the number of new posts, Beta for their acceptance, each with discounted pages."""
    num_tried = arm.num_pages
    weights = [rules.discount ** (num_tried - 1 - page) for page in range(num_tried)]
    expected = [prior.decline ** (num_tried - page) * new for page, new in enumerate(arm.new_by_page)]
    prior_new = prior.new_posts * prior.decline**num_tried
    num_pages = rules.prior_pages + sum(weights)
    new_posts = (rules.prior_pages * prior_new + _dot(weights, expected)) / num_pages

    own_judged, own_valid = _dot(weights, arm.judged_by_page), _dot(weights, arm.valid_by_page)
    start = min(0.98, max(0.02, prior.base + prior.slope * elsewhere(arm, prior.acceptance)))
    num_posts = prior.num_judged + own_judged
    acceptance = (prior.num_judged * start + own_valid) / num_posts

    mean = new_posts * acceptance
    spread = math.sqrt(mean / num_pages + new_posts**2 * acceptance * (1 - acceptance) / (num_posts + 1))
    use = _use(arm, sum(prior.num_posts.get(class_id, 0) for class_id in arm.class_ids))
    return Belief(mean=use * mean, hope=use * (mean + rules.optimism * spread))


def _use(arm: Arm, num_posts: int) -> float:
    """How likely the tag is in use: class files name tags that nobody uses, the best first.

    The more posts its classes' other listings have shown without it, the less.
    """
    if arm.num_pages > 0:
        return 1.0
    if arm.num_tagged > 0:
        return arm.num_tagged / (arm.num_tagged + 0.5)
    return 0.7**arm.rank / (1 + num_posts / 5) ** 2


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(w * v for w, v in zip(weights, values, strict=True))
