"""Figures against numbers that one can count by hand."""

import numpy as np
import pytest
from scipy.stats import binom

from h2a_curation.videomae.evaluate import figures
from h2a_curation.videomae.evaluate.merge import merged, ranked
from schemas import VideoScore


def row(label, top, confidence=0.5, status="ok"):
    return VideoScore(
        split="val", video_id=f"{label}-{top}", path="", label=label, status=status, reason="", num_frames=9,
        top=top if status == "ok" else [], confidence=confidence if status == "ok" else None, label_probability=None,
    )  # fmt: skip


def test_accuracies_count_what_was_not_seen_as_wrong():
    rows = [row(0, [0, 1]), row(0, [1, 0]), row(0, [0, 2]), row(1, [0, 1]), row(1, [], status="missing")]
    found = figures.figures(rows)
    assert (found.num_videos, found.num_seen) == (5, 4)
    assert (found.top1, found.top5) == (pytest.approx(2 / 5), pytest.approx(4 / 5))
    assert found.mean_class == pytest.approx((2 / 3 + 0) / 2)
    assert (found.top1_of_seen, found.top5_of_seen) == (0.5, 1.0)


def test_an_interval_is_that_of_a_binomial_share():
    rows = [row(0, [0 if i < 70 else 1]) for i in range(100)]
    low, high = figures.figures(rows).intervals["top1"]
    assert (low, high) == pytest.approx(tuple(binom.interval(0.95, 100, 0.7) / np.float64(100)), abs=0.02)
    assert figures.figures(rows).intervals == figures.figures(rows).intervals


@pytest.mark.parametrize(("answer", "ends"), [(0, (0.8157, 1.0)), (1, (0.0, 0.1843))])
def test_a_few_videos_that_fare_alike_are_not_certain(answer, ends):
    """The ends are those of Wilson's formula, z^2 / (n + z^2) from 0 or 1."""
    found = figures.figures([row(0, [answer])] * 17)
    assert found.intervals["top1"] == pytest.approx(ends, abs=1e-4)
    assert found.intervals["mean_class"] == found.intervals["top1"]


def test_calibration_error_is_the_mean_distance_of_what_is_said_from_what_is():
    rows = [row(0, [0], 0.95)] * 3 + [row(0, [1], 0.95)] + [row(0, [0], 0.35)] * 2 + [row(0, [], status="missing")]
    bins = figures.calibration(rows)
    assert [one.num_videos for one in bins] == [2, 4]
    assert figures.calibration_error(bins) == pytest.approx((2 * 0.65 + 4 * 0.2) / 6)
    assert figures.calibration_error([]) == 0


def test_classes_and_confusion():
    rows = [row(0, [0]), row(0, [2, 0]), row(2, [], status="undecodable")]
    classes = figures.by_class("1", rows, ["a", "b", "c"])
    counted = [(one.name, one.num_videos, one.num_seen, one.num_top1, one.num_top5) for one in classes]
    assert counted == [("a", 2, 2, 1, 2), ("b", 0, 0, 0, 0), ("c", 1, 0, 0, 0)]
    confused = [(one.label, one.predicted, one.num_videos) for one in figures.confusion("1", rows)]
    assert confused == [(0, 0, 1), (0, 2, 1), (2, None, 1)]


def test_the_mean_over_splits():
    one, other = figures.figures([row(0, [0])] * 4), figures.figures([row(0, [0]), row(0, [1])])
    mean = figures.mean_of([one, other])
    assert (mean.top1, mean.num_videos) == (0.75, 6)
    assert mean.intervals["top1"] == pytest.approx(((0.5101 + 0.0) / 2, 1.0), abs=1e-4)


def test_views_are_merged_by_probabilities_or_by_logits():
    logits = np.array([[9.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 3.0, 0.0]])
    assert ranked(merged(logits, "score"))[0] == 0
    assert ranked(merged(logits, "prob"))[0] == 1
    assert ranked(np.array([1.0, 2.0, 2.0, 0.0]), 2) == [1, 2]
