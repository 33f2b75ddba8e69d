"""Sites that behave badly, on loopback: a listing ends in time, and what came of it fits into rows."""

import json
import time
from urllib.parse import quote

import pytest

import schemas
from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.acquire.listing import list_pages
from h2a_curation.acquire.retry import RetryRules
from h2a_curation.sources.guarded import GuardedSource
from h2a_curation.sources.politeness.opt_out import OptOuts
from h2a_curation.sources.ytdlp.recipe_options import DownloadOptions
from tests import factories
from tests.acquire.pages import together
from tests.loopback import Answer
from tests.sources.fixtures import ASKS_NOBODY
from tests.sources.platform import JSON, VIDEO, clock, listed, platform, put_listing, put_post

PATIENCE_S = 10.0


def patient(site):
    return platform(site, timeout_s=30.0, socket_timeout_s=15.0)


def opened(source):
    return GuardedSource(
        source, source, fetch_url="", opt_outs=OptOuts(), short_links=ASKS_NOBODY, canary_url="", clock=clock
    )


def mined(source, num_pages):
    allocation = schemas.Allocation(
        round=0, source=source.name, tag="squat", num_pages=num_pages, belief=1.0, reason="seed"
    )
    rules = RetryRules(max_tries=1, first_wait_s=0.0, max_wait_s=0.0)
    pages = list_pages(allocation, "", opened(source).search, clock, 0, sleep=lambda _: None, retry=rules)
    return together(pages)


def serve(site, page_of):
    """`page_of(number)`: the posts of each page, from 1, without end."""

    def answer(number):
        body = json.dumps({"tag": "squat", "page": number, "posts": page_of(number), "next": None})
        return Answer(body=body.encode(), headers=JSON)

    for number in range(1, 200):
        site.answers[f"/tag/squat?page={number}&count=10"] = lambda _, number=number: answer(number)


def test_a_feed_that_never_ends_gives_the_pages_that_were_granted(site):
    serve(site, lambda number: [listed(f"{number}-{i}") for i in range(10)])
    requests, posts, hits = mined(patient(site), 7)
    assert (len(requests), len(posts), len(hits), len(site.asked)) == (7, 70, 70, 7)


def test_a_cursor_that_loops_gives_the_same_posts_and_ends_with_its_grant(site):
    serve(site, lambda number: [listed(f"{number % 2}-{i}") for i in range(10)])
    requests, posts, _ = mined(patient(site), 7)
    assert (len(requests), len(posts), len(site.asked)) == (7, 20, 7)


def test_pages_without_posts_end_the_listing(site):
    serve(site, lambda _: [])
    assert [len(rows) for rows in mined(patient(site), 7)] == [1, 0, 0]


def test_a_page_that_repeats_one_post_lists_it_once(site):
    serve(site, lambda _: [listed("1")] * 10)
    requests, posts, _ = mined(patient(site), 3)
    assert ([r.num_posts for r in requests], len(posts)) == ([1, 1, 1], 1)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b'"posts"', b"<html>", b"\xff\xfe\0", b'{"posts": 7}', b'{"posts": "squat"}', b'{"posts": [7]}',
        b'{"posts": [[]]}', b'{"posts": [{"id": null, "caption": ""}]}', b'{"error": 7}', b"[" * 50_000,
        b'{"posts": [{"id": {"a": 1}, "caption": "", "tags": [], "creator": "u"}]}',
    ],
)  # fmt: skip
def test_nonsense_is_a_row(site, body):
    site.answers["/tag/squat"] = lambda _: Answer(body=body, headers=JSON)
    requests, posts, _ = mined(patient(site), 3)
    assert ([r.outcome for r in requests], posts) == (["extractor_broken"], [])


ODD = [
    {"duration_s": "soon"}, {"duration_s": -4}, {"duration_s": 1e308}, {"num_views": 10**30}, {"num_views": -1},
    {"num_views": [1]}, {"num_likes": True}, {"width_px": 1e400}, {"height_px": {}}, {"posted_at": 10**17},
    {"posted_at": -(10**17)}, {"posted_at": "yesterday"}, {"posted_at": 0}, {"posted_at": 4_102_444_800},
    {"tags": "squat"}, {"tags": {"a": 1}}, {"tags": [None, 7, ["x"]]}, {"tags": None}, {"language": 7},
    {"language": "x" * 10_000}, {"creator": None}, {"creator": {"name": "jane"}}, {"caption": None}, {"caption": 7},
    {"caption": "half a character \ud83d"}, {"caption": "\0\x1b[31m\u202e"}, {"creator": "\ud800"},
]  # fmt: skip


def test_metadata_of_any_shape_becomes_rows(site):
    put_listing(site, "squat", [listed(str(i)) | changed for i, changed in enumerate(ODD)])
    _, posts, _ = mined(patient(site), 9)
    assert [post.post_id for post in posts] == [f"h2a:{i}" for i in range(len(ODD))]
    assert schemas.from_arrow(schemas.Post, schemas.to_arrow(schemas.Post, posts)) == posts
    for post, changed in zip(posts, ODD, strict=True):
        assert post.posted_at is None or post.posted_at.year == 2026, changed
        assert post.num_views is None or post.num_views >= 0, changed
        assert post.duration_s is None or post.duration_s >= 0, changed


