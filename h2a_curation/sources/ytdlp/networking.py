"""yt-dlp's own networking, cut off at a call's deadline: both of its ways to the web can wait for ever for a header.

A timeout of a socket counts from one byte to the next. So a server that sends one byte of a header now and then, and
never the end, holds a thread for days. Requests (the default) is cut off by shutting its sockets down when the time is
over; curl (for `impersonate`) keeps the time itself once it is told.
"""

import functools
import socket
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from curl_cffi import CurlOpt
from yt_dlp.networking._curlcffi import CurlCFFIRH
from yt_dlp.networking._requests import RequestsRH


class Deadline:
    """The end of one call's time, at which the sockets that it uses are shut down. Belongs to one thread's client."""

    def __init__(self) -> None:
        self._at_s = float("inf")
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def arm(self, at_s: float) -> None:
        """From now on the call must end at `at_s`, on time.monotonic's clock."""
        self.disarm()
        with self._lock:
            self._at_s = at_s
            self._timer = threading.Timer(self.left_s(), self._cut)
            self._timer.daemon = True
            self._timer.start()

    def disarm(self) -> None:
        """The time does not run: a call has ended, or waits for its turn."""
        with self._lock:
            self._at_s = float("inf")
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def end_call(self) -> None:
        """Disarm, and forget the call's sockets: they may serve the next one."""
        self.disarm()
        with self._lock:
            self._sockets.clear()

    def left_s(self) -> float:
        """Seconds until then, and at least a millisecond: to curl, none at all means for ever."""
        return max(0.001, self._at_s - time.monotonic())

    def watch(self, used: socket.socket | None) -> None:
        """Cut this socket off too, when the time is over."""
        if used is not None:
            with self._lock:
                self._sockets.add(used)

    def _cut(self) -> None:
        with self._lock:
            if time.monotonic() < self._at_s:  # armed anew, or disarmed, while this timer went off
                return
            for used in self._sockets:
                with suppress(OSError):
                    # The plain socket's method: that of ssl would take the encryption away under the reading thread.
                    socket.socket.shutdown(used, socket.SHUT_RDWR)


class TimedRequestsRH(RequestsRH):  # type: ignore[misc]  # yt-dlp has no types
    """yt-dlp's handler through requests, whose connections the deadline knows."""

    deadline: Deadline

    def _create_instance(self, *args: Any, **options: Any) -> Any:
        session = super()._create_instance(*args, **options)
        for adapter in {*session.adapters.values()}:
            connect = functools.partial(_watched, adapter.get_connection_with_tls_context, self.deadline)
            adapter.get_connection_with_tls_context = connect
        return session


class TimedCurlCFFIRH(CurlCFFIRH):  # type: ignore[misc]  # yt-dlp has no types
    """yt-dlp's handler through curl, which is told what is left of the call's time, and to stay on the web."""

    deadline: Deadline

    def _send(self, request: Any) -> Any:
        # yt-dlp's own handler asks for the same session by the same words, and sets its options before each request.
        session = self._get_instance(
            cookiejar=self._get_cookiejar(request) if "cookie" not in request.headers else None
        )
        session.curl.setopt(CurlOpt.TIMEOUT_MS, int(1000 * min(self.deadline.left_s(), 86_400.0)))
        session.curl.setopt(CurlOpt.REDIR_PROTOCOLS_STR, b"http,https")
        return super()._send(request)


TIMED = {RequestsRH: TimedRequestsRH, CurlCFFIRH: TimedCurlCFFIRH}
"""yt-dlp's handler to ours that keeps the time."""


def _watched(connect: Callable[..., Any], deadline: Deadline, *args: Any, **options: Any) -> Any:
    """urllib3's pool for an address, whose connections show their socket before they wait for an answer."""
    pool = connect(*args, **options)
    if not hasattr(pool.ConnectionCls, "deadline"):

        class Watched(pool.ConnectionCls):  # type: ignore[misc, name-defined]
            def getresponse(self) -> Any:
                self.deadline.watch(self.sock)
                return super().getresponse()

        Watched.deadline = deadline
        pool.ConnectionCls = Watched
    return pool
