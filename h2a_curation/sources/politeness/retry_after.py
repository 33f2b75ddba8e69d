"""How long a site asks us to wait, from its answer's headers."""

import email.utils
import time
from collections.abc import Callable, Mapping


def retry_after_s(headers: Mapping[str, str | None], now_s: Callable[[], float] = time.time) -> float | None:
    """Seconds that Retry-After gives, or until its date; None where it is neither.

    A date is compared with the answer's own Date: this machine's clock may be off, or jump.
    """
    value = (headers.get("Retry-After") or "").strip()
    if value.isdecimal():
        return float(value[:18])
    until_s = _moment_s(value)
    if until_s is None:
        return None
    said_s = _moment_s(headers.get("Date") or "")
    return max(0.0, until_s - (now_s() if said_s is None else said_s))


def _moment_s(date: str) -> float | None:
    parsed = email.utils.parsedate_tz(date)
    try:
        return None if parsed is None else float(email.utils.mktime_tz(parsed))
    except (ValueError, OverflowError):  # a year or an hour that there is not
        return None
