"""The sample platform's wire format, served by `tests.loopback`: listings and posts that a test makes up."""

import json
from dataclasses import fields
from typing import Any

from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.sources.base import SourceContext
from h2a_curation.sources.ytdlp.rules import YtDlpRules
from h2a_curation.sources.ytdlp.source import YtDlp
from tests import factories
from tests.loopback import ON_LOOPBACK, Answer, Site

VIDEO = b"\0\0\0\x18ftypmp42" + b"video" * 1000
MP4 = {"Content-Type": "video/mp4"}
JSON = {"Content-Type": "application/json"}


def clock():
    return factories.DAY


def context(said: dict[str, Any]) -> SourceContext:
    """What of `said` is a limit or the build's; the rest is left in it, for the rules."""
    limits = {f.name: said.pop(f.name) for f in fields(FetchRules) if f.name in said}
    own = {f.name: said.pop(f.name) for f in fields(SourceContext) if f.name in said}
    return SourceContext(limits=FetchRules(**limits), **{"permissions": ON_LOOPBACK} | own)


def ytdlp(**said: Any) -> YtDlp:
    """A source of this kind, without a wait between requests unless a test asks for one."""
    given = context(said)
    return YtDlp(YtDlpRules(**{"min_interval_s": 0.0, **said}), given)


def platform(site: Site, **changed: Any) -> YtDlp:
    settings: dict[str, Any] = {
        "name": "h2a",
        "listing_url": "h2a-sample:tag:{tag}",
        "page_size": 10,
        "socket_timeout_s": 0.4,
        "timeout_s": 1.2,
        "max_file_bytes": 100_000,
        "extractor_args": {"h2asample": {"base": [site.url], "page_size": ["10"]}},
        "clock": clock,
    }
    return ytdlp(**settings | changed)


def sample_platform(address: str) -> dict[str, dict[str, list[str]]]:
    """Extractor arguments by which yt-dlp finds the platform at this address."""
    return {"h2asample": {"base": [address], "page_size": ["10"]}}


def put_listing(site: Site, tag: str, posts: list[dict[str, Any]], page_size: int = 10) -> None:
    for page in range(max(1, -(-len(posts) // page_size)) + 1):
        body = {"tag": tag, "page": page + 1, "posts": posts[page * page_size : (page + 1) * page_size], "next": None}
        answer = Answer(body=json.dumps(body).encode(), headers=JSON)
        site.answers[f"/tag/{tag}?page={page + 1}&count={page_size}"] = lambda _, answer=answer: answer


def put_post(site: Site, post_id: str, video: Answer | None = None, **changed: Any) -> None:
    body = json.dumps(listed(post_id, media=f"/media/{post_id}.mp4", **changed)).encode()
    site.answers[f"/post/{post_id}"] = lambda _: Answer(body=body, headers=JSON)
    answer = video or Answer(body=VIDEO, headers=MP4)
    site.answers[f"/media/{post_id}.mp4"] = lambda _: answer


def listed(post_id: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": post_id,
        "caption": "leg day #Squat",
        "tags": ["fyp", "Leg_Day"],
        "creator": "u7",
        "posted_at": 1_767_225_600,
        "duration_s": 4.0,
        "width_px": 360,
        "height_px": 640,
        "num_views": 1000,
        "num_likes": 10,
        "language": "en",
    } | changed
