"""Try a request again: exponential back-off with jitter, never sooner than the site asks, the same in every run.

    wait before try n + 1 = max( min(max_wait_s, first_wait_s * 2^(n-1)) * (0.5 + h), what the site asks )

h is uniform on [0, 1): a hash of what is asked for and of n. Without jitter workers that failed together would try
again together. A hash in place of random numbers makes two runs over the same failures wait alike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from h2a_curation.acquire.errors import FetchError, Policy

T = TypeVar("T")

_LEAST_JITTER = 0.5
"""Least part of the back-off that is waited. With the hash's share of 1 on top the mean is the back-off itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """How often one request is made, and how long the waits between are. The defaults are guesses, not tuned."""

    max_tries: int = 4
    """Tries of one request in one run, the first included. With the defaults the waits are 3.5 s together on average:
    longer than a hiccup of the network, and short beside a download."""
    first_wait_s: float = 0.5
    """Seconds of the first wait, which doubles with every try; half to one and a half of it is waited."""
    max_wait_s: float = 30.0
    """Seconds beyond which the wait does not double any more."""
    max_retry_after_s: float = 120.0
    """Longest pause, in seconds, that a site may ask for. If it asks for more, this run does not try again."""
    max_runs: int = 5
    """Runs in which one page or post is asked for before a failure that may pass counts as final. Rounds that are
    planned later are not limited by it: they ask for a page again as long as its listing looks worth it."""

    def __post_init__(self) -> None:
        if self.max_tries < 1:
            raise ValueError(f"max_tries is {self.max_tries}: at least one try is needed")
        if self.max_runs < 1:
            raise ValueError(f"max_runs is {self.max_runs}: the first run is one")
        if not 0 <= self.first_wait_s <= self.max_wait_s:
            raise ValueError(f"first_wait_s must lie between 0 and max_wait_s: {self}")


@dataclass(slots=True)
class Tries:
    """Counter of the tries of a call, for the caller to read after the call has returned or raised."""

    num: int = 0


def with_retries(
    call: Callable[[], T], *, key: str, rules: RetryRules, sleep: Callable[[float], None], tries: Tries | None = None
) -> T:
    """Call until it succeeds. Raises its error if waiting would not help, or if the tries are used up.

    `key` names what is asked for: its hash spreads the waits.
    """
    counted = tries or Tries()

    def once() -> T:
        counted.num += 1
        return call()

    return Retrying(
        stop=stop_after_attempt(rules.max_tries),
        wait=lambda state: wait_s(key, state.attempt_number, _retry_after_s(state), rules),
        retry=retry_if_exception(lambda error: _is_worth_another_try(error, rules)),
        sleep=sleep,
        reraise=True,
    )(once)


def wait_s(key: str, num_tries: int, retry_after_s: float | None, rules: RetryRules) -> float:
    """Seconds to wait after `num_tries` tries: the formula at the head of this module."""
    share = int.from_bytes(blake2b(f"{key} {num_tries}".encode(), digest_size=4).digest()) / 2**32
    backoff_s = min(rules.max_wait_s, rules.first_wait_s * 2.0 ** (num_tries - 1)) * (_LEAST_JITTER + share)
    return max(backoff_s, retry_after_s or 0.0)


def _is_worth_another_try(error: BaseException, rules: RetryRules) -> bool:
    """Whether waiting may help. Any error but FetchError is a bug, which must stop the lane at once."""
    if not isinstance(error, FetchError) or error.policy in (Policy.NEVER, Policy.LATER):
        return False
    return (error.retry_after_s or 0.0) <= rules.max_retry_after_s


def _retry_after_s(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after_s if isinstance(error, FetchError) else None
