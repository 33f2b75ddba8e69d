"""HTTP as our own sources speak it: one client with pace and limits, and one word for each way in which it fails.

libcurl keeps the time of a whole transfer by its own clock, headers included, so a server that sends a byte of a header
a second is left as surely as one that is silent. Redirects are followed here and not in libcurl: each hop is another
host's turn, and leads to http or https alone. yt-dlp keeps its own networking, and shares pace, limits and words
(`ytdlp/client.py`).
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from curl_cffi import CurlECode, CurlOpt
from curl_cffi.requests import Response, Session
from curl_cffi.requests.exceptions import RequestException, Timeout

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.foundation.secret_text import remember, secrets_in
from h2a_curation.sources.curl_guard import guard
from h2a_curation.sources.politeness.pace import Pace, Seat, host_of
from h2a_curation.sources.politeness.retry_after import retry_after_s
from h2a_curation.sources.reach import Reach

_STATUS: dict[int, ErrorKind] = {
    401: ErrorKind.LOGIN,
    403: ErrorKind.BLOCKED,
    404: ErrorKind.GONE,
    407: ErrorKind.BLOCKED,
    408: ErrorKind.TIMEOUT,
    410: ErrorKind.GONE,
    413: ErrorKind.TOO_LARGE,
    416: ErrorKind.TRUNCATED,
    425: ErrorKind.RATE_LIMITED,
    429: ErrorKind.RATE_LIMITED,
    451: ErrorKind.BLOCKED,
}
_CURL: dict[int, ErrorKind] = {
    CurlECode.FILESIZE_EXCEEDED: ErrorKind.TOO_LARGE,
    CurlECode.PARTIAL_FILE: ErrorKind.TRUNCATED,
    CurlECode.RECV_ERROR: ErrorKind.SERVER_ERROR,
    CurlECode.SEND_ERROR: ErrorKind.SERVER_ERROR,
    CurlECode.GOT_NOTHING: ErrorKind.SERVER_ERROR,
    CurlECode.WEIRD_SERVER_REPLY: ErrorKind.SERVER_ERROR,
    CurlECode.UNSUPPORTED_PROTOCOL: ErrorKind.SERVER_ERROR,  # an answer that is no HTTP: addresses are looked at before
    CurlECode.BAD_CONTENT_ENCODING: ErrorKind.SERVER_ERROR,
    CurlECode.HTTP2: ErrorKind.SERVER_ERROR,
    CurlECode.HTTP2_STREAM: ErrorKind.SERVER_ERROR,
    CurlECode.TOO_LARGE: ErrorKind.SERVER_ERROR,
}
"""A failure that is no timeout and not among these is one of the connection. `TOO_LARGE`: headers without end."""
_REDIRECTS = (301, 302, 303, 307, 308)
_PAGES = ("text/html", "application/xhtml+xml", "application/json")
"""Types that no video has, however carelessly a host names what it serves."""
_MAX_REDIRECTS = 5
"""RFC 9309 asks for five at least where robots.txt is concerned; yt-dlp follows as many through curl."""
_MAX_ANSWER_BYTES = 32_000_000
"""A page of a listing, decompressed. The largest that we know, 100 videos of TikTok's API, has 0.3 MB."""


def status_kind(status: int) -> ErrorKind:
    """The kind of an HTTP status outside 2xx.

    Other 5xx are `server_error`, and so is a redirect that leads nowhere. Other 4xx are `gone`: the site will not give
    us this, however often we ask.
    """
    if status in _STATUS:
        return _STATUS[status]
    return ErrorKind.GONE if 400 <= status < 500 else ErrorKind.SERVER_ERROR


