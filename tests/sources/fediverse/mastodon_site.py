"""Mastodon on loopback, as https://docs.joinmastodon.org/methods/timelines/#tag has it: timelines, statuses, files."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.loopback import Answer
from tests.sources.fediverse.peertube_site import answering
from tests.sources.platform import JSON, MP4, VIDEO


@dataclass
class MastodonSite:
    url: str = ""
    statuses: list[dict[str, Any]] = field(default_factory=list)
    """Each as `status` makes it, the newest first."""
    has_link: bool = True
    """Send the header Link, by which Mastodon pages."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers of each answer, such as X-RateLimit-Remaining."""
    answers: dict[str, Answer] = field(default_factory=dict)
    """What a path gets in place of the API's answer."""
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> Answer:
        self.asked.append(path)
        url = urlsplit(path)
        if url.path in self.answers:
            return self.answers[url.path]
        folder, _, last = url.path.rpartition("/")
        if folder == "/api/v1/timelines/tag":
            return self._timeline(unquote(last), {name: values[0] for name, values in parse_qs(url.query).items()})
        if folder == "/api/v1/statuses":
            found = [one for one in self.statuses if one["id"] == last]
            return self._said(found[0]) if found else error(404, "Record not found")
        if folder == "/system/media_attachments":
            return Answer(body=VIDEO, headers=MP4)
        return Answer(status=404, body=b"<html>not found</html>", headers={"Content-Type": "text/html"})

    def _timeline(self, tag: str, query: dict[str, str]) -> Answer:
        limit = min(int(query.get("limit", 20)), 40)
        found = [one for one in self.statuses if {"name": tag} in [{"name": t.get("name")} for t in one["tags"] if t]]
        if not found:
            return error(404, "Record not found")
        found = [one for one in found if one["media_attachments"]] if query.get("only_media") == "true" else found
        found = [one for one in found if int(one["id"]) < int(query["max_id"])] if "max_id" in query else found
        page = found[:limit]
        address = f"{self.url}/api/v1/timelines/tag/{tag}"
        link = (
            f'<{address}?max_id={page[-1]["id"]}>; rel="next", <{address}?min_id={page[0]["id"]}>; rel="prev"'
            if page
            else ""
        )
        return self._said(page, **({"Link": link} if link and self.has_link else {}))

    def _said(self, body: Any, **headers: str) -> Answer:
        return Answer(body=json.dumps(body).encode(), headers={**JSON, **self.headers, **headers})


def error(status: int, words: str, **headers: str) -> Answer:
    return Answer(status=status, body=json.dumps({"error": words}).encode(), headers={**JSON, **headers})


def status(number: int, home: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": str(103206185588894565 + number),
        "created_at": "2026-04-26T20:50:15.866Z",
        "sensitive": False,
        "spoiler_text": "",
        "visibility": "public",
        "language": "en",
        "url": f"{home}/@jane.doe/{103206185588894565 + number}",
        "favourites_count": 10,
        "content": '<p>leg day <a href="#">#<span>Squat</span></a> &amp; rest</p>',
        "reblog": None,
        "account": {
            "username": "jane.doe",
            "acct": "jane.doe",
            "note": "<p>I lift</p>",
            "noindex": False,
            "fields": [],
        },
        "media_attachments": [attachment(number, home)],
        "tags": [{"name": "squat", "url": f"{home}/tags/squat"}],
    } | changed


def attachment(number: int, home: str, **changed: Any) -> dict[str, Any]:
    original = {"width": 1280, "height": 720, "frame_rate": "30/1", "duration": 8.5, "bitrate": 862056}
    return {
        "id": str(number),
        "type": "video",
        "url": f"{home}/system/media_attachments/{number}.mp4",
        "remote_url": None,
        "meta": {"original": original, "small": {"width": 400, "height": 225}},
    } | changed


def account(**changed: Any) -> dict[str, Any]:
    return status(0, "https://m.example")["account"] | changed


@contextmanager
def serving_mastodon(num_statuses: int = 0) -> Iterator[MastodonSite]:
    site = MastodonSite()
    with answering(site):
        site.statuses = [status(n, site.url) for n in reversed(range(num_statuses))]
        yield site
