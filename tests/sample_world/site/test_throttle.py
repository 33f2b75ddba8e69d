"""Listings that are asked for too fast: late, then refused once, then served."""

import pytest

from h2a_curation.sample_world.site.throttle import Pressure
from h2a_curation.sample_world.world.faults import Throttle
from h2a_curation.sample_world.world.sizes import FULL, MINI

LIMITS = Throttle(within_s=1.0, slows_from=2, refuses_from=3, slow_s=0.25, retry_after_s=1)


def answers(requests: list[tuple[float, str]]) -> list[int]:
    """The kind of each answer: 0 in time, 1 late, 2 refused."""
    times_s = iter(time_s for time_s, _ in requests)
    pressure = Pressure(LIMITS, lambda: next(times_s))
    found = [pressure.fault(page) for _, page in requests]
    assert {f.wait_s for f in found if f} <= {0.25, 1}
    return [0 if f is None else {"slow": 1, "rate_limited": 2}[f.kind] for f in found]


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ([(0.0, "a"), (0.1, "b"), (0.2, "c"), (0.3, "d"), (0.4, "e")], [0, 0, 1, 2, 2]),
        ([(0.0, "a"), (0.6, "b"), (1.2, "c"), (1.8, "d"), (2.4, "e")], [0, 0, 0, 0, 0]),
        ([(0.0, "a"), (0.0, "b"), (0.0, "c"), (0.0, "d"), (1.0, "d")], [0, 0, 1, 2, 0]),
        ([(0.0, "a"), (0.0, "b"), (0.0, "c"), (0.0, "d"), (0.1, "d"), (0.2, "d")], [0, 0, 1, 2, 1, 1]),
    ],
    ids=["fast", "slow", "comes back", "insists"],
)
def test_haste_costs_time_and_one_try_a_page(requests, expected):
    assert answers(requests) == expected


@pytest.mark.parametrize("size", [FULL, MINI], ids=["full", "mini"])
def test_no_wait_is_longer_than_a_faults(size):
    assert max(size.throttle.slow_s, size.throttle.retry_after_s) <= 2.0
    assert 0 < size.throttle.slows_from < size.throttle.refuses_from
