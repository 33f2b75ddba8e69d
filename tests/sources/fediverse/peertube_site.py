"""PeerTube on loopback, as https://docs.joinpeertube.org/api-rest-reference.html has it: search, video, files."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from tests.loopback import Answer, running
from tests.sources.platform import MP4, VIDEO

PROBLEM = {"Content-Type": "application/problem+json; charset=utf-8"}
JSON = {"Content-Type": "application/json; charset=utf-8"}


@dataclass
class PeerTubeSite:
    url: str = ""
    videos: list[dict[str, Any]] = field(default_factory=list)
    """Each as `video` makes it; of a listing, `tags` and files are left out, as an instance does."""
    is_index: bool = False
    """An index gives tags in its listings."""
    answers: dict[str, Answer] = field(default_factory=dict)
    """What a path gets in place of the API's answer."""
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> Answer:
        self.asked.append(path)
        url = urlsplit(path)
        if url.path in self.answers:
            return self.answers[url.path]
        if url.path == "/api/v1/search/videos":
            return self._search({name: values[0] for name, values in parse_qs(url.query).items()})
        folder, _, last = url.path.rpartition("/")
        if folder == "/api/v1/videos":
            found = [v for v in self.videos if last in (v["uuid"], v["shortUUID"])]
            return said(found[0]) if found else problem(404, "Video not found")
        if folder == "/static/web-videos":
            return Answer(body=VIDEO, headers=MP4)
        return Answer(status=404, body=b"<html>not found</html>", headers={"Content-Type": "text/html"})

    def _search(self, query: dict[str, str]) -> Answer:
        start, count = int(query.get("start", 0)), int(query.get("count", 15))
        if not 0 <= count <= 100 or query["nsfw"] not in ("true", "false", "both"):
            return problem(400, f"Incorrect request parameters: count {count}")
        tagged = [v for v in self.videos if query["tagsOneOf"] in [tag.lower() for tag in v["tags"]]]
        tagged.sort(key=lambda v: str(v["publishedAt"]), reverse=query["sort"] == "-publishedAt")
        left_out = {"files", "streamingPlaylists", "downloadEnabled"} | (set() if self.is_index else {"tags"})
        page = [{k: v for k, v in one.items() if k not in left_out} for one in tagged[start : start + count]]
        return said({"total": len(tagged), "data": page})


def said(body: Any) -> Answer:
    return Answer(body=json.dumps(body).encode(), headers=JSON)


def problem(status: int, detail: str, **more: Any) -> Answer:
    body = {"type": "about:blank", "title": "Error", "status": status, "detail": detail, "error": detail} | more
    return Answer(status=status, body=json.dumps(body).encode(), headers=PROBLEM)


def video(number: int, home: str, **changed: Any) -> dict[str, Any]:
    uuid = str(UUID(int=number + 2**100, version=4))
    return {
        "id": number,
        "uuid": uuid,
        "shortUUID": f"short{number:017}",
        "url": f"{home}/videos/watch/{uuid}",
        "name": "leg day #Squat",
        "description": "three sets, **slowly**",
        "truncatedDescription": "three sets",
        "tags": ["Squat", "leg day"],
        "category": {"id": 5, "label": "Sports"},
        "licence": {"id": 2, "label": "Attribution - Share Alike"},
        "language": {"id": "en", "label": "English"},
        "privacy": {"id": 1, "label": "Public"},
        "state": {"id": 1, "label": "Published"},
        "publishedAt": f"2026-04-{number % 28 + 1:02}T07:00:00.000Z",
        "originallyPublishedAt": None,
        "duration": 14,
        "isLive": False,
        "nsfw": False,
        "views": 1000,
        "likes": 10,
        "account": {"name": "jane.doe", "host": urlsplit(home).netloc, "displayName": "A name", "description": None},
        "channel": {"name": "gym", "host": urlsplit(home).netloc, "displayName": "Gym"},
        "downloadEnabled": True,
        "files": [file(lines, f"{home}/static/web-videos/{uuid}-{lines}.mp4") for lines in (1080, 720, 360)],
        "streamingPlaylists": [],
    } | changed


def file(lines: int, url: str, **changed: Any) -> dict[str, Any]:
    return {"resolution": {"id": lines, "label": f"{lines}p"}, "size": 9 * lines, "fps": 30, "fileUrl": url} | changed


@contextmanager
def serving_peertube(num_videos: int = 0) -> Iterator[PeerTubeSite]:
    site = PeerTubeSite()
    with answering(site):
        site.videos = [video(n, site.url) for n in range(num_videos)]
        yield site


@contextmanager
def answering(site: Any) -> Iterator[None]:
    """A server that says what `site.answer(path)` does; its address is `site.url`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = site.answer(self.path)
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None: ...

    with running(Handler) as site.url:
        yield
