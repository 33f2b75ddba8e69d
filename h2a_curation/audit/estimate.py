"""Estimate shares of all listed posts from a sample in which some posts were likelier to be drawn than others.

Answer i has a weight w_i = 1 / probability of its post, and is a hit (y_i = 1) or not (y_i = 0). The estimate is

    value = sum of w * y / sum of w

which is Hajek's (1971): the weighted sum of Horvitz and Thompson (1952) divided by the sum of its weights. It is right
on average but for a bias that shrinks with the number of answers, whatever the probabilities of the rounds are.

The interval of confidence 1 - a is that of Jeffreys for a binomial share:

    from the a/2 to the 1 - a/2 quantile of Beta(value * n + 1/2, (1 - value) * n + 1/2)
    n = (sum of W)^2 / sum of W^2,    W: the sum of the weights of one post's answers

The lower end is 0 where no answer is a hit and the upper end 1 where all are (Brown, Cai and DasGupta, Statistical
Science 16, 2001). n is Kish's (1965) effective number of answers. Several answers on one post are one answer in it,
since they are about one video. The interval has no correction for a finite population, so it is a little wide where
most posts were drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

FEW = 10
"""Effective answers below which a figure is marked. At 10 the interval is 0.55 wide for a share of 0.5, 0.37 for
0.9."""
_JEFFREYS = 0.5
"""Both parameters of Jeffreys' prior for a binomial share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Estimate of a share, with its interval."""

    value: float
    low: float
    high: float
    num: int
    """Number of answers that the estimate rests on."""
    num_effective: float
    """Number of answers of equal weight that would tell as much: n at the head of this module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer that counts for a share."""

    post_id: str
    probability: float
    """Probability with which the post was drawn."""
    hit: bool
    """Whether the answer is of the kind whose share is estimated."""


def share(answers: Sequence[Answer], confidence: float = 0.95) -> Share | None:
    """Share of hits among all posts that could have been drawn; None without an answer."""
    if not answers:
        return None
    weight = 1 / np.array([a.probability for a in answers])
    value = float(weight @ np.array([a.hit for a in answers], float) / weight.sum())
    _, post = np.unique([a.post_id for a in answers], return_inverse=True)
    of_post = np.bincount(post, weights=weight)
    num = float(of_post.sum() ** 2 / (of_post**2).sum())
    low, high = _interval(value, num, confidence)
    return Share(value=value, low=low, high=high, num=len(answers), num_effective=num)


def _interval(value: float, num: float, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    ends = beta.ppf([tail, 1 - tail], value * num + _JEFFREYS, (1 - value) * num + _JEFFREYS)
    # `isclose`, since a sum of weights divided by itself may miss 1 by its last bit.
    low = 0.0 if np.isclose(value, 0.0) else float(ends[0])
    high = 1.0 if np.isclose(value, 1.0) else float(ends[1])
    return low, high
