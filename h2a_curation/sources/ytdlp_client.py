"""yt-dlp's YoutubeDL with what we need around its network calls: pace, limits, and what came counted."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from yt_dlp import YoutubeDL
from yt_dlp.networking.exceptions import RequestError

from h2a_curation.sources.errors import ErrorKind, FetchError
from h2a_curation.sources.pace import Pace

_CHUNK_BYTES = 1 << 16


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
        if time.monotonic() > self.deadline_s:
            raise FetchError(ErrorKind.TIMEOUT, "the time for one try was used up")


class Client(YoutubeDL):  # type: ignore[misc]  # yt-dlp has no types
    """Belongs to one thread: `meter` and `target` are those of the call at hand."""

    def __init__(self, params: dict[str, Any], pace: Pace) -> None:
        self.meter = Meter(max_bytes=0, deadline_s=0.0)
        self.target = Path()
        self._pace = pace
        super().__init__(params)

    def urlopen(self, req: Any) -> Any:
        """All of yt-dlp's own requests go through here: pages, files and fragments."""
        self._pace.wait(urlsplit(req if isinstance(req, str) else req.url).hostname or "")
        self.meter.num_requests += 1
        try:
            response = super().urlopen(req)
        except RequestError as error:
            self.meter.last_error = error
            raise
        promised = response.headers.get("Content-Length") or ""
        if promised.isdecimal() and int(promised) > self.meter.max_bytes:
            response.close()
            raise FetchError(ErrorKind.TOO_LARGE, f"{promised} bytes promised, limit {self.meter.max_bytes}")
        response.read = self._metered(response.read)
        return response

    def prepare_filename(self, info_dict: Any, dir_type: str = "", **options: Any) -> str:
        """Exactly the target: yt-dlp's templates would read `%`, `~` and `$` in a path."""
        return str(self.target)

    def _metered(self, read: Callable[[int | None], bytes]) -> Callable[..., bytes]:
        def at_most(amount: int | None) -> bytes:
            try:
                data = read(amount)
            except RequestError as error:
                self.meter.last_error = error
                raise
            self.meter.add(len(data))
            return data

        def metered(amount: int | None = None) -> bytes:
            if amount is not None:
                return at_most(amount)
            return b"".join(iter(lambda: at_most(_CHUNK_BYTES), b""))

        return metered


class SilentLogger:
    """What yt-dlp says goes into the error's detail, not to the terminal."""

    def debug(self, message: str) -> None:
        """Nothing."""

    info = warning = error = debug
