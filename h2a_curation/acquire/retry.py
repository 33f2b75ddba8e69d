"""Trying again: back-off with jitter, as long as the site asks, and the same waits in every run."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from h2a_curation.acquire.errors import FetchError, Policy

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """How often and how patiently one request is made."""

    max_tries: int = 4
    """Tries of one request in one run, the first among them."""
    first_wait_s: float = 0.5
    """Doubles with every try; half to one and a half of it is waited, by a hash of what is asked for."""
    max_wait_s: float = 30.0
    """The longest pause before a try."""
    max_retry_after_s: float = 120.0
    """A site that asks for a longer pause is not asked again in this run."""
    max_runs: int = 5
    """Runs in which one page or post is asked for before a failure that may pass counts as final. Rounds that are
    planned later come on top: they ask for a page again as long as its listing looks worth it."""

    def __post_init__(self) -> None:
        if self.max_tries < 1:
            raise ValueError(f"max_tries is {self.max_tries}: at least one try is needed")
        if self.max_runs < 1:
            raise ValueError(f"max_runs is {self.max_runs}: the first run is one")
        if not 0 <= self.first_wait_s <= self.max_wait_s:
            raise ValueError(f"first_wait_s must lie between 0 and max_wait_s: {self}")


@dataclass(slots=True)
class Tries:
    """How often a call was made; read after it has ended, well or not."""

    num: int = 0


def with_retries(
    call: Callable[[], T], *, key: str, rules: RetryRules, sleep: Callable[[float], None], tries: Tries | None = None
) -> T:
    """Call until it succeeds, its error is one that waiting does not mend, or the tries are used up: then FetchError.

    `key` names what is asked for: waits are spread by its hash, so that they need no random numbers.
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
    """Seconds to wait after so many tries; never less than what the site asked for."""
    share = int.from_bytes(blake2b(f"{key} {num_tries}".encode(), digest_size=4).digest()) / 2**32
    backoff_s = min(rules.max_wait_s, rules.first_wait_s * 2.0 ** (num_tries - 1)) * (0.5 + share)
    return max(backoff_s, retry_after_s or 0.0)


def _is_worth_another_try(error: BaseException, rules: RetryRules) -> bool:
    if not isinstance(error, FetchError) or error.policy in (Policy.NEVER, Policy.LATER):
        return False
    return (error.retry_after_s or 0.0) <= rules.max_retry_after_s


def _retry_after_s(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after_s if isinstance(error, FetchError) else None
