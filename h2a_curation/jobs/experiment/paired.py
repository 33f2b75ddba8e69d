"""Differences between arms, seed by seed: what two runs of one seed have in common falls out of them.

For n seeds with differences d, whose mean is m and whose deviation is s, the interval of confidence 95 % is

    m -+ t * s / sqrt(n),    t: the 97.5 % quantile of Student's distribution with n - 1 degrees of freedom

It is about the runs: another seed would draw other weights, masks, orders and, in arms that are drawn, other clips. The
labelled videos are the same in all runs, so it says nothing of other videos.
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


def paired(values: Mapping[int, float], against: Mapping[int, float]) -> PairedDifference | None:
    """The difference of two arms' values by seed, over the seeds that both have; None where they have none."""
    seeds = sorted(values.keys() & against.keys())
    if not seeds:
        return None
    differences = np.array([values[seed] - against[seed] for seed in seeds])
    low, high = interval(differences.tolist())
    return PairedDifference(mean=float(differences.mean()), low=low, high=high, num_seeds=len(seeds))


def interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The ends of the 95 % interval of the mean; None for fewer than FEWEST_SEEDS values."""
    from scipy.stats import t

    if len(values) < FEWEST_SEEDS:
        return None, None
    half = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    mean = float(np.mean(values))
    return mean - half, mean + half
