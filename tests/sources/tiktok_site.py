"""TikTok's API v2 on loopback, as developers.tiktok.com documents it: token, video query, quota, and every error."""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback import running

KEY, SECRET = "aw-key-1234", "s3cret-5678"
Said = tuple[int, dict[str, Any]]


@dataclass
class TikTokSite:
    videos: list[dict[str, Any]] = field(default_factory=list)
    """Each with `id`, `create_time`, `hashtag_names`, `region_code` and what else a test wants."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    per_day: int = 1000
    answers: list[Said | None] = field(default_factory=list)
    """What the next queries get instead of an answer; None is an answer."""
    headers: dict[str, str] = field(default_factory=dict)
    url: str = ""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    """The valid ones."""
    searches: dict[str, Any] = field(default_factory=dict)
    """Search id to the query that it caches; a test that empties it lets them expire."""
    used: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Said:
        url = urlsplit(path)
        if url.path == "/v2/oauth/token/":
            return self._token(headers, {k: v[0] for k, v in parse_qs(body.decode()).items()})
        if url.path != "/v2/research/video/query/":
            return _error(404, "invalid_params", "no such endpoint")
        query = json.loads(body)
        self.asked.append(("query", query))
        day = f"{self.now():%Y-%m-%d}"
        if headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _error(401, "access_token_invalid", "The access token is invalid or not found in the request.")
        if self.used[day] >= self.per_day:
            return _error(429, "daily_quota_limit_exceeded", "The daily quota limit is exceeded.")
        self.used[day] += 1
        if self.answers and (said := self.answers.pop(0)) is not None:
            return said
        return self._query(query, parse_qs(url.query)["fields"][0].split(","))

    def _token(self, headers: dict[str, str], form: dict[str, str]) -> Said:
        self.asked.append(("token", form))
        if headers["Content-Type"] != "application/x-www-form-urlencoded":
            return 400, {"error": "invalid_request", "error_description": "Content-Type", "log_id": "2026"}
        if (form.get("client_key"), form.get("client_secret")) != (KEY, SECRET):
            return 401, {"error": "invalid_client", "error_description": f"key {form.get('client_key')}", "log_id": "1"}
        assert form["grant_type"] == "client_credentials"
        self.tokens.append(f"clt.{len(self.tokens)}")
        return 200, {"access_token": self.tokens[-1], "expires_in": 7200, "token_type": "Bearer"}

    def _query(self, query: dict[str, Any], fields: list[str]) -> Said:
        start, end = (datetime.strptime(query[k], "%Y%m%d").replace(tzinfo=UTC) for k in ("start_date", "end_date"))
        count, offset = query.get("max_count", 20), query.get("cursor", 0)
        conditions = {c["field_name"]: c["field_values"] for c in query["query"]["and"]}
        if end - start > timedelta(days=30) or not 1 <= count <= 100:
            return _error(400, "invalid_params", "Invalid date range or count")
        key = [conditions, query["start_date"], query["end_date"]]
        search_id = query.get("search_id")
        if search_id is None and offset:
            return _error(400, "invalid_params", "Invalid count or cursor")
        if search_id is not None and self.searches.get(search_id) != key:
            return _error(400, "invalid_params", f"Search Id {search_id} is invalid or expired")
        if search_id is None:
            search_id = str(7201388525814961000 + len(self.asked))
            self.searches[search_id] = key
        found = [v for v in self.videos if _fits(v, conditions, start, end + timedelta(days=1))]
        page = [{k: v for k, v in video.items() if k in fields} for video in found[offset : offset + count]]
        more = offset + count < len(found)
        data = {"videos": page, "cursor": offset + count, "has_more": more, "search_id": search_id}
        return 200, {"data": data, "error": {"code": "ok", "message": "", "log_id": "2026"}}


def _fits(video: dict[str, Any], conditions: dict[str, list[str]], start: datetime, end: datetime) -> bool:
    regions = conditions.get("region_code")
    is_there = start <= datetime.fromtimestamp(video["create_time"], UTC) < end
    is_tagged = conditions["hashtag_name"][0] in video["hashtag_names"]
    return is_there and is_tagged and (not regions or video["region_code"] in regions)


def _error(status: int, code: str, message: str) -> Said:
    return status, {"error": {"code": code, "message": message, "log_id": "20261124"}}


error = _error


@contextmanager
def serving_tiktok(**settings: Any) -> Iterator[TikTokSite]:
    site = TikTokSite(**settings)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                status, said = site.answer(self.path, dict(self.headers), body)
            raw = said["raw"] if "raw" in said else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **site.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None: ...

    with running(Handler) as site.url:
        yield site


def video(number: int, at: datetime, **changed: Any) -> dict[str, Any]:
    return {
        "id": 7_300_000_000_000_000_000 + number,
        "video_description": "leg day #Squat",
        "create_time": int(at.timestamp()),
        "region_code": "US",
        "view_count": 1000,
        "like_count": 10,
        "hashtag_names": ["squat", "Leg_Day"],
        "username": "jane.doe",
        "video_duration": 14,
    } | changed
