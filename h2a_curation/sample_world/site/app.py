"""The site's routes as a Starlette application, with the faults that a platform has."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TextIO

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from h2a_curation.sample_world.site.content import FILES_ADDRESS, Platform
from h2a_curation.sample_world.site.throttle import Pressure
from h2a_curation.sample_world.world.faults import Fault

_MAX_COUNT = 50
_PIECES = 8
_MESSAGES = {
    "private": "this post is private",
    "deleted": "this post was deleted",
    "forbidden": "this video is not available in your region",
    "missing": "this video no longer exists",
    "rate_limited": "too many requests",
    "server_error": "something went wrong",
    "hanging": "upstream timed out",
}


def make_app(platform: Platform, log: TextIO | None = None) -> ASGIApp:
    """The whole site; each request becomes a JSON line of the log, where there is one. Its end closes the platform."""
    pages = _Pages(platform)
    logging.getLogger("uvicorn.error").addFilter(_is_no_dropped_answer)
    routes = [
        Route("/tag/{tag}", pages.tag),
        Route("/post/{post_id}", pages.post),
        Route(f"{FILES_ADDRESS}/{{name}}", pages.media),
        Route("/robots.txt", pages.robots),
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        platform.close()

    app = Starlette(routes=routes, lifespan=lifespan)
    return _Logged(app, log) if log else app


def _is_no_dropped_answer(record: logging.LogRecord) -> bool:
    """A hanging answer is meant to break off: uvicorn need not report it."""
    return "without completing response" not in record.getMessage()


class _Pages:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._num_tries: Counter[tuple[str, str]] = Counter()
        self._pressure = Pressure(platform.throttle) if platform.throttle else None

    async def tag(self, request: Request) -> Response:
        tag = request.path_params["tag"]
        try:
            page = int(request.query_params.get("page", "1"))
            count = int(request.query_params.get("count", self._platform.page_size))
        except ValueError:
            page = count = 0
        if page < 1 or not 1 <= count <= _MAX_COUNT:
            return _error(400, f"page must be at least 1, count from 1 to {_MAX_COUNT}")
        fault = self._listing_fault(f"{tag}/{page}")
        if fault and (answer := await _spoilt(fault)):
            return answer
        ids = self._platform.listing(tag)
        shown = ids[(page - 1) * count : page * count]
        has_more = len(ids) > page * count
        posts = [self._platform.post(post_id) for post_id in shown]
        return JSONResponse({"tag": tag, "page": page, "posts": posts, "next": page + 1 if has_more else None})

    async def post(self, request: Request) -> Response:
        post_id = request.path_params["post_id"]
        fault = self._fault("post", post_id)
        if fault and (answer := await _spoilt(fault)):
            return answer
        answer_ = self._platform.post(post_id)
        return _error(404, "no such post") if answer_ is None else JSONResponse(answer_)

    async def media(self, request: Request) -> ASGIApp:
        name = request.path_params["name"]
        fault = self._fault("media", name.rpartition(".")[0])
        if fault and fault.kind not in ("slow", "hanging"):
            return _refusal(fault)
        file = await self._platform.file(name)
        if file is None:
            return _error(404, "no such file")
        if fault:
            return _Piecemeal(file, fault)
        return FileResponse(file, media_type="video/mp4" if file.suffix == ".mp4" else None)

    async def robots(self, request: Request) -> Response:
        return PlainTextResponse("User-agent: *\nAllow: /\n")

    def _listing_fault(self, page: str) -> Fault | None:
        """One at a time: a refusal comes before the page's own fault, which comes before a late answer."""
        pressed = self._pressure.fault(page) if self._pressure else None
        is_refused = pressed is not None and pressed.kind == "rate_limited"
        return pressed if is_refused else self._fault("tag", page) or pressed

    def _fault(self, route: str, key: str) -> Fault | None:
        """The fault that spoils this try; None once it has cleared."""
        fault = self._platform.fault(route, key)
        if fault is None:
            return None
        self._num_tries[route, key] += 1
        return fault if fault.num_tries is None or self._num_tries[route, key] <= fault.num_tries else None


async def _spoilt(fault: Fault) -> Response | None:
    """The bad answer of a page; None where it was only late."""
    if fault.kind in ("slow", "hanging"):
        await asyncio.sleep(fault.wait_s)
    return None if fault.kind == "slow" else _refusal(fault)


def _refusal(fault: Fault) -> Response:
    headers = {"Retry-After": f"{fault.wait_s:g}"} if fault.kind == "rate_limited" else None
    return JSONResponse({"error": fault.kind, "message": _MESSAGES[fault.kind]}, fault.status, headers)


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": "not_found" if status == 404 else "bad_request", "message": message}, status)


class _Piecemeal:
    """A file in pieces over the wait; a hanging one stops half way, and the server drops the connection."""

    def __init__(self, file: Path, fault: Fault) -> None:
        self._content = file.read_bytes()
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_hanging = self._fault.kind == "hanging"
        length = -(-len(self._content) // _PIECES)
        headers = [(b"content-type", b"video/mp4"), (b"content-length", str(len(self._content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for piece in range(_PIECES // 2 if is_hanging else _PIECES):
            await asyncio.sleep(0 if is_hanging else self._fault.wait_s / _PIECES)
            body = self._content[piece * length : (piece + 1) * length]
            await send({"type": "http.response.body", "body": body, "more_body": True})
        if is_hanging:
            await asyncio.sleep(self._fault.wait_s)
        else:
            await send({"type": "http.response.body", "body": b""})


class _Logged:
    """Writes a line when an answer starts."""

    def __init__(self, app: ASGIApp, log: TextIO) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def logged(message: Message) -> None:
            if message["type"] == "http.response.start":
                request = {"path": scope["path"], "query": scope["query_string"].decode(), "status": message["status"]}
                self._log.write(json.dumps(request) + "\n")
                self._log.flush()
            await send(message)

        await self._app(scope, receive, logged if scope["type"] == "http" else send)