LONG = {
    "one word": "a" * 1_000_000,
    "hashes": "#" * 1_000_000,
    "many tags": " ".join(f"#tag{i}" for i in range(120_000)),
    "one tag": "#" + "squat" * 200_000,
    "a run of tags": "#a" * 500_000,
    "marks": "#" + "\u0301" * 500_000,
    "emoji": "#🏋️" * 200_000,
}


@pytest.mark.parametrize("caption", LONG.values(), ids=LONG)
def test_a_caption_of_a_megabyte_is_cut_in_time(site, caption):
    serve(site, lambda number: [listed("1", caption=caption)] if number == 1 else [])
    started_s = time.monotonic()
    _, [post], _ = mined(patient(site), 1)
    assert time.monotonic() - started_s < PATIENCE_S
    assert len(post.caption) <= 20_000
    assert len(post.hashtags) <= 200
    assert post.hashtags[:2] == ["fyp", "legday"]


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("#Jiu_Jitsu", "jiujitsu"), ("#ヨガ", "ヨガ"), ("#ｙｏｇａ", "yoga"), ("#योग", "योग"), ("#اليوغا", "اليوغا"),
        ("#йога", "йога"), ("#瑜伽", "瑜伽"), ("#โยคะ", "โยคะ"), ("#요가", "요가"), ("#יוגה", "יוגה"),
        ("#Γιόγκα", "γιόγκα"), ("#Straße", "strasse"), ("#\U0001d5d2\U0001d5fc\U0001d5f4\U0001d5ee", "yoga"),
    ],
)  # fmt: skip
def test_tags_of_every_script_are_mined_by_their_key(site, written, tag):
    put_listing(site, quote(tag), [listed("1", caption=written, tags=[])])
    [post] = patient(site).search(tag, "").posts
    assert post.hashtags == [tag]


@pytest.mark.parametrize("tag", ["a/b", "../post/1", "a?b=c", "a#b", "%2e%2e", "{tag}", "{id}", "a b", "\u202egpm"])
def test_a_tag_of_odd_characters_asks_for_no_other_page(site, tag):
    source = patient(site)
    with pytest.raises(FetchError):
        source.search(tag, "")
    assert all(path.startswith("/tag/") and path.count("/") == 2 for _, path in site.asked)


def test_a_storm_of_429_ends_with_a_row(site):
    site.answers["/tag/squat"] = lambda _: Answer(status=429, headers={"Retry-After": "0"})
    requests, _, _ = mined(patient(site), 5)
    assert [r.outcome for r in requests] == ["rate_limited"]


@pytest.mark.parametrize(
    "options", [DownloadOptions(), DownloadOptions(impersonate="chrome")], ids=["plain", "as a browser"]
)
def test_a_site_that_drips_is_left_in_time(site, options):
    body = json.dumps({"posts": [listed(str(i)) for i in range(100)]}).encode()
    site.answers["/tag/squat"] = lambda _: Answer(body=body, headers=JSON, chunk_wait_s=0.3)
    started_s = time.monotonic()
    requests, _, _ = mined(platform(site, options=options), 5)
    assert ([r.outcome for r in requests], time.monotonic() - started_s < PATIENCE_S) == (["timeout"], True)


def test_a_page_of_a_hundred_megabytes_is_not_read(site, monkeypatch):
    monkeypatch.setattr("h2a_curation.sources.ytdlp.source._MAX_PAGE_BYTES", 1_000_000)
    site.answers["/tag/squat"] = lambda _: Answer(body=b" " * 3_000_000, headers=JSON | {"Content-Length": ""})
    requests, _, _ = mined(patient(site), 5)
    assert [r.outcome for r in requests] == ["too_large"]


def test_a_marked_post_never_becomes_a_row(site, tmp_path):
    put_listing(site, "squat", [listed("1", caption="#squat #NoAI"), listed("2")])
    put_post(site, "1")
    source = opened(patient(site))
    assert [post.post_id for post in source.search("squat", "").posts] == ["h2a:2"]
    with pytest.raises(FetchError) as caught:
        source.fetch(factories.post("h2a:1", hashtags=["squat", "noai"]), tmp_path / "file")
    assert caught.value.kind is ErrorKind.OPT_OUT
    assert not (tmp_path / "file").exists()


def test_a_redirect_that_loops_is_left(site, tmp_path):
    site.answers["/watch"] = lambda _: Answer(status=302, headers={"Location": "/watch"})
    with pytest.raises(FetchError) as caught:
        patient(site).fetch(factories.post(url=f"{site.url}/watch"), tmp_path / "file")
    assert isinstance(caught.value.kind, ErrorKind)
    assert len(site.asked) < 60


def test_the_same_file_comes_after_all_this(site, tmp_path):
    put_post(site, "1")
    patient(site).fetch(factories.post(url="h2a-sample:post:1"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == VIDEO
