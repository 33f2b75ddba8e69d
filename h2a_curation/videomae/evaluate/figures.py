"""What the rows of an evaluation come to: accuracies with their intervals, classes, confusion, calibration.

A video that could not be seen counts as wrong; how the ones that were seen fared stands beside.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas import ClassScore, Confused, VideoScore
from schemas.evaluate import OK

NUM_BINS = 15
"""Bins of confidence, equally wide, as is usual."""
_NUM_RESAMPLES, _AT_A_TIME, _LEVEL = 2000, 50, 0.95
Interval = tuple[float, float]
_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Shares of 1."""

    num_videos: int
    num_seen: int
    top1: float
    top5: float
    mean_class: float
    """Mean over classes of the share of their videos that were told right."""
    intervals: dict[str, Interval]
    """For each of these three, where it lies with 95 % confidence."""
    top1_of_seen: float
    top5_of_seen: float
    calibration_error: float
    """Expected calibration error of the videos that were seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceBin:
    """Videos whose first answer had about this probability."""

    lowest: float
    num_videos: int
    confidence: float
    accuracy: float


def figures(rows: Sequence[VideoScore], seed: int = 0) -> Figures:
    """Figures of one split, which has at least one video."""
    seen = [row for row in rows if row.status == OK]
    top1, top5 = _hits(rows, 1), _hits(rows, 5)
    _, class_of = np.unique([row.label for row in rows], return_inverse=True)
    of_class = np.eye(class_of.max() + 1)[class_of]

    def mean_class(counts: _Numbers) -> _Numbers:
        with np.errstate(invalid="ignore"):  # a class that no draw has
            shares: _Numbers = np.nanmean((counts * top1) @ of_class / (counts @ of_class), axis=1)
        return shares

    measured: dict[str, Callable[[_Numbers], _Numbers]] = {
        "top1": lambda counts: counts @ top1 / len(rows),
        "top5": lambda counts: counts @ top5 / len(rows),
        "mean_class": mean_class,
    }
    once = np.ones((1, len(rows)))
    found = {name: float(measure(once)[0]) for name, measure in measured.items()}
    return Figures(
        num_videos=len(rows),
        num_seen=len(seen),
        top1=found["top1"],
        top5=found["top5"],
        mean_class=found["mean_class"],
        intervals=_intervals(len(rows), measured, seed),
        top1_of_seen=float(_hits(seen, 1).mean()) if seen else 0.0,
        top5_of_seen=float(_hits(seen, 5).mean()) if seen else 0.0,
        calibration_error=calibration_error(calibration(rows)),
    )


def mean_of(splits: Sequence[Figures]) -> Figures:
    """The mean over splits, as benchmarks with several have it; an interval's ends are means too.

    That is wider than the interval of the mean would be if splits shared no video, and they share many.
    """

    def mean(name: str) -> float:
        return float(np.mean([getattr(one, name) for one in splits]))

    def interval(name: str) -> Interval:
        low, high = np.mean([one.intervals[name] for one in splits], axis=0).tolist()
        return low, high

    return Figures(
        num_videos=sum(one.num_videos for one in splits),
        num_seen=sum(one.num_seen for one in splits),
        top1=mean("top1"),
        top5=mean("top5"),
        mean_class=mean("mean_class"),
        intervals={name: interval(name) for name in splits[0].intervals},
        top1_of_seen=mean("top1_of_seen"),
        top5_of_seen=mean("top5_of_seen"),
        calibration_error=mean("calibration_error"),
    )


def by_class(split: str, rows: Sequence[VideoScore], names: Sequence[str] | Mapping[int, str]) -> list[ClassScore]:
    """A row a class, those without videos too; labels may have gaps where `names` are given by label."""
    named = names if isinstance(names, Mapping) else dict(enumerate(names))
    of_class: dict[int, list[VideoScore]] = {label: [] for label in sorted(named)}
    for row in rows:
        of_class[row.label].append(row)
    return [
        ClassScore(
            split=split,
            label=label,
            name=named[label],
            num_videos=len(own),
            num_seen=sum(row.status == OK for row in own),
            num_top1=int(_hits(own, 1).sum()),
            num_top5=int(_hits(own, 5).sum()),
        )
        for label, own in of_class.items()
    ]


def confusion(split: str, rows: Sequence[VideoScore]) -> list[Confused]:
    """The fields of the confusion matrix that are not 0."""
    counts = Counter((row.label, row.top[0] if row.status == OK else None) for row in rows)
    ordered = sorted(counts.items(), key=lambda item: (item[0][0], -1 if item[0][1] is None else item[0][1]))
    return [
        Confused(split=split, label=label, predicted=predicted, num_videos=num) for (label, predicted), num in ordered
    ]


def calibration(rows: Sequence[VideoScore]) -> list[ConfidenceBin]:
    """The bins of confidence that hold videos; a video at an edge is in the lower bin."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for row in rows:
        if row.confidence is not None:
            place = min(max(int(np.ceil(row.confidence * NUM_BINS)) - 1, 0), NUM_BINS - 1)
            bins.setdefault(place, []).append((row.confidence, row.top[0] == row.label))
    return [
        ConfidenceBin(
            lowest=place / NUM_BINS,
            num_videos=len(found),
            confidence=float(np.mean([confidence for confidence, _ in found])),
            accuracy=float(np.mean([right for _, right in found])),
        )
        for place, found in sorted(bins.items())
    ]


def calibration_error(bins: Sequence[ConfidenceBin]) -> float:
    """Mean distance of confidence from accuracy, each bin weighted by its videos."""
    num = sum(one.num_videos for one in bins)
    return sum(one.num_videos * abs(one.confidence - one.accuracy) for one in bins) / num if num else 0.0


def _hits(rows: Sequence[VideoScore], num: int) -> _Numbers:
    return np.array([row.label in row.top[:num] for row in rows], dtype=np.float64)


def _intervals(num: int, measured: dict[str, Callable[[_Numbers], _Numbers]], seed: int) -> dict[str, Interval]:
    """Percentile intervals over resamples of the videos: how often each video is drawn is all that a resample is.

    Where all videos are right or all are wrong, resamples show no spread, and Wilson's interval is taken: with none of
    17 right, 18 of 100 may well be.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, list[_Numbers]] = {name: [] for name in measured}
    for _ in range(0, _NUM_RESAMPLES, _AT_A_TIME):
        drawn = rng.multinomial(num, np.full(num, 1 / num), size=_AT_A_TIME).astype(np.float64)
        for name, measure in measured.items():
            found[name].append(measure(drawn))
    ends = (50 * (1 - _LEVEL), 50 * (1 + _LEVEL))
    return {name: _ends(np.concatenate(values), ends, num) for name, values in found.items()}


def _ends(values: _Numbers, percentiles: tuple[float, float], num: int) -> Interval:
    low, high = np.percentile(values, percentiles)
    if low == high and low in (0, 1):
        return _wilson(int(low) * num, num)
    return float(low), float(high)


def _wilson(num_right: int, num: int) -> Interval:
    from scipy.stats import binomtest  # it takes a second to load, and is seldom needed

    found = binomtest(num_right, num).proportion_ci(_LEVEL, method="wilson")
    return float(found.low), float(found.high)
