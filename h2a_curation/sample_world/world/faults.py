"""How the platform answers badly: permanently by the post alone, or for a few tries that then clear."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong on one route of one post."""

    kind: Literal["private", "deleted", "forbidden", "missing", "rate_limited", "server_error", "slow", "hanging"]
    route: Literal["post", "media", "tag"]
    status: int
    """HTTP status of the bad answer; 200 where the answer comes whole, only late."""
    num_tries: int | None
    """Requests that it spoils, counted by the server since its start; None: all, for ever."""
    wait_s: float = 0.0
    """Time until a slow answer is complete, until a hanging one breaks off, or the Retry-After of a 429."""

    @property
    def is_permanent(self) -> bool:
        """Whether the post can never be fetched."""
        return self.num_tries is None


PRIVATE = Fault(kind="private", route="post", status=403, num_tries=None)
DELETED = Fault(kind="deleted", route="post", status=410, num_tries=None)
NOT_FOUND = Fault(kind="deleted", route="post", status=404, num_tries=None)
FORBIDDEN = Fault(kind="forbidden", route="media", status=403, num_tries=None)
MISSING = Fault(kind="missing", route="media", status=404, num_tries=None)
PERMANENT = (PRIVATE, DELETED, FORBIDDEN, MISSING, NOT_FOUND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """The longest that each bad answer takes, in seconds."""

    slow_s: float
    hanging_s: float
    retry_after_s: int
    """Whole seconds, as HTTP wants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """How many listing pages may be asked for within a time."""

    within_s: float
    slows_from: int
    """Beyond so many, answers come `slow_s` late."""
    refuses_from: int
    """Beyond so many, a page's first try is a 429 with this Retry-After."""
    slow_s: float
    retry_after_s: int
    """Whole seconds, as HTTP wants."""


def temporary_faults(waits: Waits) -> list[Fault]:
    """Those that clear within three tries, each as likely as the others."""

    def spoils(num_tries: int, kind: str, route: str, status: int, wait_s: float = 0.0) -> Fault:
        return Fault(kind=kind, route=route, status=status, num_tries=num_tries, wait_s=wait_s)  # type: ignore[arg-type]

    return [
        spoils(1, "rate_limited", "post", 429, waits.retry_after_s),
        spoils(1, "rate_limited", "media", 429, waits.retry_after_s),
        spoils(1, "server_error", "post", 503),
        spoils(2, "server_error", "post", 500),
        spoils(1, "server_error", "media", 502),
        spoils(2, "server_error", "media", 503),
        spoils(1, "slow", "media", 200, waits.slow_s),
        spoils(1, "slow", "post", 200, waits.slow_s),
        spoils(1, "hanging", "media", 200, waits.hanging_s),
        spoils(1, "hanging", "post", 504, waits.hanging_s),
    ]
