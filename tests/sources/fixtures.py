"""One fixture a source: the same 23 posts under the tag `squat`, each with the same file, by creator `jane.doe`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.sources import open_source
from h2a_curation.sources.guarded import GuardedSource
from h2a_curation.sources.rules import SourceRules
from h2a_curation.sources.settings import TIKTOK_ADDRESS, TikTokSettings
from tests import factories
from tests.loopback import Answer, Site
from tests.sources.platform import JSON, VIDEO, clock, listed, put_listing, put_post
from tests.sources.tiktok_site import KEY, SECRET, serving_tiktok, video

NUM_POSTS = 23
CREATOR = "jane.doe"
LIMITS = FetchRules(max_file_bytes=100_000, timeout_s=30.0, socket_timeout_s=10.0)


def sample_platform(site: Site) -> dict[str, dict[str, list[str]]]:
    return {"h2asample": {"base": [site.url], "page_size": ["10"]}}


@contextmanager
def ytdlp(site: Site, folder: Path) -> Iterator[SourceRules]:
    put_listing(site, "squat", [listed(str(i), creator=CREATOR) for i in range(NUM_POSTS)])
    put_listing(site, "surfing", [])
    yield SourceRules(
        kind="ytdlp",
        name="h2a",
        listing_url="h2a-sample:tag:{tag}",
        page_size=10,
        min_interval_s=0,
        extractor_args=sample_platform(site),
    )


@contextmanager
def table(site: Site, folder: Path) -> Iterator[SourceRules]:
    lines = [f"{site.url}/media/{i}.mp4,squat,{CREATOR}" for i in range(NUM_POSTS)]
    (folder / "posts.csv").write_text("\n".join(["url,class,creator", *lines]))
    yield SourceRules(kind="table", name="table", file=folder / "posts.csv", min_interval_s=0)


@contextmanager
def folder(site: Site, folder: Path) -> Iterator[SourceRules]:
    downloads = folder / "downloads"
    downloads.mkdir()
    for i in range(NUM_POSTS):
        (downloads / f"{i}.mp4").write_bytes(VIDEO)
        info = {"id": str(i), "uploader_id": CREATOR, "title": "leg day #Squat", "extractor_key": "TikTok"}
        address = f"https://www.tiktok.com/@{CREATOR}/video/{i}"
        (downloads / f"{i}.info.json").write_text(json.dumps(info | {"webpage_url": address}))
    yield SourceRules(kind="folder", name="folder", file=downloads)


@contextmanager
def tiktok_research(site: Site, folder: Path) -> Iterator[SourceRules]:
    """Fetches from the sample platform, by id."""
    with serving_tiktok(now=clock) as tiktok, keys_in_the_environment(tiktok.url):
        tiktok.videos = [video(i, factories.DAY - timedelta(days=3 * i), id=i + 1) for i in range(NUM_POSTS)]
        put_post(site, str(NUM_POSTS))
        yield SourceRules(
            kind="tiktok_research",
            name="tiktok",
            page_size=8,
            min_interval_s=0,
            settings=TikTokSettings(num_windows=4),
            fetch_with=SourceRules(
                post_url="h2a-sample:post:{id}", min_interval_s=0, extractor_args=sample_platform(site)
            ),
        )


@contextmanager
def keys_in_the_environment(address: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOK_CLIENT_KEY", KEY)
        patch.setenv("TIKTOK_CLIENT_SECRET", SECRET)
        patch.setenv(TIKTOK_ADDRESS, address)
        yield


FIXTURES = {"ytdlp": ytdlp, "table": table, "folder": folder, "tiktok_research": tiktok_research}


@contextmanager
def opened(kind: str, site: Site, folder: Path, **changed: Any) -> Iterator[GuardedSource]:
    for i in range(NUM_POSTS):
        put_post(site, str(i))
    missing = Answer(status=404, body=b'{"error": "missing", "message": "this video no longer exists"}', headers=JSON)
    site.answers["/post/none"] = lambda _: missing
    with FIXTURES[kind](site, folder) as rules:
        yield made(replace(rules, **changed), folder)


def made(rules: SourceRules, folder: Path) -> GuardedSource:
    return open_source(rules, LIMITS, state=folder / "state", clock=clock)
