import pytest

from h2a_curation.acquire.errors import POLICIES, ErrorKind, FetchError, Policy
from h2a_curation.acquire.listing import list_pages
from h2a_curation.acquire.retry import RetryRules
from h2a_curation.sources.base import Cost, Page
from schemas import Allocation
from tests import factories
from tests.acquire.pages import together


def page(ids, next_cursor):
    posts = [factories.post(f"s:{i}") for i in ids]
    return Page(posts=posts, next_cursor=next_cursor, cost=Cost(num_requests=1, num_bytes=10 * len(posts)))


def run(search, num_pages=9, cursor=""):
    allocation = Allocation(round=1, source="s", tag="squat", num_pages=num_pages, belief=1.0, reason="yield")
    return together(
        list_pages(
            allocation, cursor, search, lambda: factories.DAY, 1, sleep=lambda _: None, retry=RetryRules(max_tries=3)
        )
    )


LISTING = {"": page([1, 2], "a"), "a": page([3, 1], "b"), "b": page([4], None)}


@pytest.mark.parametrize(
    ("num_pages", "cursor", "cursors"), [(9, "", ["", "a", "b"]), (2, "", ["", "a"]), (1, "b", ["b"]), (0, "", [])]
)
def test_as_many_pages_as_were_granted(num_pages, cursor, cursors):
    requests, _, _ = run(lambda tag, c: LISTING[c], num_pages, cursor)
    assert [r.cursor for r in requests] == cursors
    assert [r.next_cursor for r in requests] == [LISTING[c].next_cursor for c in cursors]


def test_every_post_once_and_every_hit():
    requests, posts, hits = run(lambda tag, c: LISTING[c])
    assert [p.post_id for p in posts] == ["s:1", "s:2", "s:3", "s:4"]
    assert [(h.cursor, h.rank, h.post_id) for h in hits] == [
        ("", 0, "s:1"), ("", 1, "s:2"), ("a", 0, "s:3"), ("a", 1, "s:1"), ("b", 0, "s:4"),
    ]  # fmt: skip
    assert requests[1] == factories.request(
        tag="squat", cursor="a", round=1, next_cursor="b", num_posts=2, num_bytes=20, requested_at=factories.DAY
    )


def test_a_cursor_that_loops_ends_the_listing():
    requests, _, _ = run(lambda tag, c: page([1], {"": "a", "a": "b", "b": "a"}[c]))
    assert [(r.cursor, r.next_cursor) for r in requests] == [("", "a"), ("a", "b"), ("b", None)]


def test_a_feed_that_never_ends_costs_what_was_granted():
    requests, _, _ = run(lambda tag, c: page([1], c + "x"), 5)
    assert len(requests) == 5


def test_a_page_that_does_not_come_is_a_row_and_ends_the_listing():
    def search(tag, cursor):
        if cursor == "a":
            raise FetchError(ErrorKind.GONE, "no")
        return LISTING[cursor]

    requests, posts, _ = run(search)
    assert [(r.cursor, r.outcome, r.next_cursor) for r in requests] == [("", "ok", "a"), ("a", "gone", None)]
    assert len(posts) == 2


def test_a_storm_of_429_clears():
    asked = []

    def search(tag, cursor):
        asked.append(cursor)
        if asked.count(cursor) < 3:
            raise FetchError(ErrorKind.RATE_LIMITED, "no", 1.0)
        return LISTING[cursor]

    requests, _, _ = run(search)
    assert [r.outcome for r in requests] == ["ok"] * 3


STOPS = [kind for kind in ErrorKind if POLICIES[kind] is Policy.STOP]


@pytest.mark.parametrize("kind", STOPS)
def test_a_site_that_is_down_or_refuses_us_stops_the_lane(kind):
    def search(tag, cursor):
        raise FetchError(kind, "no")

    with pytest.raises(FetchError, match=kind):
        run(search)


@pytest.mark.parametrize("kind", STOPS)
def test_pages_that_came_before_a_stop_are_the_callers(kind):
    def search(tag, cursor):
        if cursor == "b":
            raise FetchError(kind, "no")
        return LISTING[cursor]

    pages = asked_for(search)
    assert [next(pages).request.cursor, next(pages).request.cursor] == ["", "a"]
    with pytest.raises(FetchError, match=kind):
        next(pages)


def asked_for(search, cursor="", known=()):
    allocation = Allocation(round=1, source="s", tag="squat", num_pages=9, belief=1.0, reason="yield")
    rules = RetryRules(max_tries=1)
    return list_pages(
        allocation, cursor, search, lambda: factories.DAY, 1, sleep=lambda _: None, retry=rules, known=known
    )


def test_a_cursor_that_leads_back_to_an_earlier_rounds_page_ends_the_listing():
    listing = {"b": page([4], "c"), "c": page([5], "a")}
    asked = asked_for(lambda tag, c: listing[c], "b", known={"", "a"})
    assert [(p.request.cursor, p.request.next_cursor) for p in asked] == [("b", "c"), ("c", None)]


@pytest.mark.parametrize("kind", [k for k in ErrorKind if POLICIES[k] is not Policy.STOP])
def test_a_failed_page_is_a_row_and_the_listing_waits(kind):
    def search(tag, cursor):
        raise FetchError(kind, "no")

    [request], posts, hits = run(search)
    assert (request.outcome, request.cursor, request.next_cursor, posts, hits) == (kind, "", None, [], [])
