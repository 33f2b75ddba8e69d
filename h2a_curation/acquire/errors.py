"""Name every way in which a request to a platform can fail, and what is done about each.

The set is closed. Its words stand in the rows (`Request.outcome`, `Media.outcome`), so they are safe to GROUP BY.
"""

from enum import StrEnum

from h2a_curation.foundation.secret_text import hidden


class ErrorKind(StrEnum):
    """Why a request failed, in one word."""

    GONE = "gone"
    """The post was deleted, or was never there."""
    PRIVATE = "private"
    LOGIN = "login"
    """The post is only for people who are logged in. The user may pass cookies of an account."""
    BLOCKED = "blocked"
    """The site refuses this region or network address."""
    RATE_LIMITED = "rate_limited"
    IMPERSONATION = "impersonation"
    """The site wants a browser's fingerprint, and none is configured."""
    EXTRACTOR_BROKEN = "extractor_broken"
    """The site has changed, or the code that reads it has a bug."""
    PHOTO_POST = "photo_post"
    NO_VIDEO = "no_video"
    """The post is there, but it has no video stream that can be downloaded."""
    NOT_YET = "not_yet"
    """The video is announced or still being processed: the site says that it will be available."""
    TRUNCATED = "truncated"
    """Fewer bytes arrived than the site announced, or none."""
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    NOT_VIDEO = "not_video"
    """The file that arrived is a web page or another kind of file."""
    SERVER_ERROR = "server_error"
    NOT_PERMITTED = "not_permitted"
    """The address leads where only whoever runs the command may let it, such as into a private network."""
    UNREACHABLE = "unreachable"
    """There is no connection at all: the name, the route or the port fails."""
    QUOTA = "quota"
    """The day's allowance of an API is used up. All further requests wait for the next day."""
    CREDENTIALS = "credentials"
    """The site refuses the user's key, token or cookies."""
    OPT_OUT = "opt_out"
    """The host, the creator or the user's own list asks to leave the post alone."""
    UNEXPECTED = "unexpected"
    """An error arose that nobody expected, at this post or page alone; the lake's log has its trace."""


class Policy(StrEnum):
    """What is done about an error."""

    NEVER = "never"
    """The error is a fact about the post. It becomes a row, and nobody asks for the post again."""
    LATER = "later"
    """Trying again at once would not help. The error becomes a row, and a later run asks again."""
    RETRY = "retry"
    """The run tries again with back-off. If that fails, the error becomes a row, and a later run asks again."""
    STOP = "stop"
    """The run tries again with back-off. If that fails, the lane stops without a row: it is not the post's fault."""


# A kind that may pass by itself must not be NEVER: a row of NEVER is final in every later run of the lake.
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
    ErrorKind.NOT_PERMITTED: Policy.LATER,
    ErrorKind.UNREACHABLE: Policy.STOP,
    ErrorKind.QUOTA: Policy.STOP,
    ErrorKind.CREDENTIALS: Policy.STOP,
    ErrorKind.OPT_OUT: Policy.NEVER,
    ErrorKind.UNEXPECTED: Policy.LATER,
}
"""Policy of each kind for a single failure. Many failures in a row stop the lane whatever their policy: breaker.py."""
FINAL = tuple(kind.value for kind, policy in POLICIES.items() if policy is Policy.NEVER)
"""Outcomes after which nobody asks for the post again."""


_MAX_DETAIL_LETTERS = 500
"""Letters of an error's own words that are kept: some sites answer with a whole page."""
_MAX_LETTERS_READ = 10_000
"""Letters that are searched for secrets, of which the first are kept."""


class FetchError(Exception):
    """A page of a listing or a post's file could not be fetched.

    `retry_after_s`: seconds that the site asks us to wait; None if it does not say.
    """

    def __init__(self, kind: ErrorKind, detail: str, retry_after_s: float | None = None) -> None:
        told = hidden(detail[:_MAX_LETTERS_READ])  # servers and libraries repeat the address, and what was sent with it
        super().__init__(f"{kind}: {told}")
        self.kind = kind
        self.detail = " ".join(told.split())[:_MAX_DETAIL_LETTERS]
        self.retry_after_s = retry_after_s

    @property
    def policy(self) -> Policy:
        """What is done about the error."""
        return POLICIES[self.kind]


class SourceChanged(FetchError):  # noqa: N818  # named for what happened
    """The site answered in another form than its adapter knows."""

    def __init__(self, detail: str) -> None:
        super().__init__(ErrorKind.EXTRACTOR_BROKEN, detail)


class LaneStopped(FetchError):  # noqa: N818  # named for what happened
    """Too many requests failed in a row. `kind` is the likeliest reason; its policy for one post does not apply."""

    @property
    def policy(self) -> Policy:
        """STOP, whatever the kind says: this run asks the source for nothing more."""
        return Policy.STOP
