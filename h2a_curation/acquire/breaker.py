"""Stop a lane when much has failed in a row, and a request that is known to be good fails too: a circuit breaker.

A lane is one thread that asks a source for items. A streak is the consecutive failures, across all threads, since the
last success. What a failure means shows only afterwards: either the items were bad, or the site blocks us or has
changed. So each `Lane` keeps the rows of a streak back until it is clear:

- Something arrives that was asked for after the failures: the site works, and the failures were the items' own.
- The streak is long, and the known good item arrives: the same.
- The streak is long, and the known good item fails: every lane stops. The rows of the streak are never committed, so
  no item counts as failed for the site's fault, and the next run asks for it again.
- The streak is long, and there is no known good item, or its arrival would prove nothing: every lane stops if the
  adapter could not read enough of the answers, which a changed site explains best. Else the failures were the items'
  own.

There is no clock, so the same requests and answers always have the same end. After Nygard's circuit breaker (Release
It!, 2007), whose half-open state is here the request for the known good item.
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
"""Failures that are likely the site's fault. All others say more of the post, and count only in a longer streak."""
_SITE_WORKS = ("ok", ErrorKind.TOO_LARGE)
"""Outcomes that show the site at work: a file that is too large was being sent."""
_NOT_REQUESTED = (ErrorKind.OPT_OUT, ErrorKind.NOT_PERMITTED)
"""Outcomes without a request: they neither end a streak nor lengthen it."""
_LONG = 4
"""Length at which a streak of any kinds is suspicious, in lengths at which one of the site's fault is. A guess: posts
that are gone often stand together in old listings."""


@dataclass(frozen=True, slots=True)
class KnownGood:
    """An item that is known to be good, to be asked for when all else fails."""

    name: str
    ask: Callable[[], FetchError | None]
    """Ask for the item; None if it arrived, else why not."""
    clears: bool = True
    """Whether its arrival shows that the streak was the items' own fault. If it does not, only its failure counts."""


