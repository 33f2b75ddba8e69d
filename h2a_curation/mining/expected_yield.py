"""Expect what the next page of each listing yields: new posts times the share of them that is accepted.

Terms. An arm is one listing: a hashtag of a source. A post is new on the page that is the first of all pages to list
it. A new post is judged once no stage has still to decide about it. It is useful if it is accepted for a class that
still wants clips.

The model is empirical Bayes: conjugate priors for each arm, whose parameters are fitted to the pages of all arms. An
arm without pages is believed to be like the others, and its own pages outweigh that as they come.

The next page of arm a, which has n pages, each with k pages after it:

    mean = use * L * A
    hope = use * (L * A + optimism * sd)            what arms are ranked by: an upper confidence bound

L, the number of new posts (Gamma prior, Poisson pages):

    L     = (w0 * m * d^n + sum of v * new * d^(k+1)) / N,    N = w0 + sum of v,    v = discount^k,    w0 = prior_pages

    m: new posts of a first page; d: new posts of a page over those of the page before it. Both are pooled over the
    pages of all arms. d is how pages share strength: it turns each page's count into a guess of the next page's.
    The weights v forget old pages exponentially; the prior keeps its weight.

A, the share that is accepted (Beta prior, binomial pages):

    A     = (M * (base + slope * x) + sum of v * useful * q) / (M + sum of v * judged)

    What later visits have shown stands beside both sums with weight 1.

    x: share accepted of the judged posts that carry the tag and that other arms listed first. base and slope are a line
    through all arms of which x and the first page's share y are both known. It says how much x flatters a tag: such
    posts stood in listings that were asked for because they are good. M is the line's weight in judged posts. It
    follows from how far the y lie from the line, beyond what chance does:

        M = sum of w * p * (1 - p) / (sum of w * (y - p)^2 - sum of w * p * (1 - p) / judged) - 1

    with p, the line's value, and w, the weight of the page's round.
    Classes share the line. What first pages yield falls from round to round, since good tags are taken first and
    classes are found further; so w lets the first pages of late rounds count most.
    q is what is left of a page's yield by now. Novelty is the share of the accepted posts on a class's pages that no
    earlier page had listed. q is the novelty today over that in the page's round, averaged over the arm's classes.

sd, the standard deviation of L * A:

    sd^2  = L * A / N + L^2 * A * (1 - A) / (M + sum of v * judged + 1)

    The first term is the variance of a Gamma of mean L * A and rate N, as if accepted posts were counted page by page.
    The second is the variance of the Beta. For a product of two independent variables the first would be L * A^2 / N
    and a product of both variances would come on top. The difference was not measured.

use, the chance that anybody uses the tag: 1 once it has a page, else see `_chance_of_use`.

References. Gamma-Poisson with forgetting: Harvey and Fernandes, Journal of Business & Economic Statistics 7, 1989.
Moments of a beta-binomial (M): Kleinman, Journal of the American Statistical Association 68, 1973; here without the
factor 1 - 1 / judged. Shrinking shares of one's own to a regression on other evidence: Fay and Herriot, the same
journal 74, 1979, for normal variables. Upper bounds from a posterior: Bayes-UCB, Kaufmann, Cappe and Garivier, AISTATS
2012, which takes quantiles and not standard deviations. Good and Turing's count of posts seen once has no part in this
model: it is the rival `Good-UCB` of `python -m bench.mining`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2a_curation.mining.arms import Arms, Floats, Ints

# No constant below is a law of some platform. "Guess" says that nobody searched for the value. What half and twice of
# each value yields in the simulator is a table in docs/decisions/2026-11-30-yield-model-constants.md.

_PRIOR_FIRST_PAGES = 4
"""Weight of `Prior.new_posts`, in first pages. A guess: after some rounds hundreds of first pages outweigh it."""
_PRIOR_NEW_POSTS = 20
"""Weight of `Prior.decline`, in new posts of pages that have a page after them. A guess."""
_PRIOR_JUDGED_POSTS = 20
"""Weight of `Prior.acceptance`, in judged posts. A guess."""
_PRIOR_POSTS_ELSEWHERE = 2
"""Weight of the overall share in `elsewhere`, in judged posts. A guess: small, since the line shrinks the share too."""

_ROUND_WEIGHT = 0.7
"""Weight of a round's first pages in the line, against those of the round after it. Tuned by `python -m bench.mining`
(seeds 100 to 199): at 1 the model expected 4.8 clips of first pages that yielded 1.1: see
docs/decisions/2026-11-28-first-pages-of-late-rounds.md."""
_MADE_UP_POSTS = 5.0
"""Judged posts of each of the two made-up arms, so that there is a line before any arm has a page. Also the weight of
the overall share in the level through which the made-up arms pass. A guess."""
_MADE_UP_SLOPE = 0.5
"""Slope of the line through the made-up arms: half of the share elsewhere counts. A guess between no relation, 0, and a
share that can be taken as it is, 1."""
_MOST_POSTS_OF_A_PAGE = 30.0
"""Judged posts beyond which a first page weighs no more in the line: arms differ from the line by more than the chance
that more posts would remove. A guess, the page size of the simulator."""
_MIN_POSTS_FOR_SPREAD = 5.0
"""Judged posts that a first page needs to count in M: a share of fewer posts is nearly all chance. A guess. At most
`_MADE_UP_POSTS`, so that the made-up arms count too."""
_MOST_LINE_WEIGHT = 30.0
"""Most judged posts that the line is worth (M). M also has this value where arms lie no further from the line than
chance puts them, and before any arm has a page. A guess: a page of 30 posts of an arm's own weighs as much."""
_LINE_WEIGHT_DIVISOR = 2
"""The line is worth at least `prior_posts` over this, however far arms lie from it: were it worth nothing, one judged
post would decide about an arm. A guess."""
_LEAST_SHARE, _MOST_SHARE = 0.02, 0.98
"""Bounds of a share that the line gives. A straight line leaves 0 to 1; a share of exactly 0 would never be tried again
and has no variance. A guess."""

