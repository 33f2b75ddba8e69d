"""Shares of all listed posts, estimated from a sample in which posts are more or less likely.

The estimate is that of Hajek: each answer weighs the inverse of the probability with which its post was drawn, and the
weights of those that count are their own total. It is right on average, but for a bias that shrinks with the number of
answers, whatever the rounds' probabilities are.

The interval is that of Jeffreys for a binomial share, reaching 0 or 1 where all answers agree (Brown, Cai and DasGupta
2001), at the effective number of answers, (sum w)^2 / sum w^2 (Kish 1965), where a post with several pairs is one
answer. It takes no account of how many of all posts were drawn, so it is a little wide where that is most of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

FEW = 10
"""Below so many effective answers an interval says little more than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """An estimate, and its 95 % interval."""

    value: float
    low: float
    high: float
    num: int
    """Answers that it rests on."""
    num_effective: float
    """Equally weighed answers that would tell as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One of a post that counts for a share."""

    post_id: str
    probability: float
    """With which the post was drawn."""
    hit: bool


def share(answers: Sequence[Answer], confidence: float = 0.95) -> Share | None:
    """The share of hits among all that could have been drawn; None without an answer."""
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
    ends = beta.ppf([tail, 1 - tail], value * num + 0.5, (1 - value) * num + 0.5)
    low = 0.0 if np.isclose(value, 0.0) else float(ends[0])
    high = 1.0 if np.isclose(value, 1.0) else float(ends[1])
    return low, high
