"""Not too fast: how often, and by how many at a time, one host may be asked.

A host does not know which of our sources asks it. So when and by whom each host was asked is kept once a process
(`Hosts`), and a source has a `Pace`: its own interval and patience over that common memory. Between two requests lies
the longer of their two intervals.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from h2a_curation.acquire.errors import ErrorKind, FetchError

_USUAL_PORT = {"http": 80, "https": 443}


def host_of(url: str) -> str:
    """The name by which a host's pace is kept: with its port where that is not its scheme's own.

    >>> host_of("https://Example.org/a"), host_of("http://example.org:80/"), host_of("http://example.org:8080/")
    ('example.org', 'example.org', 'example.org:8080')
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # brackets or a port that no address has: the request itself will fail
        return url
    return host if port in (None, _USUAL_PORT.get(parts.scheme)) else f"{host}:{port}"


@dataclass(slots=True)
class _Host:
    last_turn_s: float = -math.inf
    gap_s: float = 0.0
    """Seconds that whoever had the last turn wants to lie between it and the next."""
    pause_ends_s: float = -math.inf
    num_seated: int = 0


@dataclass(slots=True)
class Hosts:
    """When each host was asked last, for how long it wants a pause, and how many ask it now."""

    now_s: Callable[[], float] = time.monotonic
    """A clock that does not go back."""
    sleep: Callable[[float], None] = time.sleep
    by_name: dict[str, _Host] = field(default_factory=dict)
    lock: threading.Condition = field(default_factory=threading.Condition)

    def at(self, host: str) -> _Host:
        """The host's state; call it with the lock held."""
        return self.by_name.setdefault(host, _Host())

    def forget(self) -> None:
        """Begin anew, as a new process would."""
        with self.lock:
            self.by_name.clear()

    @property
    def num_seated(self) -> int:
        """Callers that are with a host now."""
        return sum(host.num_seated for host in self.by_name.values())


OF_PROCESS = Hosts()
"""All sources of a process share it: a table's downloads, an API and the source that fetches for it."""


class Pace:
    """Callers of one host are let through `min_interval_s` apart, and all of them wait while it asks for a pause."""

    def __init__(
        self,
        min_interval_s: float,
        *,
        max_per_host: int = 4,
        max_pause_s: float = math.inf,
        hosts: Hosts = OF_PROCESS,
    ) -> None:
        """`max_pause_s`: nobody waits longer for a host that asks for a pause."""
        if min_interval_s < 0:
            raise ValueError(f"seconds between requests cannot be negative: {min_interval_s}")
        if max_per_host < 1:
            raise ValueError(f"max_per_host is {max_per_host}: somebody must be let in")
        self._min_interval_s = min_interval_s
        self._max_per_host = max_per_host
        self._max_pause_s = max_pause_s
        self._hosts = hosts

    def wait(self, host: str) -> None:
        """Return when it is this caller's turn; FetchError where the host has asked for too long a pause."""
        hosts = self._hosts
        while True:
            with hosts.lock:
                now_s, asked = hosts.now_s(), hosts.at(host)
                left_s = asked.pause_ends_s - now_s
                if left_s > self._max_pause_s:
                    raise FetchError(ErrorKind.RATE_LIMITED, f"{host} asks for {left_s:.0f} s more of a pause", left_s)
                # The stricter of two sources counts: neither wants the host to be asked sooner after its own request.
                gap_s = max(asked.gap_s, self._min_interval_s)
                turn_s = max(now_s, asked.last_turn_s + gap_s, asked.pause_ends_s)
                asked.last_turn_s, asked.gap_s = turn_s, self._min_interval_s
            if turn_s > now_s:
                hosts.sleep(turn_s - now_s)
            with hosts.lock:
                if hosts.at(host).pause_ends_s <= turn_s:
                    return

    def pause(self, host: str, seconds: float) -> None:
        """The host asks that nobody comes for so long; turns that were given out within that time are void."""
        with self._hosts.lock:
            asked = self._hosts.at(host)
            ends_s = self._hosts.now_s() + seconds
            if ends_s > asked.pause_ends_s:
                asked.pause_ends_s = ends_s

    @contextmanager
    def seat(self) -> "Iterator[Seat]":
        """A caller's place, given up at the block's end."""
        seat = Seat(self._sit, self._stand)
        try:
            yield seat
        finally:
            seat.leave()

    def _sit(self, host: str) -> None:
        with self._hosts.lock:
            self._hosts.lock.wait_for(lambda: self._hosts.at(host).num_seated < self._max_per_host)
            self._hosts.at(host).num_seated += 1

    def _stand(self, host: str) -> None:
        with self._hosts.lock:
            self._hosts.at(host).num_seated -= 1
            self._hosts.lock.notify_all()


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
