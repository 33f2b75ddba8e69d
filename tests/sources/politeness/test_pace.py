import threading
import time

import pytest

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.sources.politeness.pace import Hosts, Pace, host_of


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def hosts(clock):
    return Hosts(now_s=lambda: clock.now_s, sleep=clock.sleep)


def made(hosts, min_interval_s=2.0, **settings):
    return Pace(min_interval_s, hosts=hosts, **settings)


@pytest.mark.parametrize(
    ("asked", "starts_s"),
    [("aaa", [0, 2, 4]), ("aba", [0, 0, 2]), ("abab", [0, 0, 2, 2])],
)
def test_each_host_has_its_own_pace(clock, hosts, asked, starts_s):
    pace = made(hosts)
    started = []
    for host in asked:
        pace.wait(host)
        started.append(clock.now_s)
    assert started == starts_s


def test_time_that_passed_anyway_counts(clock, hosts):
    pace = made(hosts)
    pace.wait("a")
    clock.now_s = 5.0
    pace.wait("a")
    assert clock.now_s == 5.0


def test_a_pause_is_everybodys_at_that_host(clock, hosts):
    pace = made(hosts)
    pace.wait("a")
    pace.pause("a", 30.0)
    pace.pause("a", 3.0)  # a shorter one ends no longer one
    pace.wait("b")
    assert clock.now_s == 0.0
    pace.wait("a")
    assert clock.now_s == 30.0
    pace.wait("a")
    assert clock.now_s == 32.0


def test_who_had_a_turn_when_the_pause_was_asked_for_waits_as_well(clock, hosts):
    pace = made(hosts)

    def sleep(seconds):
        clock.sleep(seconds)
        if clock.now_s == 2.0:
            pace.pause("a", 10.0)

    hosts.sleep = sleep
    for start_s in (0.0, 12.0, 14.0):
        pace.wait("a")
        assert clock.now_s == start_s


def test_nobody_waits_for_a_pause_of_hours(clock, hosts):
    pace = made(hosts, max_pause_s=60.0)
    pace.pause("a", 3600.0)
    with pytest.raises(FetchError) as caught:
        pace.wait("a")
    assert (caught.value.kind, caught.value.retry_after_s, clock.now_s) == (ErrorKind.RATE_LIMITED, 3600.0, 0.0)
    clock.now_s = 3550.0
    pace.wait("a")
    assert clock.now_s == 3600.0


def test_no_more_than_so_many_are_at_a_host():
    hosts = Hosts()
    pace = Pace(0.0, max_per_host=2, hosts=hosts)
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
    assert hosts.num_seated == 0


def test_a_seat_is_given_up_when_the_call_fails():
    hosts = Hosts()
    pace = Pace(0.0, max_per_host=1, hosts=hosts)

    def call():
        with pace.seat() as seat:
            seat.take("a")
            seat.take("b")
            raise FetchError(ErrorKind.TIMEOUT, "no")

    for _ in range(3):
        with pytest.raises(FetchError):
            call()
    assert hosts.num_seated == 0


@pytest.mark.parametrize("settings", [{"min_interval_s": -1.0}, {"min_interval_s": 0.0, "max_per_host": 0}])
def test_impossible_settings(settings):
    with pytest.raises(ValueError, match=r"negative|let in"):
        Pace(**settings)


def test_two_sources_share_the_pace_of_a_host_and_the_stricter_counts(clock, hosts):
    """One alone would ask at 0, 4, 8; the other at 0, 1, 2: the host must not see both at once."""
    slow, quick = made(hosts, 4.0), made(hosts, 1.0)
    started = []
    for pace in (slow, quick, quick, slow, quick):
        pace.wait("a")
        started.append(clock.now_s)
    assert started == [0, 4, 5, 9, 13]


def test_a_pause_that_one_source_was_asked_for_holds_for_the_others(clock, hosts):
    made(hosts).pause("a", 30.0)
    made(hosts, 0.0).wait("a")
    assert clock.now_s == 30.0


def test_a_short_pause_brings_no_turn_forward(clock, hosts):
    pace = made(hosts)
    pace.wait("a")
    pace.pause("a", 0.5)
    pace.wait("a")
    assert clock.now_s == 2.0


def test_seats_are_counted_over_all_sources():
    hosts = Hosts()
    one, other = (Pace(0.0, max_per_host=1, hosts=hosts) for _ in range(2))
    taken = threading.Event()

    def call():
        with other.seat() as seat:
            seat.take("a")
            taken.set()

    thread = threading.Thread(target=call)
    with one.seat() as seat:
        seat.take("a")
        thread.start()
        assert not taken.wait(0.1)
    assert taken.wait(10)
    thread.join(timeout=10)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.org/a?b", "example.org"),
        ("http://example.org:80", "example.org"),
        ("https://example.org:443/", "example.org"),
        ("http://example.org:443/", "example.org:443"),
        ("http://[::1]:8000/", "::1:8000"),
        ("http://me:pw@example.org/", "example.org"),
        ("http://example.org:port/", "http://example.org:port/"),
        ("h2a-sample:post:1", ""),
    ],
)
def test_a_host_has_one_name_whatever_the_address_says_besides(url, host):
    assert host_of(url) == host
