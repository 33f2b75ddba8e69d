"""Estimates against known truth: right on average, and their intervals as often right as they say."""

import numpy as np
import pytest

from h2a_curation.audit.draw import draw
from h2a_curation.audit.estimate import Answer, share
from h2a_curation.audit.pairs import TAKEN, Pair
from h2a_curation.audit.score import score

NUM_POSTS = (600, 300, 500, 200)
NUM_DRAWN = (120, 40, 40, 40)
NUM_FETCHED = (150, 75, 125, 50)


def pair(post_id, *, taken, shows, probability=0.1, class_id="a", by_sight=False):
    return Pair(
        post_id=post_id, class_id=class_id, probability=probability, by_sight=by_sight, url="", media_id="",
        verdict=TAKEN if taken is True else "validate: low_margin" if taken is False else None, shows=shows,
    )  # fmt: skip


class World:
    """Rounds of posts; a good tag's posts more often show the class, are easier to judge, and are fetched first."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        num = sum(NUM_POSTS)
        self.round = np.repeat(np.arange(len(NUM_POSTS)), NUM_POSTS)
        good = rng.random(num) < np.array([0.4, 0.3, 0.2, 0.1])[self.round]
        self.shows = rng.random(num) < np.where(good, 0.6, 0.1)
        self.taken = rng.random(num) < np.where(self.shows, np.where(good, 0.9, 0.7), 0.05)
        self.pairs, fetched = [], np.zeros(num, bool)
        for round_no, (num_drawn, num_fetched) in enumerate(zip(NUM_DRAWN, NUM_FETCHED, strict=True)):
            posts = np.flatnonzero(self.round == round_no)
            for row in draw([f"s:{n}" for n in posts], num_drawn, seed=seed, round_no=round_no):
                n = int(row.post_id[2:])
                taken, shows = bool(self.taken[n]), bool(self.shows[n])
                self.pairs.append(pair(row.post_id, taken=taken, shows=shows, probability=row.probability))
            fetched[posts[np.argsort(~good[posts], kind="stable")][:num_fetched]] = True
        self.precision = self.shows[self.taken].mean()
        self.recall = self.taken[self.shows].mean()
        self.naive_precision = self.shows[self.taken & fetched].mean()
        self.naive_recall = self.taken[self.shows & fetched].mean()


@pytest.fixture(scope="module")
def worlds():
    """400 audits of 400 worlds: the worlds, and what each audit says."""
    worlds = [World(seed) for seed in range(400)]
    return worlds, [score(world.pairs).rows[0] for world in worlds]


@pytest.mark.parametrize("of", ["precision", "recall"])
def test_estimates_are_right_on_average_where_counting_among_fetched_files_is_not(worlds, of):
    truth = np.array([getattr(world, of) for world in worlds[0]])
    ours = np.array([getattr(row, of).value for row in worlds[1]]) - truth
    naive = np.array([getattr(world, f"naive_{of}") for world in worlds[0]]) - truth
    assert abs(ours.mean()) < 0.01
    assert naive.mean() > 0.03


@pytest.mark.parametrize("of", ["precision", "recall"])
def test_95_of_100_intervals_hold_the_truth(worlds, of):
    truth = [getattr(world, of) for world in worlds[0]]
    intervals = [getattr(row, of) for row in worlds[1]]
    holds = np.mean([i.low <= t <= i.high for i, t in zip(intervals, truth, strict=True)])
    assert 0.92 <= holds <= 0.985
    assert np.mean([i.high - i.low for i in intervals]) < 0.3


def test_where_all_are_drawn_the_estimate_is_the_count():
    answers = [Answer(post_id=str(n), probability=1.0, hit=n < 30) for n in range(40)]
    found = share(answers)
    assert found is not None
    assert (found.value, found.num, found.num_effective) == (0.75, 40, 40)
    assert 0.58 < found.low < 0.65 < 0.84 < found.high < 0.88


def test_a_post_that_was_less_likely_weighs_more_and_makes_the_interval_wider():
    even = [Answer(post_id=str(n), probability=0.1, hit=n % 2 == 0) for n in range(20)]
    uneven = [Answer(post_id=str(n), probability=0.1 if n < 10 else 0.01, hit=n >= 10) for n in range(20)]
    one, other = share(even), share(uneven)
    assert one is not None
    assert other is not None
    assert (one.value, round(other.value, 3)) == (0.5, 0.909)
    assert other.num_effective < 12 < one.num_effective == 20


def test_pairs_of_one_post_are_one_answer():
    found = share([Answer(post_id="same", probability=0.1, hit=True)] * 5)
    assert found is not None
    assert (found.num, found.num_effective, found.high) == (5, 1.0, 1.0)
    assert found.low < 0.2
    assert share([]) is None


def test_each_class_has_a_row_and_few_labels_are_called_few():
    pairs = [pair(f"s:{n}", taken=n < 20, shows=n % 5 > 0) for n in range(40)]
    pairs += [pair("s:x", taken=True, shows=True, class_id="b"), pair("s:y", taken=True, shows=None, class_id="c")]
    pairs += [pair("s:z", taken=None, shows=True)]
    found = score(pairs)
    assert [row.class_id for row in found.rows] == [None, "a", "b"]
    assert found.rows[1].precision.value == 0.8
    assert found.rows[1].recall.value == 0.5
    assert [row.is_thin for row in found.rows] == [False, False, True]
    assert (found.num_pairs, found.num_unlabelled, found.num_undecided) == (43, 1, 1)
    assert list(found.lost) == ["validate: low_margin"]


def test_posts_found_by_sight_count_for_precision_alone():
    found = score([pair("s:1", taken=True, shows=True, by_sight=True)]).rows[0]
    assert found.precision is not None
    assert found.recall is None
