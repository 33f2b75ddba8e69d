"""Stands between a client and a good site on loopback, and answers badly as long as a test says so.

It speaks through plain sockets, since no web server would send what a hostile one sends.
"""

import gzip
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Fault = Callable[[socket.socket], None]
"""Answers one request, on a connection whose request was read."""
DRIP_S = 0.05
"""Far below the silence at which a client gives up, so that only the time of the whole call can end it."""
_MOST_S = 20.0
"""A fault ends by itself, should a client never hang up."""


@dataclass
class Front:
    url: str = ""
    fault: Fault | None = None
    """None: what the good site says."""
    num_faults: int = -1
    """Requests that are answered by the fault before the good site answers again; below 0, all are."""
    asked: list[str] = field(default_factory=list)
    """First line of each request."""
    num_open: int = 0
    """Connections that a fault still writes to."""

    def next_fault(self) -> Fault | None:
        if self.fault is None or self.num_faults == 0:
            return None
        self.num_faults -= 1
        return self.fault


@contextmanager
def standing_before(good: Callable[[], str]) -> Iterator[Front]:
    """A front of the site whose address `good()` gives by the time of the first request."""
    front = Front()
    lock = threading.Lock()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            request = _request(self.request)
            if not request:
                return
            with lock:
                front.asked.append(request.split(b"\r\n", 1)[0].decode("latin-1"))
                fault = front.next_fault()
            with suppress(OSError):  # the client hangs up, as it should
                if fault is None:
                    _pass_on(request, self.request, good())
                    return
                front.num_open += 1
                try:
                    fault(self.request)
                finally:
                    front.num_open -= 1

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        front.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield front
        finally:
            server.shutdown()
            thread.join()


def _request(connection: socket.socket) -> bytes:
    """Head and body of one request; empty where the client has hung up."""
    data = b""
    connection.settimeout(_MOST_S)
    with suppress(OSError):
        while b"\r\n\r\n" not in data:
            if not (more := connection.recv(65_536)):
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        left = (int(lengths[0].split(b":")[1]) if lengths else 0) - len(body)
        while left > 0 and (more := connection.recv(left)):
            data, left = data + more, left - len(more)
    return data


def _pass_on(request: bytes, client: socket.socket, good: str) -> None:
    """One request, one answer, then the connection ends: so each request of a client comes to `Front`."""
    address = urlsplit(good)
    head, _, body = request.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection:", b"host:"))]
    head = b"\r\n".join([*kept, b"Host: " + address.netloc.encode(), b"Connection: close"])
    with socket.create_connection((address.hostname, address.port), timeout=_MOST_S) as site:
        site.sendall(head + b"\r\n\r\n" + body)
        while more := site.recv(65_536):
            client.sendall(more)


def _says(text: str, body: bytes = b"") -> Fault:
    answer = text.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body
    return lambda client: client.sendall(answer)


def _drips(start: bytes, then: bytes) -> Fault:
    """Sends the start at once, then a byte at a time, again and again."""

    def fault(client: socket.socket) -> None:
        client.sendall(start)
        ends_s, place = time.monotonic() + _MOST_S, 0
        while time.monotonic() < ends_s:
            client.sendall(then[place : place + 1])
            place = (place + 1) % len(then)
            time.sleep(DRIP_S)

    return fault


def _never_ends(start: bytes, then: bytes) -> Fault:
    def fault(client: socket.socket) -> None:
        client.sendall(start)
        ends_s = time.monotonic() + _MOST_S
        while time.monotonic() < ends_s:
            client.sendall(then)

    return fault


def _bomb(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
    client.sendall(gzip.compress(bytes(100_000_000), compresslevel=1))


def _loops(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


OK = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n"
FAULTS: dict[str, Fault] = {
    "a body that never ends": _never_ends(OK + b"\r\n", b" " * 65_536),
    "a body that drips": _drips(OK + b"Content-Length: 50000\r\n\r\n", b" "),
    "chunks whose length drips": _drips(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "a header that drips": _drips(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
    "headers that drip": _drips(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "a first line that drips": _drips(b"", b"H"),
    "headers without end": _never_ends(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000),
    "silence": lambda client: time.sleep(2.0),
    "fewer bytes than promised": _says("HTTP/1.1 200 OK\nContent-Type: video/mp4\nContent-Length: 9000", b"{" * 100),
    "a connection that is cut": lambda client: None,
    "a redirect that loops": _loops,
    "a redirect to a file": _says("HTTP/1.1 302 Found\nLocation: file:///etc/passwd\nContent-Length: 0"),
    "a redirect to ftp": _says("HTTP/1.1 302 Found\nLocation: ftp://127.0.0.1:9/1.mp4\nContent-Length: 0"),
    "too many requests": _says("HTTP/1.1 429 Slow\nRetry-After: 7\nContent-Length: 0"),
    "an error of its own": _says("HTTP/1.1 500 Oops\nContent-Length: 0"),
    "a gzip bomb": _bomb,
    "no gzip at all": _says("HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 9", b"not gzip!"),
    "a page of HTML": _says(
        "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 37", b"<html><title>Please wait</title></html>"[:37]
    ),
    "JSON of another shape": _says("HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 9", b'{"a": [7]'),
    "no HTTP at all": _says("SSH-2.0-OpenSSH_9.9"),
}