def is_absent(status: int) -> bool:
    """Whether a status says that there is no such file, as RFC 9309 (2.3.1.3) reads it for robots.txt."""
    return 400 <= status < 500 and status != 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came for one request of ours, after its redirects."""

    url: str
    """The address that answered."""
    status: int
    headers: Mapping[str, str | None]
    body: bytes
    """What came, decompressed; empty where it was written to a file."""
    num_requests: int
    """One, and one for each redirect."""
    num_bytes: int
    """Bytes of all bodies that came, decompressed."""

    @property
    def retry_after_s(self) -> float | None:
        """How long the host asks us to wait."""
        return retry_after_s(self.headers)

    def raise_for_status(self) -> "Answer":
        """This answer; FetchError where its status is not 2xx."""
        if 200 <= self.status < 300:
            return self
        raise FetchError(status_kind(self.status), f"{self.url} answers {self.status}", self.retry_after_s)


@dataclass(slots=True)
class _Body:
    """Takes a body as it comes, decompressed, and hangs up beyond the limit: a small gzip can hold gigabytes."""

    write: Callable[[bytes], object]
    max_bytes: int
    num_bytes: int = 0

    def __call__(self, chunk: bytes) -> int:
        self.num_bytes += len(chunk)
        if self.num_bytes > self.max_bytes:
            return _HANG_UP
        self.write(chunk)
        return len(chunk)


_HANG_UP = 0xFFFFFFFF
"""CURL_WRITEFUNC_ERROR."""


class HttpClient:
    """Safe to call from several threads: each has its own connections, all have one pace."""

    def __init__(
        self,
        pace: Pace,
        limits: FetchRules,
        reach: Reach,
        *,
        proxy: str | None = None,
        max_answer_bytes: int = _MAX_ANSWER_BYTES,
    ) -> None:
        """`limits.timeout_s` bounds one call with all its redirects; what is waited for a turn is not counted.

        What the reach does not admit is not asked, be it by name, by a redirect or by what a name leads to.
        """
        remember(*secrets_in(proxy or ""))
        self._reach = reach
        self._pace = pace
        self._limits = limits
        self._max_answer_bytes = max_answer_bytes
        self._session = Session[Response](
            proxy=proxy,
            allow_redirects=False,
            curl_options={
                CurlOpt.PROTOCOLS_STR: b"http,https",
                # Fewer than a byte a second for so long is silence; libcurl counts whole seconds.
                CurlOpt.LOW_SPEED_LIMIT: 1,
                CurlOpt.LOW_SPEED_TIME: math.ceil(limits.socket_timeout_s),
                CurlOpt.CONNECTTIMEOUT_MS: math.ceil(1000 * limits.socket_timeout_s),
            },
        )

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """The answer to a GET, whatever its status, after redirects. FetchError where none came within the limits."""
        body = bytearray()
        sink = _Body(body.extend, self._max_answer_bytes)
        return replace(self._follow(url, sink, body.clear, {"headers": dict(headers or {})}), body=bytes(body))

    def post(self, url: str, *, at_turn: Callable[[], object] | None = None, **request: Any) -> Answer:
        """The answer to a POST, whatever its status; `json`, `data` and `headers` as curl_cffi takes them.

        `at_turn` is called when the host's turn has come, right before the request goes out. A redirect is the answer
        and is not followed: the request may carry a secret, which is for this address alone. What a pause that the
        answer asks for means is the API's own, so it is the caller who says `pause`.
        """
        body = bytearray()
        sink = _Body(body.extend, self._max_answer_bytes)
        with self._pace.seat() as seat:
            self._check(url)
            self._take_turn(url, seat)
            if at_turn is not None:
                at_turn()
            response = self._transfer("POST", url, _Stopwatch(self._limits.timeout_s), sink, request)
        return _answer(response, url, bytes(body), 1, sink.num_bytes)

    def leads_to(self, url: str) -> str | None:
        """Where an address redirects to, which is not asked; None where it answers by itself.

        FetchError for a status of failure, or where no answer came within the limits.
        """
        sink = _Body(lambda _: None, self._max_answer_bytes)
        with self._pace.seat() as seat:
            self._check(url)
            self._take_turn(url, seat)
            response = self._transfer("GET", url, _Stopwatch(self._limits.timeout_s), sink, {})
        if wait_s := retry_after_s(response.headers):
            self.pause(url, wait_s)
        place: str | None = response.headers.get("Location")
        if response.status_code in _REDIRECTS and place:
            return urljoin(url, place)
        _answer(response, url, b"", 1, sink.num_bytes).raise_for_status()
        return None

    def pause(self, url: str, seconds: float) -> None:
        """The address's host asks that nobody comes for so long."""
        self._pace.pause(host_of(url), seconds)

    def small_text(self, url: str, max_bytes: int) -> str | None:
        """The first bytes of a text file, or None where there is none. FetchError for a host that fails."""
        body = bytearray()
        try:
            answer = self._follow(url, _Body(body.extend, self._max_answer_bytes), body.clear, {})
        except FetchError as error:
            if error.kind is not ErrorKind.TOO_LARGE:
                raise
        else:
            if is_absent(answer.status):
                return None
            answer.raise_for_status()
        return bytes(body[:max_bytes]).decode("utf-8", "replace")

    def save(self, url: str, target: Path) -> Answer:
        """Write the body to `target`. FetchError for a page, for another status than 2xx, and beyond the limits."""
        with target.open("wb") as file:
            sink = _Body(file.write, self._limits.max_file_bytes)
            answer = self._follow(url, sink, lambda: file.truncate(file.seek(0)), {}).raise_for_status()
        if (type_ := (answer.headers.get("Content-Type") or "").partition(";")[0].strip().lower()) in _PAGES:
            raise FetchError(ErrorKind.NOT_VIDEO, f"{url} gives {type_}")
        if not target.stat().st_size:
            raise FetchError(ErrorKind.TRUNCATED, f"{url} gives an empty file")
        return answer

    def _follow(self, url: str, sink: _Body, begin_anew: Callable[[], object], request: dict[str, Any]) -> Answer:
        """GET an address and where it leads to; what comes with a redirect is for people who read, and not kept."""
        stopwatch, num_requests = _Stopwatch(self._limits.timeout_s), 0
        with self._pace.seat() as seat:
            while True:
                self._check(url)
                begin_anew()
                self._take_turn(url, seat)
                response = self._transfer("GET", url, stopwatch, sink, request)
                num_requests += 1
                if wait_s := retry_after_s(response.headers):
                    self.pause(url, wait_s)
                place = response.headers.get("Location")
                if response.status_code not in _REDIRECTS or not place:
                    return _answer(response, url, b"", num_requests, sink.num_bytes)
                if num_requests > _MAX_REDIRECTS:
                    raise FetchError(ErrorKind.SERVER_ERROR, f"more than {_MAX_REDIRECTS} redirects: {place}")
                url = urljoin(url, place)

    def _check(self, url: str) -> None:
        """FetchError for a file of this machine (`file:`), another service (`ftp:`), or what is out of reach."""
        try:
            is_web = urlsplit(url).scheme.lower() in ("http", "https")
        except ValueError:
            is_web = False
        if not is_web:
            raise FetchError(ErrorKind.EXTRACTOR_BROKEN, f"{url[:200]!r} is no web address, so it is not asked for")
        self._reach.check(url)

    def _take_turn(self, url: str, seat: Seat) -> None:
        seat.take(host_of(url))
        self._pace.wait(host_of(url))

    def _transfer(
        self, method: Any, url: str, stopwatch: "_Stopwatch", sink: _Body, request: dict[str, Any]
    ) -> Response:
        with stopwatch as left_s:
            guard(self._session.curl, self._reach)
            try:
                return self._session.request(method, url, timeout=left_s, content_callback=sink, **request)
            except RequestException as error:
                raise _failed(error, sink) from None


class _Stopwatch:
    """Seconds left of one call's time; it runs while a transfer does."""

    def __init__(self, left_s: float) -> None:
        self._left_s = left_s
        self._started_s = 0.0

    def __enter__(self) -> float:
        if self._left_s <= 0:
            raise FetchError(ErrorKind.TIMEOUT, "the time for one try was used up")
        self._started_s = time.monotonic()
        return self._left_s

    def __exit__(self, *_: object) -> None:
        self._left_s -= time.monotonic() - self._started_s


def _answer(response: Response, url: str, body: bytes, num_requests: int, num_bytes: int) -> Answer:
    return Answer(
        url=url,
        status=response.status_code,
        headers=response.headers,
        body=body,
        num_requests=num_requests,
        num_bytes=num_bytes,
    )


def _failed(error: RequestException, sink: _Body) -> FetchError:
    if sink.num_bytes > sink.max_bytes:
        return FetchError(ErrorKind.TOO_LARGE, f"more than {sink.max_bytes} bytes")
    if isinstance(error, Timeout):
        return FetchError(ErrorKind.TIMEOUT, str(error))
    return FetchError(_CURL.get(int(error.code), ErrorKind.UNREACHABLE), str(error))
