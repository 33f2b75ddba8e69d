from pathlib import Path

import pytest

from h2a_curation import recipes
from h2a_curation.acquire.fetch import FetchRules, fetch_post
from h2a_curation.lake import layout
from h2a_curation.sources import open_source
from h2a_curation.sources.rules import SourceRules
from h2a_curation.sources.ytdlp.recipe_options import DownloadOptions
from tests.loopback import ON_LOOPBACK, Answer
from tests.sources.fixtures import CREATOR, NUM_POSTS, opened
from tests.sources.platform import MP4, VIDEO, clock

LIMITS = FetchRules()


def test_paths_are_seen_from_the_recipe(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "source:\n  opt_out: leave-alone.txt\n  file: posts.csv\n  options: {cookiefile: cookies.txt}\n"
        "  fetch_with: {options: {cookiefile: own/cookies.txt}}\n"
    )
    source = recipes.load(str(tmp_path / "mine.yaml")).source
    assert (source.opt_out, source.file) == (tmp_path / "leave-alone.txt", tmp_path / "posts.csv")
    assert source.options.cookiefile == tmp_path / "cookies.txt"
    assert source.fetch_with.options.cookiefile == tmp_path / "own" / "cookies.txt"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("source:\n  fetch_with: {knd: ytdlp}\n", 2, "unknown key 'knd'; did you mean 'kind'"),
        ("source: {max_per_host: 0}\n", 1, "max_per_host and canary_after start at 1"),
        ("source: {canary_after: 0}\n", 1, "max_per_host and canary_after start at 1"),
        ("source: {kind: tiktok_research}\n", 1, "gives no files: name another source in fetch_with"),
        ("source:\n  fetch_with: {kind: table, fetch_with: {kind: ytdlp}}\n", 1, "has no fetch_with of its own"),
    ],
)
def test_a_mistake_in_a_source_is_named_with_its_line(tmp_path, text, line, words):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=words) as caught:
        recipes.load(str(file))
    assert str(caught.value).startswith(f"{file}:{line}: ")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"kind": "folder", "file": Path(), "listing_url": "https://example.org/{tag}"}, "no setting 'listing_url'"),
        ({"kind": "ytdlp", "columns": {"url": "link"}}, "source kind ytdlp has no setting 'columns'"),
        ({"kind": "table"}, "reads a table: name one"),
        ({"kind": "folder", "file": Path(), "max_per_host": 2}, "no setting 'max_per_host'"),
    ],
)
def test_what_a_kind_does_not_take_is_refused(said, words):
    with pytest.raises(ValueError, match=words):
        open_source(SourceRules(**said), LIMITS)


FORBIDS = b"User-agent: *\nDisallow: /"


def closed(site):
    """The address of a video on a host that asks machines to stay away."""
    site.answers["/robots.txt"] = lambda _: Answer(body=FORBIDS, headers={"Content-Type": "text/plain"})
    site.answers["/1.mp4"] = lambda _: Answer(body=VIDEO, headers=MP4)
    return f"{site.url}/1.mp4"


def outcome(source, folder):
    [post] = source.search("", "").posts
    row = fetch_post(post, 0, source.fetch, folder / "lake", clock=clock, sleep=lambda _: None, rules=LIMITS)
    return row.outcome


@pytest.mark.parametrize(
    ("said", "came"),
    [
        ("", "opt_out"),
        ("honour_opt_out: false", "ok"),
        ("fetch_with: {kind: ytdlp}", "opt_out"),
        ("honour_opt_out: false, fetch_with: {kind: ytdlp}", "ok"),
        ("fetch_with: {kind: ytdlp, honour_opt_out: false}", "ok"),
        ("honour_opt_out: false, fetch_with: {kind: ytdlp, opt_out: left.txt}", "left out"),
    ],
)
def test_a_table_leaves_alone_what_a_host_forbids_unless_it_is_yours(site, tmp_path, said, came):
    url = closed(site)
    (tmp_path / "posts.csv").write_text(f"url\n{url}\n")
    (tmp_path / "left.txt").write_text(f"{url}\n")
    (tmp_path / "mine.yaml").write_text(f"source: {{kind: table, file: posts.csv, min_interval_s: 0, {said}}}\n")
    source = open_source(recipes.load(str(tmp_path / "mine.yaml")).source, LIMITS, permissions=ON_LOOPBACK)
    if came == "left out":
        assert source.search("", "").posts == []
        return
    assert outcome(source, tmp_path) == came
    assert (("GET", "/1.mp4") in site.asked) is (came == "ok")


@pytest.mark.parametrize(
    "other", ["", "fetch_with: {options: {cookiefile: none.txt}}", "options: {cookiefile: none.txt}"]
)
def test_what_downloads_for_a_table_is_checked_before_a_run(tmp_path, other):
    (tmp_path / "posts.csv").write_text("url\nhttps://example.org/1.mp4\n")
    (tmp_path / "mine.yaml").write_text(f"source: {{kind: table, file: posts.csv, {other}}}\n")
    source = open_source(recipes.load(str(tmp_path / "mine.yaml")).source, LIMITS, permissions=ON_LOOPBACK)
    if not other:
        source.check()
        return
    with pytest.raises(ValueError, match=r"there is no cookiefile .*none\.txt"):
        source.check()


def test_a_table_downloads_through_the_proxy_that_it_was_given(site, tmp_path):
    """The host of the row does not exist: only a proxy can answer for it."""
    site.answers["http://nowhere.invalid/1.mp4"] = lambda _: Answer(body=VIDEO, headers=MP4)
    (tmp_path / "posts.csv").write_text("url\nhttp://nowhere.invalid/1.mp4\n")
    options = DownloadOptions(proxy=site.url)
    rules = SourceRules(kind="table", file=tmp_path / "posts.csv", min_interval_s=0, options=options)
    assert outcome(open_source(rules, LIMITS, permissions=ON_LOOPBACK), tmp_path) == "ok"


def test_a_folder_and_the_lake_share_a_file_and_taking_it_twice_changes_nothing(site, tmp_path):
    lake = tmp_path / "lake"
    with opened("folder", site, tmp_path) as source:
        first, second = source.search("", "").posts[:2]
        rows = [
            fetch_post(post, 0, source.fetch, lake, clock=clock, sleep=lambda _: None, rules=LIMITS)
            for post in (first, second, first)
        ]
    assert [row.outcome for row in rows] == ["ok"] * 3
    assert {row.media_id for row in rows} == {rows[0].media_id}
    assert (lake / layout.media_file(rows[0].media_id)).read_bytes() == VIDEO
    left = [file for file in (tmp_path / "downloads").glob("*.mp4") if file.read_bytes() == VIDEO]
    assert len(left) == NUM_POSTS


def test_a_creator_who_left_is_known_by_the_lakes_pseudonym(site, tmp_path):
    (tmp_path / "left.txt").write_text(f"@{CREATOR}\n")
    (tmp_path / "posts.csv").write_text("url,creator\nhttps://example.org/1.mp4,0123abcd\n")
    rules = SourceRules(kind="table", file=tmp_path / "posts.csv", opt_out=tmp_path / "left.txt", min_interval_s=0)
    known = open_source(rules, LIMITS, pseudonym=lambda name: "0123abcd" if name == CREATOR else "else")
    assert known.search("", "").posts == []
    assert len(open_source(rules, LIMITS, permissions=ON_LOOPBACK).search("", "").posts) == 1