class Breaker:
    """Counts the failures of all lanes that ask one source for one kind of item.

    Once stopped it stays stopped until every lane has left, so that the next run starts afresh.
    """

    def __init__(self, after: int, noun: str) -> None:
        """`after`: consecutive failures of the site's kind that call for the known good item; `noun`: names an item."""
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
        """Failures so far, over all lanes; failures are numbered from 1."""
        return self._num_failed

    @property
    def num_sure(self) -> int:
        """Number up to which failures are known to be the items' own; those after it are the streak."""
        return self._num_sure

    def enter(self) -> None:
        """Count a lane that begins."""
        with self._lock:
            self._num_lanes += 1

    def leave(self) -> None:
        """Count a lane that ends. The last one clears the streak, so that the breaker can be used again."""
        with self._lock:
            self._num_lanes -= 1
            if not self._num_lanes:
                self._stopped = None
                self._clear(self._num_failed)

    def check(self) -> None:
        """Raise FetchError if the source must not be asked any more."""
        # A new exception for each lane: one object raised in several threads would mix their tracebacks.
        if (stopped := self._stopped) is not None:
            again = LaneStopped if isinstance(stopped, LaneStopped) else FetchError
            raise again(stopped.kind, stopped.detail, stopped.retry_after_s)

    def stop(self, error: FetchError) -> None:
        """Make every lane stop before its next item; if several errors stop it, the first one is the reason."""
        with self._lock:
            self._stopped = self._stopped or error

    def came(self, num_failed: int) -> None:
        """Note that an item arrived which was asked for after `num_failed` failures: these were the items' own.

        Failures since then are not cleared. A download that began before the site blocked us says nothing of them.
        """
        with self._lock:
            self._clear(num_failed)

    def failed(self, kind: ErrorKind) -> int:
        """Note that an item failed; returns the number of the failure."""
        with self._lock:
            self._num_failed += 1
            self._streak.append(kind)
            return self._num_failed

    def judge(self, probe: KnownGood | None, *, now: bool = False) -> None:
        """Ask for the known good item if the streak is long enough, and stop or clear the streak by what happens.

        `now`: ask however short the streak is. Only one thread asks; others wait for what it finds.
        """
        with self._judging:
            with self._lock:
                num_failed, num_sure, failed = self._num_failed, self._num_sure, Counter(self._streak)
            if self._stopped is not None or not (failed if now else self._is_due(failed)):
                return
            # Not under `_lock`: the request may take a minute, and other lanes must go on counting.
            error = probe.ask() if probe else None
            with self._lock:
                if num_sure != self._num_sure:
                    return  # an item arrived meanwhile, so the streak that was judged is over
                if probe and error:
                    self._stopped = self._stopped or self._known_good_failed(failed, probe, error)
                elif not (probe and probe.clears) and failed[ErrorKind.EXTRACTOR_BROKEN] >= self._after:
                    self._stopped = self._stopped or self._extractor_broken(failed)
                else:
                    self._clear(num_failed)

    def _is_due(self, failed: Counter[ErrorKind]) -> bool:
        """Whether the streak is long enough to ask for the known good item."""
        suspicious = sum(num for kind, num in failed.items() if kind in _SITES_FAULT)
        return suspicious >= self._after or failed.total() >= self._after * _LONG

    def _clear(self, num_failed: int) -> None:
        """Take the failures up to `num_failed` out of the streak, as the items' own. Called under `_lock`."""
        while self._num_sure < num_failed:
            self._streak.popleft()
            self._num_sure += 1

    def _known_good_failed(self, failed: Counter[ErrorKind], probe: KnownGood, error: FetchError) -> LaneStopped:
        return LaneStopped(
            error.kind,
            f"{self._in_words(failed)}, and {probe.name} failed too ({error}):"
            " the site has changed or blocks us, and none of them counts as failed",
        )

    def _extractor_broken(self, failed: Counter[ErrorKind]) -> LaneStopped:
        return LaneStopped(
            ErrorKind.EXTRACTOR_BROKEN,
            f"{self._in_words(failed)}: the site has changed, and none of them counts as failed;"
            " if it has not, name a post that is known to be good as the recipe's canary",
        )

    def _in_words(self, failed: Counter[ErrorKind]) -> str:
        kinds = ", ".join(f"{num} {kind}" for kind, num in sorted(failed.items(), key=lambda item: (-item[1], item[0])))
        num = failed.total()
        return f"{num} {self._noun}{'s in a row' if num > 1 else ''} failed ({kinds})"


class Lane(Generic[Row]):
    """Items and rows of one thread. It is a context manager; after its end, `kept` has the rows to commit."""

    def __init__(self, breaker: Breaker, probe: KnownGood | None) -> None:
        self.kept: list[Row] = []
        """Rows to commit: all of them, or without those of the streak if the lane was stopped."""
        # Each row with its outcome and the number of its failure, 0 for a success.
        self._rows: list[tuple[Row, str, int]] = []
        self._breaker = breaker
        self._probe = probe
        self._num_failed = breaker.num_failed

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items; raise FetchError as soon as the lane must stop.

        At the end a short streak may be left, whose meaning is open. If it has failures that would never be asked for
        again, the known good item is asked for before they are committed.
        """
        for item in items:
            self._breaker.check()
            self._num_failed = self._breaker.num_failed
            yield item
        if self._probe and self._probe.clears and any(outcome in FINAL for _, outcome in self._doubtful()):
            self._breaker.judge(self._probe, now=True)
            self._breaker.check()

    def add(self, row: Row, outcome: str) -> None:
        """Add an item's row and its outcome, `ok` or an error's kind; raise FetchError if the lane must stop by it."""
        if outcome in (*_SITE_WORKS, *_NOT_REQUESTED):
            self._rows.append((row, outcome, 0))
            if outcome in _SITE_WORKS:
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
        # Without an error the lane is through: a streak that is left was too short to mean anything, and is committed.
        num_sure = self._breaker.num_sure if error else self._breaker.num_failed
        self.kept = [row for row, _, number in self._rows if number <= num_sure]
        self._breaker.leave()

    def _doubtful(self) -> list[tuple[Row, str]]:
        """Rows of this lane whose failures are in the streak, each with its outcome."""
        num_sure = self._breaker.num_sure
        return [(row, outcome) for row, outcome, number in self._rows if number > num_sure]
