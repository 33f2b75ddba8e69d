"""yt-dlp's YoutubeDL with what we need around its network calls: pace, limits, and what came counted."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yt_dlp import YoutubeDL
from yt_dlp.networking.common import Request
from yt_dlp.networking.exceptions import HTTPError, RequestError

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.sources.http import is_absent
from h2a_curation.sources.politeness.pace import Pace, Seat, host_of
from h2a_curation.sources.politeness.retry_after import retry_after_s
from h2a_curation.sources.politeness.robots import reservation
from h2a_curation.sources.reach import Reach
from h2a_curation.sources.ytdlp.downloads import refuse_other_schemes, refuse_other_ways
from h2a_curation.sources.ytdlp.networking import KEPT, Deadline

_CHUNK_BYTES = 1 << 16
_PHOTO_SITES = ("TikTok", "Douyin")
"""Extractors of sites on which a post with sound alone is a slide show of photos."""


@dataclass(slots=True)
class Meter:
    """What one call of ours used, and where it must end."""

    max_bytes: int
    deadline_s: float
    """On time.monotonic's clock."""
    num_requests: int = 0
    num_bytes: int = 0
    last_error: Exception | None = None
    """The last network error: yt-dlp drops it on some of its ways out, keeping the words alone."""

    def add(self, num_bytes: int) -> None:
        """Count bytes that came; FetchError beyond the limits."""
        self.num_bytes += num_bytes
        if self.num_bytes > self.max_bytes:
            raise FetchError(ErrorKind.TOO_LARGE, f"more than {self.max_bytes} bytes")
        self.check_time()

    def check_time(self) -> None:
        """FetchError after the deadline, whatever words a connection that was cut off has for it."""
        if time.monotonic() >= self.deadline_s:
            raise FetchError(ErrorKind.TIMEOUT, "the time for one try was used up")


