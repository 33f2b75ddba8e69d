"""When a lane must stop: much has failed in a row, and what is known to be good does not come either.

A streak is all that failed since something was last asked for that came, in whichever thread. Its rows are kept back by
each thread's `Lane` until the streak ends; where it ends the lane, they are never committed: no id is burnt as failed.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from h2a_curation.acquire.errors import FINAL, ErrorKind, FetchError, LaneStopped

T = TypeVar("T")
Row = TypeVar("Row")

_SITES_FAULT = frozenset(
    {
        ErrorKind.BLOCKED, ErrorKind.RATE_LIMITED, ErrorKind.IMPERSONATION, ErrorKind.EXTRACTOR_BROKEN,
        ErrorKind.TRUNCATED, ErrorKind.TIMEOUT, ErrorKind.SERVER_ERROR,
    }
)  # fmt: skip
"""What could well be the site's fault. All else says more of the post, and counts in a longer streak alone."""
_CAME = ("ok", ErrorKind.TOO_LARGE)
"""What shows the site at work."""
_SAYS_NOTHING = (ErrorKind.OPT_OUT,)
"""The post was not asked for."""
_LONG = 4
"""A streak of whatever kinds is suspicious at so many times the length."""


@dataclass(frozen=True, slots=True)
class KnownGood:
    """Something known to be good, to be asked for where all else fails."""

    name: str
    ask: Callable[[], FetchError | None]
    """None where it came."""
    clears: bool = True
    """Whether it shows that nothing has changed where the streak was; else only its failure means something."""


class Breaker:
    """Shared by the threads that ask one source for one kind of thing. It has no clock: it knows what came and failed.

    Once stopped it stays so until every lane has left, so that the next run starts afresh.
    """

    def __init__(self, after: int, noun: str) -> None:
        """`after`: failures in a row that could be the site's fault and call for the probe; `noun`: what they are."""
        assert after >= 1, "a streak has a length"
        self._after = after
        self._noun = noun
        self._num_failed = 0
        self._num_sure = 0
        self._streak: deque[ErrorKind] = deque()
        self._stopped: FetchError | None = None
        self._num_lanes = 0
        self._lock = threading.Lock()
        self._judging = threading.Lock()

    @property
    def num_failed(self) -> int:
        """Failures so far: the next one's number is one more."""
        return self._num_failed

    @property
    def num_sure(self) -> int:
        """Failures up to this number are their items' own; those after it are the streak."""
        return self._num_sure

    def enter(self) -> None:
        """A lane begins."""
        with self._lock:
            self._num_lanes += 1

    def leave(self) -> None:
        """A lane ends; the last one leaves nothing behind."""
        with self._lock:
            self._num_lanes -= 1
            if not self._num_lanes:
                self._stopped = None
                self._vouch(self._num_failed)

    def check(self) -> None:
        """FetchError where the source must not be asked any more."""
        if (stopped := self._stopped) is not None:
            again = LaneStopped if isinstance(stopped, LaneStopped) else FetchError
            raise again(stopped.kind, stopped.detail, stopped.retry_after_s)

    def stop(self, error: FetchError) -> None:
        """Every lane stops before its next item; the first reason stays."""
        with self._lock:
            self._stopped = self._stopped or error

    def came(self, num_failed: int) -> None:
        """Something came that was asked for when so many had failed: what failed before that is sure."""
        with self._lock:
            self._vouch(num_failed)

    def failed(self, kind: ErrorKind) -> int:
        """Something failed; its number."""
        with self._lock:
            self._num_failed += 1
            self._streak.append(kind)
            return self._num_failed

    def judge(self, probe: KnownGood | None, *, now: bool = False) -> None:
        """Ask for the probe where the streak is long enough: then the lane stops, or the streak is the items' own.

        `now`: whatever its length. Only one thread asks; others that come meanwhile wait for what it finds.
        """
        with self._judging:
            with self._lock:
                num_failed, num_sure, failed = self._num_failed, self._num_sure, Counter(self._streak)
            if self._stopped is not None or not (failed if now else self._is_due(failed)):
                return
            error = probe.ask() if probe else None
            with self._lock:
                if num_sure != self._num_sure:
                    return  # something came meanwhile
                if probe and error:
                    self._stopped = self._stopped or self._with_probe(failed, probe, error)
                elif not (probe and probe.clears) and failed[ErrorKind.EXTRACTOR_BROKEN] >= self._after:
                    self._stopped = self._stopped or self._without(failed)
                else:
                    self._vouch(num_failed)

    def _is_due(self, failed: Counter[ErrorKind]) -> bool:
        suspicious = sum(num for kind, num in failed.items() if kind in _SITES_FAULT)
        return suspicious >= self._after or failed.total() >= self._after * _LONG

    def _vouch(self, num_failed: int) -> None:
        while self._num_sure < num_failed:
            self._streak.popleft()
            self._num_sure += 1

    def _with_probe(self, failed: Counter[ErrorKind], probe: KnownGood, error: FetchError) -> LaneStopped:
        return LaneStopped(
            error.kind,
            f"{self._told(failed)}, and {probe.name} failed too ({error}):"
            " the site has changed or blocks us, and none of them counts as failed",
        )

    def _without(self, failed: Counter[ErrorKind]) -> LaneStopped:
        return LaneStopped(
            ErrorKind.EXTRACTOR_BROKEN,
            f"{self._told(failed)}: the site has changed, and none of them counts as failed;"
            " if it has not, name a post that is known to be good as the recipe's canary",
        )

    def _told(self, failed: Counter[ErrorKind]) -> str:
        kinds = ", ".join(f"{num} {kind}" for kind, num in sorted(failed.items(), key=lambda item: (-item[1], item[0])))
        num = failed.total()
        return f"{num} {self._noun}{'s in a row' if num > 1 else ''} failed ({kinds})"


