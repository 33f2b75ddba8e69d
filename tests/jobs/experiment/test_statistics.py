import pytest

from h2a_curation.jobs.experiment.budget import Budget, in_words
from h2a_curation.jobs.experiment.paired import interval, paired


def test_the_interval_is_students():
    # By hand: mean 3, deviation 1, t = 4.303 for 2 degrees of freedom.
    assert interval([2.0, 3.0, 4.0]) == pytest.approx((3 - 4.3027 / 3**0.5, 3 + 4.3027 / 3**0.5), abs=1e-3)
    assert interval([2.0]) == (None, None)


def test_what_two_runs_of_a_seed_have_in_common_falls_out():
    noisy = {0: 0.1, 1: 0.5, 2: 0.9}
    found = paired({seed: value + 0.05 for seed, value in noisy.items()}, noisy)
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx((0.05, 0.05, 0.05))
    assert found.is_told


def test_seeds_that_one_arm_lacks_do_not_count():
    found = paired({0: 0.3, 1: 0.9}, {0: 0.2, 2: 0.1})
    assert found is not None
    assert (found.num_seeds, found.low, found.is_told) == (1, None, False)
    assert found.mean == pytest.approx(0.1)
    assert paired({0: 0.3}, {1: 0.2}) is None


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