class Client(YoutubeDL):  # type: ignore[misc]  # yt-dlp has no types
    """Belongs to one thread: `meter` and `target` are those of the call at hand."""

    def __init__(self, params: dict[str, Any], pace: Pace, reach: Reach) -> None:
        self.meter = Meter(max_bytes=0, deadline_s=0.0)
        self.target = Path()
        self._pace = pace
        self._reach = reach
        self._deadline = Deadline()
        self._seat: Seat | None = None
        self._refuses_reserved = False
        self._answers: list[Any] = []
        super().__init__(params)

    def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
        """Those of yt-dlp's handlers that can be kept within the call's time and within reach."""
        kept = [KEPT[handler] for handler in handlers if handler in KEPT]
        director = super().build_request_director(kept, preferences)
        for handler in director.handlers.values():
            handler.deadline, handler.reach = self._deadline, self._reach
        return director

    def urlopen(self, req: Any) -> Any:
        """All of yt-dlp's own requests go through here: pages, files and fragments."""
        url = req if isinstance(req, str) else req.url
        refuse_other_schemes(url)
        self._wait_for(host_of(url))
        self.meter.num_requests += 1
        try:
            response = super().urlopen(req)
        except RequestError as error:
            self.meter.last_error = error
            if not isinstance(error, HTTPError):
                self.meter.check_time()
            else:
                self._keep(error.response)
                if wait_s := retry_after_s(error.response.headers):
                    self._pace.pause(host_of(error.response.url), wait_s)
            raise
        self._keep(response)
        if self._refuses_reserved and (reserved := reservation(response.headers)):
            response.close()
            raise FetchError(ErrorKind.OPT_OUT, f"the host's answer says {reserved}")
        promised = response.headers.get("Content-Length") or ""
        if promised.isdecimal() and int(promised[:18]) > self.meter.max_bytes:
            response.close()
            raise FetchError(ErrorKind.TOO_LARGE, f"{promised:.18} bytes promised, limit {self.meter.max_bytes}")
        self._read_promptly(response.fp)
        response.read = self._metered(response.read)
        return response

    def process_video_result(self, info_dict: Any, download: bool = True) -> Any:
        """Say why there is nothing to see before yt-dlp says that no format fits."""
        formats = info_dict.get("formats") or []
        if formats and all(f.get("vcodec") == "none" for f in formats):
            raise _without_video(info_dict, formats)
        if info_dict.get("availability") == "private":
            raise FetchError(ErrorKind.PRIVATE, "private, though the user's own account may see it")
        return super().process_video_result(info_dict, download)

    def dl(self, name: str, info: Any, subtitle: bool = False, test: bool = False) -> Any:
        """Download a format in a way that comes to `urlopen`; FetchError for others."""
        refuse_other_ways(dict(info), self.params)
        return super().dl(name, info, subtitle, test)

    @contextmanager
    def seated(self) -> Iterator[None]:
        """A call of ours: the host that it asks last counts it in until the block ends, which hangs up.

        curl_cffi would go on downloading what nobody reads, for as long as the site sends, in a thread of its own.
        """
        with self._pace.seat() as seat:
            self._seat = seat
            try:
                yield
            finally:
                self._deadline.end_call()
                while self._answers:
                    self._answers.pop().close()

    @contextmanager
    def refusing_reserved(self, wanted: bool) -> Iterator[None]:
        """Until the block ends, an answer whose headers reserve it is a FetchError, if that is wanted."""
        self._refuses_reserved = wanted
        try:
            yield
        finally:
            self._refuses_reserved = False

    def small_text(self, url: str, max_bytes: int) -> str | None:
        """The first bytes of a text file, or None where there is none; yt-dlp's errors for a host that fails."""
        data = b""
        try:
            with self.urlopen(Request(url)) as response:
                while len(data) < max_bytes and (more := response.read(max_bytes - len(data))):
                    data += more
        except HTTPError as error:
            if not is_absent(error.status):
                raise
            return None
        return data.decode("utf-8", "replace")

    def prepare_filename(self, info_dict: Any, dir_type: str = "", **options: Any) -> str:
        """Exactly the target: yt-dlp's templates would read `%`, `~` and `$` in a path."""
        return str(self.target)

    def _wait_for(self, host: str) -> None:
        """What is waited here is not the call's time."""
        assert self._seat, "asked outside of `seated`"
        started_s = time.monotonic()
        self._deadline.disarm()
        self._seat.take(host)
        self._pace.wait(host)
        self.meter.deadline_s += time.monotonic() - started_s
        self._deadline.arm(self.meter.deadline_s)

    def _keep(self, answer: Any) -> None:
        """To be closed when the call ends, if nobody has closed it by then."""
        self._answers = [*(a for a in self._answers if not a.closed), answer]

    def _read_promptly(self, stream: Any) -> None:
        """A read waits for all that it asked for, however slowly it drips: let it return, or look at the clock."""
        if hasattr(stream, "read1"):  # urllib3, http.client
            stream.read = stream.read1
        elif hasattr(stream, "_iterator"):  # curl_cffi
            stream._iterator = self._timed(stream._iterator)

    def _timed(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.meter.add(0)
            yield chunk

    def _metered(self, read: Callable[[int | None], bytes]) -> Callable[..., bytes]:
        def at_most(amount: int | None) -> bytes:
            try:
                data = read(amount)
            except RequestError as error:
                self.meter.last_error = error
                self.meter.check_time()
                raise
            self.meter.add(len(data))
            return data

        def metered(amount: int | None = None) -> bytes:
            if amount is not None:
                return at_most(amount)
            return b"".join(iter(lambda: at_most(_CHUNK_BYTES), b""))

        return metered


def _without_video(info: dict[str, Any], formats: list[dict[str, Any]]) -> FetchError:
    if all(f.get("acodec") == "none" for f in formats):
        return FetchError(ErrorKind.EXTRACTOR_BROKEN, "only storyboards came: yt-dlp could not unlock the streams")
    if info.get("extractor_key") in _PHOTO_SITES:
        return FetchError(ErrorKind.PHOTO_POST, "photos with sound")
    return FetchError(ErrorKind.NO_VIDEO, "sound alone")


class SilentLogger:
    """What yt-dlp says goes into the error's detail, not to the terminal."""

    def debug(self, message: str) -> None:
        """Nothing."""

    info = warning = error = debug
