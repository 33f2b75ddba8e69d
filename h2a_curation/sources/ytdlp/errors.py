"""What yt-dlp raises, in the words of our taxonomy."""

import re
from collections.abc import Iterator

from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import ContentTooShortError, GeoRestrictedError, UnsupportedError

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.sources.http import status_kind
from h2a_curation.sources.politeness.retry_after import retry_after_s

WORDS: list[tuple[str, ErrorKind]] = [
    (r"failed to parse (json|xml)", ErrorKind.EXTRACTOR_BROKEN),
    (r"unsupported url|not a valid url|no suitable extractor|file:// urls are disabled", ErrorKind.NOT_VIDEO),
    (r"larger than max-filesize", ErrorKind.TOO_LARGE),
    (r"bytes read|more expected|content too short|expected \d+ bytes|any data blocks", ErrorKind.TRUNCATED),
    (r"timed? ?out", ErrorKind.TIMEOUT),
    (r"rate.?limit|too many requests|not a bot|captcha", ErrorKind.RATE_LIMITED),
    (r"cookies are no longer valid", ErrorKind.CREDENTIALS),
    (r"not available on this app", ErrorKind.EXTRACTOR_BROKEN),
    (r"temporarily unavailable|maintenance|not closed cleanly|internal_error|bad gateway", ErrorKind.SERVER_ERROR),
    (
        r"(is|to) private|private (video|account|post)|private:|friends only|who follow this|no permission$",
        ErrorKind.PRIVATE,
    ),
    (r"ip address is blocked|in your (country|region|location)|from your location|geo.?restrict", ErrorKind.BLOCKED),
    (r"impersonat", ErrorKind.IMPERSONATION),
    (r"log ?in|sign ?in|--cookies|--username|authenticat|registered users", ErrorKind.LOGIN),
    (r"members.only|channel'?s? members|age.restricted|premium|requires payment|payment information", ErrorKind.LOGIN),
    (r"photo|slideshow|image post|no video in this post", ErrorKind.PHOTO_POST),
    (
        r"premieres? (in|will begin|shortly)|(live event|stream|video) (will|has not|hasn't) (begin|start)",
        ErrorKind.NOT_YET,
    ),
    (r"(being|still) process|processing this video|not yet (available|started)|come back later", ErrorKind.NOT_YET),
    (r"livestream has ended|offline|recording is not available", ErrorKind.NO_VIDEO),
    (r"ffmpeg could not be found", ErrorKind.NO_VIDEO),
    (r"requested format is not available|no video|drm protected", ErrorKind.NO_VIDEO),
    (r"resolve|name resolution|name or service|could not connect|certificate|proxy", ErrorKind.UNREACHABLE),
    (r"connection refused|unreachable|no route to host", ErrorKind.UNREACHABLE),
    (r"reset by peer|remote end closed|connection aborted|broken pipe|disconnected", ErrorKind.SERVER_ERROR),
    (r"removed|deleted|no longer|unavailable|not available|not exist|not found|\bterminated|closed", ErrorKind.GONE),
]
"""Searched in order in the error's lower-case text: extractors tell by words what they know."""


def fetch_error(error: BaseException, last_network_error: Exception | None = None) -> FetchError:
    """The FetchError for what yt-dlp raised. What fits nothing is `extractor_broken`.

    `last_network_error` counts only where yt-dlp's text repeats it: an extractor may have shrugged it off.
    """
    chain = list(_chain(error))
    if last_network_error is not None and str(last_network_error) in str(error):
        chain.extend(_chain(last_network_error))
    detail = _plain(str(error))
    for cause in chain:
        if isinstance(cause, FetchError):
            return cause
        if isinstance(cause, HTTPError):
            return FetchError(_kind_by_status(cause.status, detail), detail, retry_after_s(cause.response.headers))
        if (kind := _kind_by_type(cause)) is not None:
            return FetchError(kind, detail)
    told = _kind_by_words(" ".join(_plain(str(cause)) for cause in chain))
    return FetchError(told or ErrorKind.EXTRACTOR_BROKEN, detail)


def _kind_by_status(status: int, detail: str) -> ErrorKind:
    """A refusal may say in words what its number leaves open."""
    told = _kind_by_words(detail) if status in (401, 403) else None
    is_refusal = told in (ErrorKind.PRIVATE, ErrorKind.LOGIN, ErrorKind.BLOCKED, ErrorKind.IMPERSONATION)
    return told if told is not None and is_refusal else status_kind(status)


def _kind_by_type(error: BaseException) -> ErrorKind | None:
    if isinstance(error, GeoRestrictedError):
        return ErrorKind.BLOCKED
    if isinstance(error, UnsupportedError):
        return ErrorKind.NOT_VIDEO
    if isinstance(error, ContentTooShortError):
        return ErrorKind.TRUNCATED
    if isinstance(error, TimeoutError):
        return ErrorKind.TIMEOUT
    return None


def _kind_by_words(text: str) -> ErrorKind | None:
    return next((kind for pattern, kind in WORDS if re.search(pattern, text.lower())), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it: yt-dlp keeps causes in `cause` and `exc_info`, Python in its own fields."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        _, kept, _ = getattr(current, "exc_info", None) or (None, None, None)
        causes = (kept, getattr(current, "cause", None), current.__cause__, current.__context__)
        waiting.extend(cause for cause in causes if isinstance(cause, BaseException))


def _plain(text: str) -> str:
    """One line without colours and without yt-dlp's request for a bug report."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = re.sub(r";? please report this issue on.*", "", text, flags=re.DOTALL)
    return " ".join(text.split()).removeprefix("ERROR: ")