_NOVELTY_MEMORY = 0.6
"""Weight of the accepted posts on a round's pages in a class's novelty, against those of the round after it. Tuned by
`python -m bench.mining` (seeds 100 to 199) together with `_ROUND_WEIGHT`, in the same decision."""
_PRIOR_SHOWN_POSTS = 5.0
"""Accepted posts, all new, that a class's novelty starts from: it is 1 before a page has shown any. A guess."""

_RANK_DECAY = 0.7
"""Chance that a tag of a class file is in use, against the tag before it: files name the best first. A guess; in the
simulator 2 of 7 seed tags are used by nobody."""
_UNSEEN_SHAPE = 2
_UNSEEN_POSTS = 5
"""Shape, and rate in posts, of the Gamma that describes how often posts of a class carry one of its tags: 0.4 times a
post on average. A guess."""
_UNSEEN_COUNT = 0.5
"""Posts that speak against a tag which is carried by some: one carrier makes it 0.67 likely to be in use, ten 0.95. A
guess: a single carrier may be a slip of one hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeliefRules:
    """How much an arm's own pages count against what the other arms have shown."""

    discount: float = 0.8
    """Weight of a page against the next page of the same arm: a listing's novelty falls, and its subject may drift."""
    prior_pages: float = 1.0
    """Weight of what other arms have shown of new posts, in pages of the arm's own."""
    prior_posts: float = 4.0
    """Twice the least weight, in judged posts of an arm's own, of what other arms have shown of the share accepted."""
    optimism: float = 0.5
    """Standard deviations added to the mean: above 0, little-known arms are tried rather than forgotten."""

    def __post_init__(self) -> None:
        if not 0 < self.discount <= 1:
            raise ValueError(f"discount must lie above 0 and at most at 1: {self.discount}")
        if self.prior_pages <= 0 or self.prior_posts <= 0 or self.optimism < 0:
            raise ValueError(f"priors must be above 0, optimism at least 0: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What the pages of all arms have shown: the belief about an arm of which nothing is known.

    The defaults are guesses for a lake without a page; `pooled` replaces each of them as pages come.
    """

    new_posts: float = 5.0
    """New posts of a first page: m of the model."""
    decline: float = 0.6
    """New posts of a page over those of the page before it: d of the model."""
    acceptance: float = 0.4
    """Share of judged posts that is accepted."""
    base: float = 0.1
    """Share accepted on the first page of an arm whose tag is never accepted elsewhere."""
    slope: float = 0.6
    """Growth of that share with the share accepted elsewhere."""
    num_judged: float = 4.0
    """Weight of the line of `base` and `slope`, in judged posts of an arm's own: M of the model."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beliefs:
    """What is expected of the next page of each arm; all fields are [arm]."""

    new_posts: Floats
    """Posts that the page is the first to list: L of the model."""
    acceptance: Floats
    """Share of them that is accepted for a class that wants clips: A of the model."""
    num_posts: Floats
    """Weight of `acceptance`, in judged posts."""
    use: Floats
    """Chance that anybody uses the tag."""
    hope: Floats
    """The mean, and some standard deviations more for what is not known: arms are ranked by it."""

    @property
    def mean(self) -> Floats:
        """Accepted new posts expected of the page."""
        return self.use * self.new_posts * self.acceptance


def pooled(arms: Arms, rules: BeliefRules, wanted: Floats) -> Prior:
    """Fit the prior to the pages of all arms; a single page or post more would not change it much.

    `wanted` [class name]: clips still wanted. The line says what share is accepted for classes that want some.
    """
    start = Prior()
    new, is_first = arms.pages("new_by_page"), arms.is_first_page
    num_judged, num_valid = arms.pages("judged_by_page").sum(), arms.pages("valid_by_page").sum()
    acceptance = float((_PRIOR_JUDGED_POSTS * start.acceptance + num_valid) / (_PRIOR_JUDGED_POSTS + num_judged))
    base, slope, weight = _line_to_first_pages(arms, acceptance, rules, wanted)
    # A ratio of sums, not a mean of ratios: a page without new posts has no ratio to the page after it.
    num_later, num_before = new[~is_first].sum(), new[arms.pages_after > 0].sum()
    return Prior(
        new_posts=float(
            (_PRIOR_FIRST_PAGES * start.new_posts + new[is_first].sum()) / (_PRIOR_FIRST_PAGES + is_first.sum())
        ),
        decline=float((_PRIOR_NEW_POSTS * start.decline + num_later) / (_PRIOR_NEW_POSTS + num_before)),
        acceptance=acceptance,
        base=base,
        slope=slope,
        num_judged=weight,
    )


def _line_to_first_pages(
    arms: Arms, acceptance: float, rules: BeliefRules, wanted: Floats
) -> tuple[float, float, float]:
    """Base and slope of the line from the share accepted elsewhere to that of a first page, and M, its weight.

    First pages only: later pages of an arm are asked for because its first page was good, and would flatter the line.
    """
    judged_by_page = arms.pages("judged_by_page")
    # Pages of arms whose classes are all full show no useful post, which says nothing of the arm.
    page = arms.is_first_page & (judged_by_page > 0) & (by_arm(arms, wanted) > 0)[arms.arm_of_page]
    num_judged, num_useful = judged_by_page[page], arms.pages("useful_by_page")[page]
    rounds = arms.pages("round_by_page")
    recency = _ROUND_WEIGHT ** (rounds.max(initial=0) - rounds[page])
    level = (_MADE_UP_POSTS * acceptance + math.fsum(recency * num_useful)) / (
        _MADE_UP_POSTS + math.fsum(recency * num_judged)
    )

    # Two made-up arms, of which nothing and everything was accepted elsewhere, come last in each column. Without them
    # the line would not exist before two arms have a page, and would be steep by chance after few.
    judged = np.append(num_judged, [_MADE_UP_POSTS, _MADE_UP_POSTS])
    recency = np.append(recency, [1.0, 1.0])
    lowest = (1 - _MADE_UP_SLOPE) * level
    share = np.append(num_useful / num_judged, [lowest, lowest + _MADE_UP_SLOPE])
    share_elsewhere = np.append(elsewhere(arms, level, wanted)[arms.arm_of_page[page]], [0.0, 1.0])
    base, slope = _line(share_elsewhere, share, np.minimum(judged, _MOST_POSTS_OF_A_PAGE) * recency)

    # Method of moments: what the squares exceed the binomial variance by is the variance of arms around the line.
    fitted = np.clip(base + slope * share_elsewhere, _LEAST_SHARE, _MOST_SHARE)
    is_told = judged >= _MIN_POSTS_FOR_SPREAD
    bernoulli, weight = fitted[is_told] * (1 - fitted[is_told]), recency[is_told]
    by_chance = math.fsum(weight * bernoulli / judged[is_told])
    between_arms = math.fsum(weight * (share[is_told] - fitted[is_told]) ** 2) - by_chance
    num_posts = math.fsum(weight * bernoulli) / between_arms - 1 if between_arms > 0 else _MOST_LINE_WEIGHT
    return base, slope, min(_MOST_LINE_WEIGHT, max(rules.prior_posts / _LINE_WEIGHT_DIVISOR, num_posts))


def _line(x: Floats, y: Floats, weight: Floats) -> tuple[float, float]:
    """Intercept and slope by weighted least squares.

    Sums are exact (`fsum`), so that neither the order of arms nor the machine changes a plan.
    """
    total = math.fsum(weight)
    mean_x, mean_y = math.fsum(weight * x) / total, math.fsum(weight * y) / total
    slope = math.fsum(weight * (x - mean_x) * (y - mean_y)) / math.fsum(weight * (x - mean_x) ** 2)
    return mean_y - slope * mean_x, slope


def elsewhere(arms: Arms, acceptance: float, wanted: Floats) -> Floats:
    """[arm] Share accepted, for a class of the tag that wants clips, of posts with the tag that other arms listed.

    `acceptance` is the share of a tag that no other arm has shown.
    """
    is_wanted = wanted[arms.class_of_claim] > 0
    valid = np.bincount(arms.arm_of_claim, arms.claims("tagged_valid_by_class") * is_wanted, len(arms))
    # The arm's own pages may hold posts without the tag, and a post may be accepted for two classes: hence the bounds.
    judged = np.maximum(0, arms.ints("num_tagged_judged") - arms.totals("judged"))
    valid = np.minimum(judged, np.maximum(0, valid - arms.totals("useful")))
    return np.asarray((_PRIOR_POSTS_ELSEWHERE * acceptance + valid) / (_PRIOR_POSTS_ELSEWHERE + judged), np.float64)


def beliefs(arms: Arms, prior: Prior, rules: BeliefRules, wanted: Floats) -> Beliefs:
    """Expect the next page of each arm: the formulas at the head of this module, over columns.

    `wanted` [class name]: clips still wanted.
    """
    weights = rules.discount**arms.pages_after
    num_tried = arms.num_pages

    def discounted_sum(values: Floats) -> Floats:
        return np.bincount(arms.arm_of_page, weights * values, len(arms)).astype(np.float64)

    num_pages = rules.prior_pages + discounted_sum(np.ones(len(weights)))
    expected = arms.pages("new_by_page") * prior.decline ** (arms.pages_after + 1)
    prior_new_posts = rules.prior_pages * prior.new_posts * prior.decline**num_tried
    new_posts = (prior_new_posts + discounted_sum(expected)) / num_pages

    start = prior.base + prior.slope * elsewhere(arms, prior.acceptance, wanted)
    start = np.clip(start, _LEAST_SHARE, _MOST_SHARE)
    num_posts = prior.num_judged + discounted_sum(arms.pages("judged_by_page")) + arms.ints("num_visit_judged")
    useful_today = arms.pages("useful_by_page") * _share_still_new(arms)
    useful = discounted_sum(useful_today) + arms.ints("num_visit_useful")
    acceptance = (prior.num_judged * start + useful) / num_posts

    mean = new_posts * acceptance
    spread = np.sqrt(mean / num_pages + new_posts**2 * acceptance * (1 - acceptance) / (num_posts + 1))
    # A tag that nobody uses yields nothing at all, so doubt about its use lowers the bonus as much as the mean.
    use = _chance_of_use(arms)
    return Beliefs(
        new_posts=new_posts,
        acceptance=acceptance,
        num_posts=num_posts,
        use=use,
        hope=use * (mean + rules.optimism * spread),
    )


def _share_still_new(arms: Arms) -> Floats:
    """[page] Share of the page's useful posts that a page like it would yield today: q of the model.

    Each class's other listings have found posts since, so the same page would be the first to list fewer of them.
    """
    rounds = arms.pages("round_by_page").astype(np.int64)
    page = np.repeat(np.arange(len(rounds)), arms.num_claims[arms.arm_of_page])
    of_class = arms.class_of_claim[_claims_of_pages(arms)]
    novelty = _novelty(arms, page, of_class, rounds)
    left = novelty[of_class, -1] / novelty[of_class, rounds[page]]
    num = np.bincount(page, minlength=len(rounds))
    # A page whose arm speaks for no class any more has nothing to average.
    return np.where(num > 0, np.bincount(page, left, len(rounds)) / np.maximum(1, num), 1.0)


def _novelty(arms: Arms, page: Ints, of_class: Ints, rounds: Ints) -> Floats:
    """[class name, round] Share of the accepted posts on a class's pages that no earlier page had listed.

    This is the unmarked share of a second sample, as in counting animals by capture and recapture: it falls as a class
    is found. `page` and `of_class` name each page with each class of its arm; `rounds` is [page].
    """
    shape = (len(arms.class_names), int(rounds.max(initial=0)) + 1)
    place = of_class * shape[1] + rounds[page]
    new, shown = (
        np.bincount(place, arms.pages(column)[page], shape[0] * shape[1]).reshape(shape)
        for column in ("valid_by_page", "shown_by_page")
    )
    novelty = np.ones(shape)
    num_new = num_shown = np.zeros(shape[0])
    for round_no in range(shape[1]):
        num_new = _NOVELTY_MEMORY * num_new + new[:, round_no]
        num_shown = _NOVELTY_MEMORY * num_shown + shown[:, round_no]
        novelty[:, round_no] = (_PRIOR_SHOWN_POSTS + num_new) / (_PRIOR_SHOWN_POSTS + num_shown)
    # Found posts stay found: where the estimate rises again, that is chance, and q must not exceed 1.
    return np.asarray(np.minimum.accumulate(novelty, axis=1), np.float64)


def _claims_of_pages(arms: Arms) -> Ints:
    """Places of the claims of each page's arm, for one page after the other."""
    num = arms.num_claims[arms.arm_of_page]
    start = (np.cumsum(arms.num_claims) - arms.num_claims)[arms.arm_of_page]
    within = np.arange(num.sum()) - np.repeat(np.cumsum(num) - num, num)
    return np.asarray(np.repeat(start, num) + within, np.int64)


def _chance_of_use(arms: Arms) -> Floats:
    """[arm] Chance that the tag is in use: class files also name tags that nobody uses.

        a tag with pages: 1;    carried by t > 0 seen posts: t / (t + 0.5);    never seen: 0.7^rank / (1 + S / 5)^2

    S is the number of new posts on the pages of its classes. (1 + S / 5)^-2 is the chance that a tag in use is on none
    of S posts, where a tag's rate is Gamma distributed with shape 2 and rate 5 (the zero of a negative binomial). It is
    taken as it is, and not divided by the chance of the evidence as Bayes' rule would.
    """
    num_tagged = arms.ints("num_tagged")
    posts = by_class(arms, arms.totals("new"))
    unseen = _RANK_DECAY ** arms.ints("rank") / (1 + by_arm(arms, posts) / _UNSEEN_POSTS) ** _UNSEEN_SHAPE
    use: NDArray[np.float64] = np.where(num_tagged > 0, num_tagged / (num_tagged + _UNSEEN_COUNT), unseen)
    return np.where(arms.num_pages > 0, 1.0, use)


def by_class(arms: Arms, values: Floats) -> Floats:
    """[class name] Sums of the values [arm] of all arms that speak for a class."""
    return np.bincount(arms.class_of_claim, values[arms.arm_of_claim], len(arms.class_names)).astype(np.float64)


def by_arm(arms: Arms, values: Floats) -> Floats:
    """[arm] Sums of the values [class name] of all classes that an arm speaks for."""
    return np.bincount(arms.arm_of_claim, values[arms.class_of_claim], len(arms)).astype(np.float64)
