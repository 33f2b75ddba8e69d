import pytest

from h2a_curation.sources.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.mark.parametrize(
    ("hosts", "starts_s"),
    [("aaa", [0, 2, 4]), ("aba", [0, 0, 2]), ("abab", [0, 0, 2, 2])],
)
def test_each_host_has_its_own_pace(hosts, starts_s):
    clock = Clock()
    pace = Pace(2.0, now_s=lambda: clock.now_s, sleep=clock.sleep)
    started = []
    for host in hosts:
        pace.wait(host)
        started.append(clock.now_s)
    assert started == starts_s


def test_time_that_passed_anyway_counts():
    clock = Clock()
    pace = Pace(2.0, now_s=lambda: clock.now_s, sleep=clock.sleep)
    pace.wait("a")
    clock.now_s = 5.0
    pace.wait("a")
    assert clock.now_s == 5.0