class Lane(Generic[Row]):
    """One thread's items and rows; to be used as a context, after which `kept` says what to commit."""

    def __init__(self, breaker: Breaker, probe: KnownGood | None) -> None:
        self.kept: list[Row] = []
        """All rows; where the lane was stopped, those alone that are sure."""
        self._rows: list[tuple[Row, str, int]] = []
        self._breaker = breaker
        self._probe = probe
        self._num_failed = breaker.num_failed

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """The items, as long as nothing stops the lane: then FetchError.

        At the end, what would be final is committed only where something has come since, or the probe comes now.
        """
        for item in items:
            self._breaker.check()
            self._num_failed = self._breaker.num_failed
            yield item
        if self._probe and self._probe.clears and any(outcome in FINAL for _, outcome in self._doubtful()):
            self._breaker.judge(self._probe, now=True)
            self._breaker.check()

    def add(self, row: Row, outcome: str) -> None:
        """A row and what became of it: `ok` or an error's kind. FetchError where that is one failure too many."""
        if outcome in (*_CAME, *_SAYS_NOTHING):
            self._rows.append((row, outcome, 0))
            if outcome in _CAME:
                self._breaker.came(self._num_failed)
        else:
            self._rows.append((row, outcome, self._breaker.failed(ErrorKind(outcome))))
            self._breaker.judge(self._probe)
        self._num_failed = self._breaker.num_failed
        self._breaker.check()

    def __enter__(self) -> "Lane[Row]":
        self._breaker.enter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, FetchError):
            self._breaker.stop(error)
        num_sure = self._breaker.num_sure if error else self._breaker.num_failed
        self.kept = [row for row, _, number in self._rows if number <= num_sure]
        self._breaker.leave()

    def _doubtful(self) -> list[tuple[Row, str]]:
        num_sure = self._breaker.num_sure
        return [(row, outcome) for row, outcome, number in self._rows if number > num_sure]
