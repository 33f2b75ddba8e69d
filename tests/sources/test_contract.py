"""What every source must do, whatever it is; a new source is one more case of `make`."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from h2a_curation.sources import KINDS, make_source
from h2a_curation.sources.errors import ErrorKind, FetchError
from tests import factories
from tests.loopback import Site
from tests.sources.platform import VIDEO, listed, platform, put_listing, put_post

NUM_POSTS = 23


def ytdlp(site: Site, folder: Path):
    put_listing(site, "squat", [listed(str(i)) for i in range(NUM_POSTS)])
    for i in range(NUM_POSTS):
        put_post(site, str(i))
    return platform(site)


def table(site: Site, folder: Path):
    for i in range(NUM_POSTS):
        put_post(site, str(i))
    lines = [f"{site.url}/media/{i}.mp4,squat" for i in range(NUM_POSTS)]
    (folder / "posts.csv").write_text("\n".join(["url,class", *lines]))
    return make_source("table", {"file": folder / "posts.csv"})


MADE = {"ytdlp": ytdlp, "table": table}


@pytest.fixture(params=sorted(KINDS))
def source(request, site, tmp_path):
    return MADE[request.param](site, tmp_path)


def pages(source, tag="squat"):
    cursor = ""
    while cursor is not None:
        page = source.search(tag, cursor)
        yield page
        cursor = page.next_cursor


def test_pages_hold_unique_prefixed_posts_and_end(source):
    posts = [post for page in pages(source) for post in page.posts]
    ids = [post.post_id for post in posts]
    assert len(ids) == len(set(ids)) == NUM_POSTS
    assert all(i.startswith(f"{source.name}:") for i in ids)
    assert all(post.source == source.name and "squat" in post.hashtags for post in posts)
    assert all(post.posted_at is None or post.posted_at.tzinfo for post in posts)
    assert all(post.seen_at.tzinfo for post in posts)


def test_a_page_is_the_same_whoever_asks_for_it_and_when(source):
    in_order = list(pages(source))
    cursors = ["", *(page.next_cursor for page in in_order[:-1])]
    with ThreadPoolExecutor(2) as threads:
        asked = list(threads.map(lambda cursor: source.search("squat", cursor), reversed(cursors)))
    assert [[p.post_id for p in page.posts] for page in reversed(asked)] == [
        [p.post_id for p in page.posts] for page in in_order
    ]


def test_a_file_comes_to_the_target_and_nowhere_else(source, tmp_path):
    folder = tmp_path / "odd % $HOME ~ name"
    folder.mkdir()
    source.fetch(source.search("squat", "").posts[0], folder / "file")
    assert [f.name for f in folder.iterdir()] == ["file"]
    assert (folder / "file").read_bytes() == VIDEO


def test_what_is_not_there_is_gone(source, site, tmp_path):
    with pytest.raises(FetchError) as caught:
        source.fetch(factories.post(url=f"{site.url}/missing.mp4"), tmp_path / "file")
    assert caught.value.kind is ErrorKind.GONE


def test_it_finds_itself_in_order(source):
    source.check()


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("ytdl", {}, "nearest known is 'ytdlp'"),
        ("ytdlp", {"listing": "x"}, "nearest known is 'listing_url'"),
        ("ytdlp", {"name": "y", "listing_url": "https://example.org/"}, "needs {tag}"),
        ("ytdlp", {"name": "y", "page_size": 0}, "must be above 0"),
        ("ytdlp", {"name": "y", "min_interval_s": -1.0}, "cannot be negative"),
    ],
)
def test_a_wrong_setting_is_named(kind, settings, words):
    with pytest.raises(ValueError, match=words):
        make_source(kind, settings)
