"""The real yt-dlp with the shipped extractor against the site, over loopback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yt_dlp

from h2a_curation.sample_world.world.world import make_world
from tests.sample_world.classes import CLASSES
from tests.sample_world.running import CountingMaker, site_of

WORLD = make_world(1, "mini", CLASSES)
TAG = "fyp"
NUM_FULL_PAGES = len(WORLD.listings[TAG]) // 6


class Silent:
    def debug(self, _: str) -> None: ...
    def info(self, _: str) -> None: ...
    def warning(self, _: str) -> None: ...
    def error(self, _: str) -> None: ...


class Served:
    """A running site and what it was asked."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self._log = log

    def requests(self) -> list[str]:
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [f"{line['path']}?{line['query']}" for line in lines]

    def ask(self, what: str, **params: object) -> dict:
        """As the sources do; three tries, as the temporary faults want."""
        arguments = {"h2asample": {"base": [self.url], "page_size": ["6"]}}
        fixed = {"quiet": True, "logger": Silent(), "proxy": "", "extractor_args": arguments, "retries": 0}
        with yt_dlp.YoutubeDL(fixed | params) as client:
            for _ in range(2):
                try:
                    return client.extract_info(what, download="outtmpl" in params)
                except yt_dlp.DownloadError:
                    continue
            return client.extract_info(what, download="outtmpl" in params)


@pytest.fixture
def served(tmp_path):
    log = tmp_path / "log.jsonl"
    with log.open("w") as lines, site_of(WORLD, tmp_path / "cache", CountingMaker(), lines) as url:
        yield Served(url, log)


@pytest.mark.parametrize("page", range(1, NUM_FULL_PAGES + 1))
def test_a_full_page_of_a_listing_costs_one_request(served, page):
    start = (page - 1) * 6
    listing = served.ask(f"h2a-sample:tag:{TAG}", extract_flat=True, playlist_items=f"{start + 1}-{start + 6}")
    assert [e["id"] for e in listing["entries"]] == list(WORLD.listings[TAG][start : start + 6])
    assert set(served.requests()) == {f"/tag/{TAG}?page={page}&count=6"}


def test_a_listing_ends_without_asking_beyond_its_last_page(served):
    listing = served.ask(f"h2a-sample:tag:{TAG}", extract_flat=True)
    assert len(listing["entries"]) == len(WORLD.listings[TAG])
    assert len(set(served.requests())) == NUM_FULL_PAGES + 1  # where nothing is left over, the last one is empty


def test_an_entry_carries_what_the_platform_says(served):
    post_id = WORLD.listings[TAG][0]
    post = WORLD.posts[post_id]
    [entry] = served.ask(f"{served.url}/tag/{TAG}", extract_flat=True, playlist_items="1")["entries"]
    assert entry["url"] == f"h2a-sample:post:{post_id}"
    assert (entry["title"], tuple(entry["tags"]), entry["uploader_id"]) == (post.caption, post.hashtags, post.creator)
    assert (entry["timestamp"], entry["language"]) == (int(post.posted_at.timestamp()), post.language)
    assert (entry["duration"], (entry["width"], entry["height"])) == (post.declared_s, post.declared_px)
    assert (entry["view_count"], entry["like_count"]) == (post.num_views, post.num_likes)


@pytest.mark.parametrize("post_id", [i for i, p in WORLD.posts.items() if p.fault and not p.fault.is_permanent])
def test_posts_with_temporary_faults_come_within_three_tries(served, tmp_path, post_id):
    served.ask(f"h2a-sample:post:{post_id}", outtmpl=str(tmp_path / "%(id)s.%(ext)s"))
    assert (tmp_path / f"{post_id}.mp4").read_bytes() == repr(WORLD.posts[post_id].file).encode() * 100


MESSAGES = {
    "private": "private: this post is private",
    "deleted": "deleted: this post was deleted",
    "forbidden": "HTTP Error 403",
    "missing": "HTTP Error 404",
    "rate_limited": "429",
    "server_error": "HTTP Error 50",
    "hanging": "HTTP Error 504|bytes read|timed out",
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_each_refusal_has_words_of_its_own(served, tmp_path, kind):
    [post_id, *_] = [i for i, p in WORLD.posts.items() if p.fault and p.fault.kind == kind]
    target = str(tmp_path / "%(id)s.%(ext)s")
    arguments = {"h2asample": {"base": [served.url]}}
    params = {"quiet": True, "logger": Silent(), "proxy": "", "extractor_args": arguments, "outtmpl": target}
    with yt_dlp.YoutubeDL(params | {"retries": 0}) as client, pytest.raises(yt_dlp.DownloadError, match=MESSAGES[kind]):
        client.extract_info(f"h2a-sample:post:{post_id}")


def test_without_an_address_it_says_which_argument_is_missing():
    with yt_dlp.YoutubeDL({"logger": Silent()}) as client, pytest.raises(yt_dlp.DownloadError, match="h2asample:base"):
        client.extract_info("h2a-sample:post:1")


def test_yt_dlp_finds_the_plugin_on_its_path():
    """In a process of its own, as a user's yt-dlp would."""
    root = str(Path(__file__).parents[3])
    code = "from yt_dlp import YoutubeDL; print('H2ASample' in YoutubeDL({'quiet': True})._ies)"
    found = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": root}, capture_output=True, text=True)
    assert found.stdout.strip() == "True"
