import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_curation.jobs.experiment.budget import Budget, in_words
from h2a_curation.jobs.experiment.outcome import write_outcome
from h2a_curation.jobs.experiment.paired import interval, paired
from h2a_curation.videomae.presets import preset
from schemas import ExperimentRun

MANY = 10**9
"""So many test videos that other ones would give the same."""


def test_the_interval_over_seeds_is_students():
    # By hand: mean 0.3, deviation 0.1, t = 4.303 for 2 degrees of freedom.
    half = 4.3027 * 0.1 / 3**0.5
    assert interval([0.2, 0.3, 0.4], MANY) == pytest.approx((0.3 - half, 0.3 + half), abs=1e-4)
    assert interval([0.2], MANY) == interval([0.2, 0.2], MANY) == (None, None)


def test_seeds_that_agree_are_no_certainty_of_other_videos():
    # By hand: 20 of 40 right and two of each kind added, so 0.5 of 44, whose standard error is 0.5 / sqrt(44).
    assert interval([0.5, 0.5, 0.5], 40) == pytest.approx((0.5 - 0.14773, 0.5 + 0.14773), abs=1e-4)
    assert interval([0.0, 0.0, 0.0], 20) == pytest.approx((0.0, 0.11061), abs=1e-4)
    assert interval([1.0, 1.0, 1.0], 20) == pytest.approx((0.88939, 1.0), abs=1e-4)


def test_two_videos_of_a_hundred_tell_no_arms_apart():
    """As it came out once: three seeds with the same difference, which had an interval without width."""
    found = paired({0: 2 / 104, 1: 3 / 104, 2: 4 / 104}, {0: 4 / 104, 1: 5 / 104, 2: 6 / 104}, 104)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.mean == pytest.approx(-2 / 104)
    assert found.low < -0.05 < 0.02 < found.high


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=3, max_size=6), st.integers(50, 400))
def test_more_videos_make_an_interval_narrower_and_a_swap_turns_it(pairs, num_videos):
    ours, theirs = ({seed: pair[side] / 50 for seed, pair in enumerate(pairs)} for side in (0, 1))
    one, turned = paired(ours, theirs, num_videos), paired(theirs, ours, num_videos)
    more = paired(ours, theirs, 100 * num_videos)
    assert one is not None
    assert turned is not None
    assert more is not None
    assert (turned.low, turned.high) == pytest.approx((-one.high, -one.low))
    assert one.low <= more.low <= more.mean <= more.high <= one.high


def test_what_two_runs_of_a_seed_have_in_common_falls_out():
    noisy = {0: 0.1, 1: 0.5, 2: 0.9}
    found = paired({seed: value + 0.05 for seed, value in noisy.items()}, noisy, MANY)
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx((0.05, 0.05, 0.05), abs=1e-4)


def test_seeds_that_one_arm_lacks_do_not_count():
    found = paired({0: 0.3, 1: 0.9}, {0: 0.2, 2: 0.1}, MANY)
    assert found is not None
    assert (found.num_seeds, found.low, found.high) == (1, None, None)
    assert found.mean == pytest.approx(0.1)
    assert paired({0: 0.3}, {1: 0.2}, MANY) is None


@pytest.mark.parametrize(
    ("limit_s", "run_s", "spent_s", "fitting"),
    [
        (None, [], 0, 9),
        (600, [], 0, None),  # nothing tells how long a run is
        (600, [100], 0, 6),
        (600, [100], 100, 5),
        (600, [50, 100], 550, 0),  # the longest counts, so that the budget is kept
        (6000, [100], 0, 9),
        (60, [100], 0, 0),
    ],
)
def test_so_many_runs_fit(limit_s, run_s, spent_s, fitting):
    assert Budget(limit_s=limit_s, run_s=run_s).num_fitting(spent_s, 9) == fitting


@pytest.mark.parametrize(
    ("limit_s", "run_s", "says"),
    [
        (None, [], "9 runs are left; no budget; the first run tells how many fit"),
        (1200, [], "9 runs are left; the budget is 20 minutes; the first run tells how many fit"),
        (None, [120], "9 runs are left of about 2 minutes each: 18 minutes in all"),
        (600, [120], "9 runs are left of about 2 minutes each; 5 fit into the budget of 10 minutes"),
    ],
)
def test_the_budget_is_stated(limit_s, run_s, says):
    assert in_words(Budget(limit_s=limit_s, run_s=run_s), 0, 9) == says


@pytest.mark.parametrize(
    ("scratch", "raw", "says"),
    [
        (
            [0.1, 0.1, 0.12],
            [0.5, 0.52, 0.5],
            ["pretraining shows: scratch is worse than curated", "raw is better than curated"],
        ),
        (
            [0.1, 0.4, 0.3],
            [0.1, 0.12, 0.1],
            ["pretraining does not show: scratch cannot be told", "raw is worse than curated"],
        ),
        ([0.5, 0.52, 0.5], [0.1, 0.4, 0.3], ["pretraining does harm: scratch is better", "raw cannot be told from"]),
        (
            [0.2, 0.2],
            [0.1, 0.1],
            ["scratch: too few seeds to tell, 2 of at least 3", "raw: too few seeds to tell, 2 of at least 3"],
        ),
    ],
)
def test_the_page_says_what_the_intervals_say(tmp_path, scratch, raw, says):
    tops = {"curated": [0.3, 0.31, 0.3], "scratch": scratch, "raw": raw}
    rows = [run(arm, seed, top1) for arm, of in tops.items() for seed, top1 in enumerate(of)]
    page = write_outcome(tmp_path, rows, ["a note"], preset("little"))
    lines = [line for line in page.with_suffix(".md").read_text().splitlines() if line.startswith("- ")]
    assert [line[2 : 2 + len(said)] for line, said in zip(lines, says, strict=False)] == says
    assert lines[-1] == "- a note"
    assert all(said in page.read_text() for said in says)


def run(arm: str, seed: int, top1: float) -> ExperimentRun:
    return ExperimentRun(
        arm=arm, seed=seed, num_clips=9, clips="", num_steps=5, reconstruction_loss=0.9, num_videos=5000, top1=top1,
        top5=1.0, mean_class=top1, knn_top1=None, linear_top1=0.5, seconds=1.0,
    )  # fmt: skip
