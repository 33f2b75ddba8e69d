"""What an arm's next page is expected to yield: posts that are new, times the share of them that is accepted."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from h2a_curation.acquire.arms import Arm


@dataclass(frozen=True, slots=True, kw_only=True)
class BeliefRules:
    """How much is believed of an arm from its own pages, and how much from those of others."""

    discount: float = 0.6
    """Weight of a page against the one after it: a listing's novelty falls, and its subject may drift."""
    prior_pages: float = 1.0
    """Pages of its own that weigh as much as what is known of other arms."""
    prior_posts: float = 4.0
    """Judged posts of its own that weigh as much as the acceptance rate of other arms."""
    tagged_weight: float = 0.5
    """Of a judged post that carries the tag and was listed elsewhere, against one that the arm listed."""
    optimism: float = 0.5
    """Standard deviations added to the mean: above 0, little-known arms are tried rather than forgotten."""

    def __post_init__(self) -> None:
        if not 0 < self.discount <= 1:
            raise ValueError(f"discount must lie above 0 and at most at 1: {self.discount}")
        if self.prior_pages <= 0 or self.prior_posts <= 0 or self.tagged_weight < 0 or self.optimism < 0:
            raise ValueError(f"priors must be above 0, weights at least 0: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What pages of all arms have shown: where an arm starts of which nothing is known."""

    new_posts: float = 5.0
    """Of a first page."""
    decline: float = 0.6
    """New posts of a page against those of the page before it."""
    acceptance: float = 0.4
    """Share of judged posts that is accepted."""
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


def pooled(arms: Sequence[Arm]) -> Prior:
    """What the arms together show; a single page or post more would not change it much."""
    start = Prior()
    first = [arm.new_by_page[0] for arm in arms if arm.num_pages > 0]
    pairs = [(a, b) for arm in arms for a, b in zip(arm.new_by_page, arm.new_by_page[1:], strict=False)]
    num_judged = sum(sum(arm.judged_by_page) for arm in arms)
    num_valid = sum(sum(arm.valid_by_page) for arm in arms)
    posts_of, valid_of = Counter[str](), Counter[str]()
    for arm in arms:
        posts_of.update(dict.fromkeys(arm.class_ids, arm.num_posts_new))
        valid_of.update(dict.fromkeys(arm.class_ids, arm.num_valid_new))
    return Prior(
        num_posts=posts_of,
        num_valid=valid_of,
        new_posts=(4 * start.new_posts + sum(first)) / (4 + len(first)),
        decline=(20 * start.decline + sum(b for _, b in pairs)) / (20 + sum(a for a, _ in pairs)),
        acceptance=(20 * start.acceptance + num_valid) / (20 + num_judged),
    )


def belief(arm: Arm, prior: Prior, rules: BeliefRules) -> Belief:
    """Gamma for the number of new posts, Beta for their acceptance, each with discounted pages."""
    weights = [rules.discount ** (arm.num_pages - 1 - page) for page in range(arm.num_pages)]
    expected = [prior.decline ** (arm.num_pages - page) * new for page, new in enumerate(arm.new_by_page)]
    prior_new = prior.new_posts * prior.decline**arm.num_pages
    num_pages = rules.prior_pages + sum(weights)
    new_posts = (rules.prior_pages * prior_new + _dot(weights, expected)) / num_pages

    own_judged, own_valid = _dot(weights, arm.judged_by_page), _dot(weights, arm.valid_by_page)
    elsewhere_judged = rules.tagged_weight * max(0, arm.num_tagged_judged - sum(arm.judged_by_page))
    elsewhere_valid = min(elsewhere_judged, rules.tagged_weight * max(0, arm.num_tagged_valid - sum(arm.valid_by_page)))
    num_posts = rules.prior_posts + own_judged + elsewhere_judged
    acceptance = (rules.prior_posts * prior.acceptance + own_valid + elsewhere_valid) / num_posts

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
