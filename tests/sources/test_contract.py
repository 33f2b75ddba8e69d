"""What every source must do, whatever it is; a new source is one more module in tests/sources/cases/.

What it must do where the other side is hostile is in test_hostile.py.
"""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest

import schemas
from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.sources import KINDS, make_source
from h2a_curation.sources.rules import SourceRules
from h2a_curation.sources.ytdlp.recipe_options import DownloadOptions
from h2a_curation.taxonomy import hashtags
from tests import factories
from tests.sources.fixtures import CASES, CREATOR, NUM_POSTS, made, opened, ruled
from tests.sources.platform import VIDEO

MOST_PAGES = 50


@pytest.fixture(params=sorted(KINDS))
def kind(request):
    return request.param


@pytest.fixture
def source(kind, site, tmp_path):
    with opened(kind, site, tmp_path) as source:
        yield source


def first_tag(kind):
    return "squat" if KINDS[kind].by_tag else ""


def pages(source, tag="squat"):
    cursor, num = "", 0
    while cursor is not None:
        page = source.search(tag, cursor)
        yield page
        cursor, num = page.next_cursor, num + 1
        assert num < MOST_PAGES, "its cursors do not end"


def test_every_kind_has_a_case():
    assert set(CASES) == set(KINDS), "write tests/sources/cases/<kind>.py for each, or begin with `make new-source`"


def test_cursors_end_and_posts_are_normalised(source, kind):
    posts = {post.post_id: post for page in pages(source, first_tag(kind)) for post in page.posts}
    assert len(posts) == NUM_POSTS
    for post in posts.values():
        assert post.post_id.startswith(f"{source.name}:")
        assert post.source == source.name
        assert "squat" in post.hashtags
        assert post.hashtags == hashtags.unique(post.hashtags)
        assert post.posted_at is None or post.posted_at.utcoffset().total_seconds() == 0
        assert post.seen_at == factories.DAY
        assert post.duration_s is None or post.duration_s > 0


def test_a_page_lists_a_post_once_and_counts_what_it_cost(source, kind):
    for page in pages(source, first_tag(kind)):
        ids = [post.post_id for post in page.posts]
        assert len(ids) == len(set(ids))
        assert page.cost.num_requests >= (1 if KINDS[kind].by_tag else 0)
        assert (page.cost.num_bytes > 0) == (page.cost.num_requests > 0)


def test_posts_fit_into_rows(source):
    posts = source.search("squat", "").posts
    assert schemas.from_arrow(schemas.Post, schemas.to_arrow(schemas.Post, posts)) == posts


def test_a_page_is_the_same_whoever_asks_for_it_and_when(source):
    in_order = list(pages(source))
    cursors = ["", *(page.next_cursor for page in in_order[:-1])]
    with ThreadPoolExecutor(2) as threads:
        asked = list(threads.map(lambda cursor: source.search("squat", cursor), reversed(cursors)))
    for page, again in zip(in_order, reversed(asked), strict=True):
        assert [p.post_id for p in page.posts] == [p.post_id for p in again.posts]


def test_cursors_outlive_the_process(kind, site, tmp_path):
    with ruled(kind, site, tmp_path) as rules:
        first = made(rules, tmp_path).search("squat", "")
        if first.next_cursor is None:
            return
        second = made(rules, tmp_path).search("squat", first.next_cursor)
    assert second.posts
    assert not {p.post_id for p in first.posts} & {p.post_id for p in second.posts}


def test_another_tag_lists_other_posts(source):
    assert [post for page in pages(source, "surfing") for post in page.posts] == []


def test_the_creator_stands_in_one_field_alone(source):
    """So that the lake's pseudonym, which takes that field's place, leaves no name behind."""
    for post in source.search("squat", "").posts:
        named = [f.name for f in dataclasses.fields(post) if CREATOR in str(getattr(post, f.name))]
        assert named == ["creator"]


