"""yt-dlp's own networking, kept within a call's time and within reach: both of its ways to the web know neither.

Each hop of a redirect is judged by its address, and each connection by where it really leads. yt-dlp has two further
ways, urllib and web sockets, that cannot be held so: the one is left for what holds its content itself, the other out.

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
from urllib.parse import urljoin, urlsplit

from curl_cffi import CurlOpt
from curl_cffi.requests import Session
from yt_dlp.networking._curlcffi import CurlCFFIRH
from yt_dlp.networking._helper import get_redirect_method
from yt_dlp.networking._requests import RequestsRH
from yt_dlp.networking._urllib import UrllibRH
from yt_dlp.networking.exceptions import HTTPError, TransportError

from h2a_curation.acquire.errors import FetchError
from h2a_curation.sources.curl_guard import guard
from h2a_curation.sources.reach import Reach
from h2a_curation.sources.ytdlp.downloads import refuse_other_schemes

_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 5
_OF_ONE_HOST = ("authorization", "cookie", "host")
"""Headers that another host must not get."""
_OF_A_BODY = ("content-type", "content-length", "content-encoding", "transfer-encoding")


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


class KeptRequestsRH(RequestsRH):  # type: ignore[misc]  # yt-dlp has no types
    """yt-dlp's handler through requests: the deadline knows its connections, and the reach judges them."""

    deadline: Deadline
    reach: Reach

    def _create_instance(self, *args: Any, **options: Any) -> Any:
        session = super()._create_instance(*args, **options)
        for adapter in {*session.adapters.values()}:
            adapter.get_connection_with_tls_context = functools.partial(
                self._kept, adapter.get_connection_with_tls_context
            )
        return session

    def _kept(self, connect: Callable[..., Any], request: Any, *args: Any, **options: Any) -> Any:
        """urllib3's pool for a request, of each hop anew. Its connections show their socket before they wait."""
        _check(self.reach, request.url)
        pool = connect(request, *args, **options)
        if not hasattr(pool.ConnectionCls, "deadline"):

            class Kept(pool.ConnectionCls):  # type: ignore[misc, name-defined]
                deadline, reach = self.deadline, self.reach

                def _new_conn(self) -> Any:
                    used = super()._new_conn()
                    try:
                        self.reach.check_connection(*used.getpeername()[:2])
                    except FetchError as refused:
                        used.close()
                        raise TransportError(cause=refused) from refused
                    return used

                def getresponse(self) -> Any:
                    self.deadline.watch(self.sock)
                    return super().getresponse()

            pool.ConnectionCls = Kept
        return pool


class KeptCurlCFFIRH(CurlCFFIRH):  # type: ignore[misc]  # yt-dlp has no types
    """yt-dlp's handler through curl, which is told what is left of the call's time and where it may connect to.

    Redirects are followed here: through a proxy curl would follow them to wherever they lead.
    """

    deadline: Deadline
    reach: Reach

    def _create_instance(self, cookiejar: Any = None) -> Any:
        return Session(cookies=cookiejar, allow_redirects=False)

    def _send(self, request: Any) -> Any:
        for _ in range(_MAX_REDIRECTS):
            try:
                return self._send_once(request)
            except HTTPError as answer:
                following = _redirected(request, answer.response)
                if following is None:
                    raise
                answer.response.close()
                request = following
        return self._send_once(request)

    def _send_once(self, request: Any) -> Any:
        _check(self.reach, request.url)
        # yt-dlp's own handler asks for the same session by the same words, and sets its options before each request.
        session = self._get_instance(
            cookiejar=self._get_cookiejar(request) if "cookie" not in request.headers else None
        )
        session.curl.setopt(CurlOpt.TIMEOUT_MS, int(1000 * min(self.deadline.left_s(), 86_400.0)))
        guard(session.curl, self.reach)
        return super()._send(request)


class DataRH(UrllibRH):  # type: ignore[misc]  # yt-dlp has no types
    """yt-dlp's handler through urllib, for addresses that hold their content themselves."""

    _SUPPORTED_URL_SCHEMES = ("data",)


KEPT = {RequestsRH: KeptRequestsRH, CurlCFFIRH: KeptCurlCFFIRH, UrllibRH: DataRH}
"""yt-dlp's handlers to ours; any other is left out."""


def _redirected(request: Any, response: Any) -> Any:
    """The request to which an answer leads; None where it leads nowhere."""
    place = response.headers.get("Location")
    if response.status not in _REDIRECTS or not place:
        return None
    following = request.copy()
    following.url = urljoin(response.url, place)
    following.method = get_redirect_method(request.method, response.status)
    left_out: tuple[str, ...] = _OF_ONE_HOST if urlsplit(following.url).netloc != urlsplit(request.url).netloc else ()
    if following.method != request.method:
        following.data = None
        left_out += _OF_A_BODY
    for name in [name for name in following.headers if name.lower() in left_out]:
        del following.headers[name]
    return following


def _check(reach: Reach, url: str) -> None:
    """yt-dlp's own error for an address that is no web address or out of reach: it takes other errors for its own."""
    try:
        refuse_other_schemes(url)
        reach.check(url)
    except FetchError as refused:
        raise TransportError(cause=refused) from refused
