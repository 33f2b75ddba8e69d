"""Every way in which a platform can fail us: a closed set, and what is done about each.

The words stand in the rows (`Request.outcome`, `Media.outcome`), so they are safe to GROUP BY.
"""

from enum import StrEnum


class ErrorKind(StrEnum):
    """What went wrong, in one word."""

    GONE = "gone"
    """Deleted, or never there."""
    PRIVATE = "private"
    LOGIN = "login"
    """Only for accounts: the user may give own cookies."""
    BLOCKED = "blocked"
    """Forbidden to this region or address."""
    RATE_LIMITED = "rate_limited"
    IMPERSONATION = "impersonation"
    """The site wants a browser's fingerprint, and none is configured."""
    EXTRACTOR_BROKEN = "extractor_broken"
    """The site has changed, or the code that reads it has a bug."""
    PHOTO_POST = "photo_post"
    NO_VIDEO = "no_video"
    """The post is there and has no video stream that we could take."""
    NOT_YET = "not_yet"
    """Announced or still being made ready: the site says that it will come."""
    TRUNCATED = "truncated"
    """Fewer bytes came than were promised, or none."""
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    NOT_VIDEO = "not_video"
    """What came is a page or another kind of file."""
    SERVER_ERROR = "server_error"
    UNREACHABLE = "unreachable"
    """No connection at all: name, route or port."""
    QUOTA = "quota"
    """The day's allowance of an API is used up: everything else waits for the next day."""
    CREDENTIALS = "credentials"
    """The key, token or cookies that the user gave are refused."""
    OPT_OUT = "opt_out"
    """The host, the creator or the user's own list asks that this is left alone."""


class Policy(StrEnum):
    """What is done about an error."""

    NEVER = "never"
    """A fact about the post: a row, not asked for again."""
    LATER = "later"
    """Nothing that trying again at once would mend: a row, and a later run asks again."""
    RETRY = "retry"
    """Tried again with back-off within the run, then a row, and a later run asks again."""
    STOP = "stop"
    """Tried again with back-off, then the lane stops: not the post's fault, so no id is burnt as failed."""


POLICIES: dict[ErrorKind, Policy] = {
    ErrorKind.GONE: Policy.NEVER,
    ErrorKind.PRIVATE: Policy.NEVER,
    ErrorKind.LOGIN: Policy.LATER,
    ErrorKind.BLOCKED: Policy.LATER,
    ErrorKind.RATE_LIMITED: Policy.RETRY,
    ErrorKind.IMPERSONATION: Policy.LATER,
    ErrorKind.EXTRACTOR_BROKEN: Policy.RETRY,
    ErrorKind.PHOTO_POST: Policy.NEVER,
    ErrorKind.NO_VIDEO: Policy.NEVER,
    ErrorKind.NOT_YET: Policy.LATER,
    ErrorKind.TRUNCATED: Policy.RETRY,
    ErrorKind.TIMEOUT: Policy.RETRY,
    ErrorKind.TOO_LARGE: Policy.NEVER,
    ErrorKind.NOT_VIDEO: Policy.NEVER,
    ErrorKind.SERVER_ERROR: Policy.RETRY,
    ErrorKind.UNREACHABLE: Policy.STOP,
    ErrorKind.QUOTA: Policy.STOP,
    ErrorKind.CREDENTIALS: Policy.STOP,
    ErrorKind.OPT_OUT: Policy.NEVER,
}
"""Many failures in a row stop the lane too, whatever their policy: see `breaker`."""
FINAL = tuple(kind.value for kind, policy in POLICIES.items() if policy is Policy.NEVER)
"""Outcomes that are never asked about again."""


class FetchError(Exception):
    """A listing or a post's file did not come.

    `retry_after_s`: how long the site asked us to wait.
    """

    def __init__(self, kind: ErrorKind, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = " ".join(detail.split())[:500]
        self.retry_after_s = retry_after_s

    @property
    def policy(self) -> Policy:
        """What is done about it."""
        return POLICIES[self.kind]


class SourceChanged(FetchError):  # noqa: N818  # named for what happened
    """The site answered, but not in the shape that its adapter knows."""

    def __init__(self, detail: str) -> None:
        super().__init__(ErrorKind.EXTRACTOR_BROKEN, detail)


class LaneStopped(FetchError):  # noqa: N818  # named for what happened
    """Too much failed in a row: `kind` is the likeliest word for why, whatever its policy is for one post."""

    @property
    def policy(self) -> Policy:
        """Nothing more is asked of the source in this run."""
        return Policy.STOP
