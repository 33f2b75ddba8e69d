"""A row has an address without its secrets, and the file is asked for with them."""

from dataclasses import replace

import pytest

from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.sources import open_source
from h2a_curation.sources.rules import SourceRules

ONE, TWO = "https://cdn.example.org/a.mp4?id=1&token=first-one", "https://cdn.example.org/a.mp4?id=1&token=the-second"
LOGIN = "https://me:pw-9f8e@cdn.example.org/b.mp4"
PLAIN = "https://cdn.example.org/c.mp4"


@pytest.fixture
def opened(tmp_path):
    """`opened(*urls)`: a table of them as a build opens it."""

    def of(*urls):
        (tmp_path / "posts.csv").write_text("\n".join(["post_id,url", *(f"p{n},{url}" for n, url in enumerate(urls))]))
        return open_source(SourceRules(kind="table", name="t", file=tmp_path / "posts.csv"), FetchRules())

    return of


def test_what_is_listed_may_be_shared_and_two_posts_stay_two(opened):
    posts = opened(ONE, TWO, LOGIN, PLAIN).search("", "").posts
    assert [(post.post_id, post.url) for post in posts] == [
        ("t:p0", "https://cdn.example.org/a.mp4?id=1"),
        ("t:p1", "https://cdn.example.org/a.mp4?id=1"),
        ("t:p2", "https://cdn.example.org/b.mp4"),
        ("t:p3", PLAIN),
    ]


@pytest.mark.parametrize("listed_before", [True, False])
def test_each_post_is_asked_for_with_its_own_secrets_in_a_later_run_too(opened, listed_before):
    urls = (ONE, TWO, LOGIN, PLAIN)
    source = opened(*urls)
    rows = source.search("", "").posts
    if not listed_before:
        source = opened(*urls)
    assert [source.whole(row).url for row in rows] == list(urls)
    assert source.whole(rows[3]) is rows[3]


def test_a_newly_signed_address_takes_the_place_of_the_old(opened):
    [row] = opened(ONE).search("", "").posts
    [of_before] = [replace(row, url=ONE)]  # rows had the whole address
    newly = opened(TWO)
    assert newly.whole(row).url == newly.whole(of_before).url == TWO


def test_another_address_of_the_post_is_not_taken_for_it(opened):
    [row] = opened(ONE).search("", "").posts
    assert opened("https://cdn.example.org/other.mp4?token=first-one").whole(row) is row
    assert opened(PLAIN).whole(row) is row
