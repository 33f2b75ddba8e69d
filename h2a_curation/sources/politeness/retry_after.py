"""How long a site asks us to wait, from its answer's headers."""

import email.utils
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

_FIRST_MOMENT_S = 1e9
"""Numbers below it are a span and no moment: it is a day of 2001."""
_EPOCH_YEAR = 1970


def retry_after_s(headers: Mapping[str, str | None], now_s: Callable[[], float] = time.time) -> float | None:
    """Seconds that Retry-After gives, or until its date; else until X-RateLimit-Reset if X-RateLimit-Remaining is 0.

    None where none of them says how long. A date is compared with the answer's own Date: this machine's clock may be
    off, or jump.
    """
    value = (headers.get("Retry-After") or "").strip()
    if value.isdecimal():
        return float(value[:18])
    until_s = _moment_s(value)
    if until_s is None and (headers.get("X-RateLimit-Remaining") or "").strip() == "0":
        until_s = _reset_s((headers.get("X-RateLimit-Reset") or "").strip())
        if until_s is not None and until_s < _FIRST_MOMENT_S:
            return until_s
    if until_s is None:
        return None
    said_s = _moment_s(headers.get("Date") or "")
    return max(0.0, until_s - (now_s() if said_s is None else said_s))


def _reset_s(value: str) -> float | None:
    """A date of ISO 8601 (Mastodon), seconds since 1970 (PeerTube), or seconds from now on: what is below 2001."""
    if value.isdecimal():
        return float(value[:18])
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() if moment.year > _EPOCH_YEAR else None


def _moment_s(date: str) -> float | None:
    parsed = email.utils.parsedate_tz(date)
    try:
        return None if parsed is None else float(email.utils.mktime_tz(parsed))
    except (ValueError, OverflowError):  # a year or an hour that there is not
        return None
