"""A small web server on loopback that answers as a test tells it to, and remembers what it was asked."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from h2a_curation.acquire.permissions import Permissions
from h2a_curation.sources.reach import Reach

ON_LOOPBACK = Permissions(allow_private=True)
"""What `--allow-private` says: a test's server is on this machine."""
ANYWHERE = Reach(allow_private=True)


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    """An empty value leaves a header out."""
    promised_bytes: int | None = None
    """Content-Length, where it is not that of the body."""
    wait_s: float = 0.0
    """Before the first byte."""
    chunk_wait_s: float = 0.0
    """After every 1,000 bytes."""


@dataclass
class Site:
    url: str = ""
    answers: dict[str, Callable[[int], Answer]] = field(default_factory=dict)
    """By path, with or without its query: the answer to the n-th request for it, from 0."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each request, in order."""


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(is_head=True)

        def do_GET(self) -> None:
            self._answer(is_head=False)

        def _answer(self, *, is_head: bool) -> None:
            path = self.path if self.path in site.answers else self.path.split("?")[0]
            with lock:
                num = sum(asked == path for method, asked in site.asked if method == self.command)
                site.asked.append((self.command, path))
            answer = site.answers.get(path, lambda _: Answer(status=404))(num)
            time.sleep(answer.wait_s)
            self.send_response(answer.status)
            length = len(answer.body) if answer.promised_bytes is None else answer.promised_bytes
            for name, value in {"Content-Length": str(length), **answer.headers}.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            if is_head:
                return
            for start in range(0, len(answer.body), 1000):
                self.wfile.write(answer.body[start : start + 1000])
                time.sleep(answer.chunk_wait_s)

        def log_message(self, *_: object) -> None: ...

        def handle(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):  # the client gave up, as some tests want it to
                super().handle()

    with running(Handler) as site.url:
        yield site


@contextmanager
def running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address at which the handler answers, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
