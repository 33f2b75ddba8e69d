import threading
import time

import pytest

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.sources.politeness.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock():
    return Clock()


def made(clock, min_interval_s=2.0, **settings):
    return Pace(min_interval_s, now_s=lambda: clock.now_s, sleep=clock.sleep, **settings)


@pytest.mark.parametrize(
    ("hosts", "starts_s"),
    [("aaa", [0, 2, 4]), ("aba", [0, 0, 2]), ("abab", [0, 0, 2, 2])],
)
def test_each_host_has_its_own_pace(clock, hosts, starts_s):
    pace = made(clock)
    started = []
    for host in hosts:
        pace.wait(host)
        started.append(clock.now_s)
    assert started == starts_s


def test_time_that_passed_anyway_counts(clock):
    pace = made(clock)
    pace.wait("a")
    clock.now_s = 5.0
    pace.wait("a")
    assert clock.now_s == 5.0


def test_a_pause_is_everybodys_at_that_host(clock):
    pace = made(clock)
    pace.wait("a")
    pace.pause("a", 30.0)
    pace.pause("a", 3.0)  # a shorter one ends no longer one
    pace.wait("b")
    assert clock.now_s == 0.0
    pace.wait("a")
    assert clock.now_s == 30.0
    pace.wait("a")
    assert clock.now_s == 32.0


def test_who_had_a_turn_when_the_pause_was_asked_for_waits_as_well(clock):
    pace = made(clock)

    def sleep(seconds):
        clock.sleep(seconds)
        if clock.now_s == 2.0:
            pace.pause("a", 10.0)

    pace._sleep = sleep
    for start_s in (0.0, 12.0, 14.0):
        pace.wait("a")
        assert clock.now_s == start_s


def test_nobody_waits_for_a_pause_of_hours(clock):
    pace = made(clock, max_pause_s=60.0)
    pace.pause("a", 3600.0)
    with pytest.raises(FetchError) as caught:
        pace.wait("a")
    assert (caught.value.kind, caught.value.retry_after_s, clock.now_s) == (ErrorKind.RATE_LIMITED, 3600.0, 0.0)
    clock.now_s = 3550.0
    pace.wait("a")
    assert clock.now_s == 3600.0


def test_no_more_than_so_many_are_at_a_host():
    pace = Pace(0.0, max_per_host=2)
    inside, most, lock = [], [0], threading.Lock()

    def call(host):
        with pace.seat() as seat:
            for asked in ("front", host, host, "front"):
                seat.take(asked)
                with lock:
                    inside.append(asked)
                    most[0] = max(most[0], *(inside.count(h) for h in set(inside)))
                time.sleep(0.002)
                with lock:
                    inside.remove(asked)

    threads = [threading.Thread(target=call, args=(f"h{n % 3}",)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert not any(thread.is_alive() for thread in threads)
    assert most == [2]
    assert not +pace._seats


def test_a_seat_is_given_up_when_the_call_fails():
    pace = Pace(0.0, max_per_host=1)

    def call():
        with pace.seat() as seat:
            seat.take("a")
            seat.take("b")
            raise FetchError(ErrorKind.TIMEOUT, "no")

    for _ in range(3):
        with pytest.raises(FetchError):
            call()
    assert not +pace._seats


@pytest.mark.parametrize("settings", [{"min_interval_s": -1.0}, {"min_interval_s": 0.0, "max_per_host": 0}])
def test_impossible_settings(settings):
    with pytest.raises(ValueError, match=r"negative|let in"):
        Pace(**settings)
