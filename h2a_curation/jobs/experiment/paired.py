"""Differences between arms, seed by seed: what two runs of one seed have in common falls out of them.

For n seeds with differences d, whose mean is m and whose deviation is s, the interval of confidence 95 % is

    m -+ sqrt((t * s / sqrt(n))^2 + (z * e)^2)

    t   the 97.5 % quantile of Student's distribution with n - 1 degrees of freedom: what another seed would draw
        (weights, masks, orders and, in arms that are drawn, clips)
    z   that of the normal distribution, and e the standard error over v test videos: what other videos would give.
        e^2 = p (1 - p) / (v + 4) + q (1 - q) / (v + 4), where p and q are the arms' shares that were told right, with
        two videos told right and two told wrong added to each (Agresti and Coull, 1998), or a share of 0 were certain

Without e three seeds that happen to differ by the same two videos had an interval without width. It counts the arms as
tested on different videos; they are the same ones, so the interval is rather too wide than too narrow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FEWEST_SEEDS = 3
"""Seeds below which no interval is told: by two, Student's reaches nine deviations to either side, or is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """How far an arm lies above another one."""

    mean: float
    low: float | None
    """Ends of the interval; None for fewer than FEWEST_SEEDS."""
    high: float | None
    num_seeds: int


def paired(values: Mapping[int, float], against: Mapping[int, float], num_videos: int) -> PairedDifference | None:
    """The difference of two arms' shares of test videos by seed, over the seeds that both have; None without any."""
    seeds = sorted(values.keys() & against.keys())
    if not seeds:
        return None
    ours, theirs = ([arm[seed] for seed in seeds] for arm in (values, against))
    differences = np.subtract(ours, theirs)
    of_videos = _variance(float(np.mean(ours)), num_videos) + _variance(float(np.mean(theirs)), num_videos)
    low, high = _interval(differences.tolist(), of_videos)
    return PairedDifference(mean=float(differences.mean()), low=low, high=high, num_seeds=len(seeds))


def interval(shares: Sequence[float], num_videos: int) -> tuple[float | None, float | None]:
    """The ends of the 95 % interval of a mean over seeds, within 0 and 1; None for fewer than FEWEST_SEEDS shares."""
    low, high = _interval(shares, _variance(float(np.mean(shares)), num_videos))
    return (None, None) if low is None or high is None else (max(low, 0.0), min(high, 1.0))


def _variance(share: float, num_videos: int) -> float:
    """The variance of a share of test videos, over other videos of the same kind."""
    likely = (share * num_videos + 2) / (num_videos + 4)
    return likely * (1 - likely) / (num_videos + 4)


def _interval(values: Sequence[float], of_videos: float) -> tuple[float | None, float | None]:
    from scipy.stats import norm, t

    if len(values) < FEWEST_SEEDS:
        return None, None
    of_seeds = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    half = float(np.hypot(of_seeds, norm.ppf(0.975) * np.sqrt(of_videos)))
    mean = float(np.mean(values))
    return mean - half, mean + half
