"""Not too fast: a least time between two requests to one host, whatever the number of threads."""

import threading
import time
from collections.abc import Callable


class Pace:
    """Callers of one host are let through one after the other, `min_interval_s` apart."""

    def __init__(
        self,
        min_interval_s: float,
        *,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if min_interval_s < 0:
            raise ValueError(f"seconds between requests cannot be negative: {min_interval_s}")
        self._min_interval_s = min_interval_s
        self._now_s = now_s
        self._sleep = sleep
        self._next_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait(self, host: str) -> None:
        """Return when it is this caller's turn."""
        with self._lock:
            now_s = self._now_s()
            turn_s = max(now_s, self._next_s.get(host, now_s))
            self._next_s[host] = turn_s + self._min_interval_s
        if turn_s > now_s:
            self._sleep(turn_s - now_s)
