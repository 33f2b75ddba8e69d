"""An API's daily allowance, counted over all processes and days that share a folder."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

from filelock import FileLock, Timeout

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.foundation import json_file
from h2a_curation.foundation.atomic_files import plain_name, replaced

_MAX_DAYS_KEPT = 8
_LOCK_TIMEOUT_S = 30.0


class DailyQuota:
    """Requests of one account by UTC day. A day is looked up by its date, so a clock that jumps cannot refill another.

    The file holds dates and numbers, and the account as a hash.
    """

    def __init__(
        self, per_day: int, *, account: str, folder: Path | None, clock: Callable[[], datetime], name: str
    ) -> None:
        """`folder` holds the count; without one, this process counts for itself."""
        if per_day < 1:
            raise ValueError(f"source {name}: requests_per_day is {per_day}; give at least 1")
        self._per_day = per_day
        self._account = blake2b(account.encode(), digest_size=8).hexdigest()
        self._file = None if folder is None else folder / f"{plain_name(name, 'the recipe names a source')}-quota.json"
        self._clock = clock
        self._name = name
        self._lock = threading.Lock()
        self._in_memory: dict[str, int] = {}

    def take(self) -> None:
        """Count one request that is about to be made; FetchError where the day has none left."""

        def one_more(used: int) -> int:
            if used >= self._per_day:
                raise self.used_up(f"all {self._per_day} requests of the day are made")
            return used + 1

        self._change(one_more)

    def exhaust(self) -> None:
        """The API says that the day is over, whatever we counted: others used the same account."""
        self._change(lambda used: max(used, self._per_day))

    def used(self) -> int:
        """Requests of today."""
        return self._change(lambda used: used)

    def used_up(self, detail: str) -> FetchError:
        """The error that stops the lane until the next UTC day."""
        now = self._clock().astimezone(UTC)
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
        return FetchError(
            ErrorKind.QUOTA,
            f"{self._name}: {detail}; it goes on at {midnight:%Y-%m-%d %H:%M} UTC",
            (midnight - now).total_seconds(),
        )

    def _change(self, change: Callable[[int], int]) -> int:
        day = f"{self._clock().astimezone(UTC):%Y-%m-%d}"
        with self._lock:
            if self._file is None:
                self._in_memory[day] = change(self._in_memory.get(day, 0))
                return self._in_memory[day]
            self._file.parent.mkdir(parents=True, exist_ok=True)
            try:
                with FileLock(f"{self._file}.lock", timeout=_LOCK_TIMEOUT_S):
                    return self._changed_in(self._file, day, change)
            except Timeout:
                raise FetchError(ErrorKind.TIMEOUT, f"{self._file} is locked by another process") from None

    def _changed_in(self, file: Path, day: str, change: Callable[[int], int]) -> int:
        counts = _read(file)
        days = counts.setdefault(self._account, {})
        before = days.get(day, 0)
        after = change(before)
        if after != before:
            days[day] = after
            counts[self._account] = {d: days[d] for d in sorted({*sorted(days)[-_MAX_DAYS_KEPT:], day})}
            with replaced(file.parent, file) as unfinished:
                unfinished.write(json.dumps(counts, indent=1).encode())
        return after


def _read(file: Path) -> dict[str, dict[str, int]]:
    """What was counted; a file that somebody broke is no reason to stop, and is written anew."""
    try:
        counts = json_file.read(file)
        return {str(a): {str(d): int(n) for d, n in days.items()} for a, days in counts.items()}
    except (FileNotFoundError, ValueError, AttributeError, TypeError, OverflowError):
        return {}
