"""The listings slow down for whoever asks too fast: late answers first, then refusals that say when to come back."""

import time
from collections import deque
from collections.abc import Callable

from h2a_curation.sample_world.world.faults import Fault, Throttle


class Pressure:
    """What the listings were asked of late. No page is refused twice: this costs a client time and a try, not a page.

    Which pages it strikes depends on the client's speed, so nothing that they hold may.
    """

    def __init__(self, limits: Throttle, now_s: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._now_s = now_s
        self._asked_s: deque[float] = deque()
        self._refused: set[str] = set()

    def fault(self, page: str) -> Fault | None:
        """How this request for a page is spoilt; None while the site is asked slowly enough."""
        limits, now_s = self._limits, self._now_s()
        self._asked_s.append(now_s)
        while self._asked_s[0] <= now_s - limits.within_s:
            self._asked_s.popleft()
        if len(self._asked_s) > limits.refuses_from and page not in self._refused:
            self._refused.add(page)
            return Fault(kind="rate_limited", route="tag", status=429, num_tries=1, wait_s=limits.retry_after_s)
        if len(self._asked_s) > limits.slows_from:
            return Fault(kind="slow", route="tag", status=200, num_tries=1, wait_s=limits.slow_s)
        return None