def test_a_file_comes_to_the_target_and_nowhere_else(source, tmp_path):
    folder = tmp_path / "odd % $HOME ~ name"
    folder.mkdir()
    source.fetch(source.search("squat", "").posts[0], folder / "file")
    assert [f.name for f in folder.iterdir()] == ["file"]
    assert (folder / "file").read_bytes() == VIDEO


def test_what_is_not_there_is_gone(source, site, tmp_path):
    with pytest.raises(FetchError) as caught:
        source.fetch(factories.post(post_id=f"{source.name}:none", url=f"{site.url}/missing.mp4"), tmp_path / "file")
    assert caught.value.kind is ErrorKind.GONE


def test_it_finds_itself_in_order(source):
    source.check()


def test_a_canary_is_a_post_that_the_source_fetches(kind, site, tmp_path):
    with opened(kind, site, tmp_path) as source:
        assert source.canary() is None
        first = source.search("squat", "").posts[0]
    with opened(kind, site, _beside(tmp_path), canary="h2a-sample:post:1") as source:
        canary = source.canary()
        assert (canary.post_id, canary.url, canary.source) == (
            f"{source.name}:canary",
            "h2a-sample:post:1",
            first.source,
        )
        if kind in ("ytdlp", "tiktok_research"):  # those of the fixtures that fetch from the sample platform
            source.fetch(canary, tmp_path / "canary")
            assert (tmp_path / "canary").read_bytes() == VIDEO


def test_an_opt_out_list_keeps_posts_and_creators_out(kind, site, tmp_path):
    with opened(kind, site, tmp_path) as source:
        first, second = source.search("squat", "").posts[:2]
    left_alone = tmp_path / "leave-alone.txt"
    left_alone.write_text(f"# asked by mail\n{first.post_id}\n{second.url}\n")
    with opened(kind, site, _beside(tmp_path), opt_out=left_alone) as source:
        ids = {post.post_id for page in pages(source) for post in page.posts}
        assert len(ids) == NUM_POSTS - 2
        assert first.post_id not in ids
        with pytest.raises(FetchError) as caught:
            source.fetch(first, tmp_path / "file")
        assert caught.value.kind is ErrorKind.OPT_OUT
    left_alone.write_text(f"@{CREATOR.upper()}")
    with opened(kind, site, _beside(tmp_path), opt_out=left_alone) as source:
        assert [post for page in pages(source) for post in page.posts] == []


def _beside(folder):
    other = folder / f"other{len(list(folder.iterdir()))}"
    other.mkdir()
    return other


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("ytdl", {}, "nearest known is 'ytdlp'"),
        ("ytdlp", {"listing": "x"}, "nearest known is 'listing_url'"),
        ("ytdlp", {"name": "y", "listing_url": "https://example.org/"}, "needs {tag}"),
        ("ytdlp", {"name": "y", "page_size": 0}, "must be above 0"),
        ("ytdlp", {"name": "y", "min_interval_s": -1.0}, "cannot be negative"),
        ("ytdlp", {"name": "y", "options": DownloadOptions(impersonate="a:b:c")}, "give a browser, such as chrome"),
        ("folder", {"file": None}, "name the folder"),
        ("table", {"file": None}, "name one, such as `h2a build posts.csv"),
    ],
)
def test_a_wrong_setting_is_named(kind, settings, words):
    with pytest.raises(ValueError, match=words):
        make_source(kind, settings)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"kind": "tiktok"}, "unknown source kind 'tiktok'; the nearest known is 'tiktok_research'"),
        ({"kind": "tiktok_research"}, "gives no files: name another source in fetch_with"),
        ({"fetch_with": SourceRules(kind="table")}, "downloads by address, and kind table does not: name ytdlp"),
        ({"fetch_with": SourceRules(kind="folder")}, "downloads by address, and kind folder does not: name ytdlp"),
    ],
)
def test_rules_that_cannot_be_are_refused(said, words):
    with pytest.raises(ValueError, match=words):
        SourceRules(**said)
