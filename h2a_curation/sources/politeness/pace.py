"""Not too fast: how often, and by how many at a time, one host may be asked, whatever the number of threads."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from h2a_curation.acquire.errors import ErrorKind, FetchError


class Pace:
    """Callers of one host are let through `min_interval_s` apart, and all of them wait while it asks for a pause."""

    def __init__(
        self,
        min_interval_s: float,
        *,
        max_per_host: int = 4,
        max_pause_s: float = math.inf,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`max_pause_s`: nobody waits longer for a host that asks for a pause; `now_s` must not go back."""
        if min_interval_s < 0:
            raise ValueError(f"seconds between requests cannot be negative: {min_interval_s}")
        if max_per_host < 1:
            raise ValueError(f"max_per_host is {max_per_host}: somebody must be let in")
        self._min_interval_s = min_interval_s
        self._max_per_host = max_per_host
        self._max_pause_s = max_pause_s
        self._now_s = now_s
        self._sleep = sleep
        self._next_s: dict[str, float] = {}
        self._pause_ends_s: dict[str, float] = {}
        self._lock = threading.Lock()
        self._seats: Counter[str] = Counter()
        self._seat_left = threading.Condition()

    def wait(self, host: str) -> None:
        """Return when it is this caller's turn; FetchError where the host has asked for too long a pause."""
        while True:
            with self._lock:
                now_s = self._now_s()
                pause_ends_s = self._pause_ends_s.get(host, now_s)
                if pause_ends_s - now_s > self._max_pause_s:
                    left_s = pause_ends_s - now_s
                    raise FetchError(ErrorKind.RATE_LIMITED, f"{host} asks for {left_s:.0f} s more of a pause", left_s)
                turn_s = max(now_s, self._next_s.get(host, now_s), pause_ends_s)
                self._next_s[host] = turn_s + self._min_interval_s
            if turn_s > now_s:
                self._sleep(turn_s - now_s)
            with self._lock:
                if self._pause_ends_s.get(host, turn_s) <= turn_s:
                    return

    def pause(self, host: str, seconds: float) -> None:
        """The host asks that nobody comes for so long; turns that were given out before are void."""
        with self._lock:
            ends_s = self._now_s() + seconds
            if ends_s > self._pause_ends_s.get(host, -math.inf):
                self._pause_ends_s[host] = self._next_s[host] = ends_s

    @contextmanager
    def seat(self) -> "Iterator[Seat]":
        """A caller's place, given up at the block's end."""
        seat = Seat(self._sit, self._stand)
        try:
            yield seat
        finally:
            seat.leave()

    def _sit(self, host: str) -> None:
        with self._seat_left:
            self._seat_left.wait_for(lambda: self._seats[host] < self._max_per_host)
            self._seats[host] += 1

    def _stand(self, host: str) -> None:
        with self._seat_left:
            self._seats[host] -= 1
            self._seat_left.notify_all()


class Seat:
    """A place at one host at a time, so that no two callers wait for each other's."""

    def __init__(self, sit: Callable[[str], None], stand: Callable[[str], None]) -> None:
        self._sit = sit
        self._stand = stand
        self._host: str | None = None
        self._lock = threading.Lock()

    def take(self, host: str) -> None:
        """Return when there is room; the place at another host is given up."""
        with self._lock:
            if self._host == host:
                return
            self._leave()
            self._sit(host)
            self._host = host

    def leave(self) -> None:
        """Give the place up."""
        with self._lock:
            self._leave()

    def _leave(self) -> None:
        if self._host is not None:
            self._stand(self._host)
            self._host = None
