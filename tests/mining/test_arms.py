"""`arm_sql` on rows small enough to count by hand."""

from schemas import Hit, Post, Request
from tests import factories
from tests.mining.tag_world import arm_tag, arms_of


def page(
    tag: str, cursor: str, ids: str, next_cursor: str | None, *, round_no: int = 0, outcome: str = "ok", source="s"
):
    request = factories.request(
        source=source, tag=tag, cursor=cursor, round=round_no, next_cursor=next_cursor, num_bytes=100, outcome=outcome
    )
    return request, [Hit(source=source, tag=tag, cursor=cursor, post_id=i, rank=n) for n, i in enumerate(ids)]


def arms(pages, *, tags=(), posts: list[Post] | None = None, accepted=frozenset(), judged=""):
    requests: list[Request] = [request for request, _ in pages]
    hits = [hit for _, listed in pages for hit in listed]
    ids = sorted({hit.post_id for hit in hits})
    posts = [factories.post(i, hashtags=[]) for i in ids] if posts is None else posts
    return {a.tag: a for a in arms_of(requests, hits, posts, set(accepted), set(judged), tags)}


def test_an_untried_tag_starts_at_its_first_page():
    arm = arms([], tags=[arm_tag("x", "c1"), arm_tag("x", "c2", origin="learnt", rank=3)])["x"]
    assert (arm.class_ids, arm.origin, arm.rank, arm.num_pages) == (["c1", "c2"], "seed", 0, 0)
    assert (arm.is_dry, arm.next_cursor, arm.num_bytes) == (False, "", 0)


def test_pages_are_in_the_order_of_their_cursors_whatever_their_names():
    arm = arms([page("x", "", "ab", "z"), page("x", "a", "d", "q"), page("x", "z", "c", "a")], tags=[arm_tag("x", "c")])
    assert (arm["x"].new_by_page, arm["x"].next_cursor, arm["x"].num_bytes) == ([2, 1, 1], "q", 300)


def test_a_post_is_credited_once_to_the_earliest_page():
    found = arms(
        [page("x", "", "abc", "1"), page("y", "", "cd", None, round_no=1), page("x", "1", "ae", None, round_no=1)],
        tags=[arm_tag("x", "c"), arm_tag("y", "c")],
    )
    assert (found["x"].new_by_page, found["y"].new_by_page) == ([3, 1], [1])


def test_within_a_round_the_credit_is_shared_not_taken_by_the_first_name():
    ids = "abcdefghijklmnopqrstuvwxyz"
    found = arms([page("x", "", ids, None), page("y", "", ids, None)], tags=[arm_tag("x", "c"), arm_tag("y", "c")])
    assert found["x"].num_posts_new + found["y"].num_posts_new == len(ids)
    assert min(found["x"].num_posts_new, found["y"].num_posts_new) >= 5


def test_verdicts_are_counted_by_page():
    pages = [page("x", "", "abc", "1"), page("x", "1", "def", None)]
    accepted = {("a", "c"), ("a", "other"), ("d", "other")}
    arm = arms(pages, tags=[arm_tag("x", "c")], accepted=accepted, judged="abd")["x"]
    assert (arm.judged_by_page, arm.valid_by_page, arm.num_valid_new) == ([2, 1], [1, 1], 2)


def test_accepted_posts_that_were_listed_once_are_counted_for_who_listed_them():
    pages = [page("x", "", "abc", "1"), page("x", "1", "cd", "2"), page("y", "", "ae", None)]
    found = arms(
        pages, tags=[arm_tag("x", "c"), arm_tag("y", "c")], accepted={(p, "c") for p in "abcde"}, judged="abcde"
    )
    assert (found["x"].num_valid_once, found["y"].num_valid_once) == (2, 1)


def test_posts_that_carry_the_tag_count_wherever_they_were_listed():
    posts = [factories.post(i, hashtags=tags) for i, tags in (("a", ["x", "y"]), ("b", ["x"]), ("c", ["y"]))]
    found = arms(
        [page("y", "", "abc", None)],
        tags=[arm_tag("x", "c")],
        posts=posts,
        accepted={("a", "c"), ("b", "d")},
        judged="ab",
    )
    assert (found["x"].num_tagged, found["x"].num_tagged_judged, found["x"].num_tagged_valid) == (2, 2, 1)


def test_accepted_posts_with_a_tag_are_counted_for_each_class_of_it():
    posts = [factories.post(i, hashtags=["x"]) for i in "abcd"]
    accepted = {("a", "c"), ("a", "d"), ("b", "d"), ("c", "other")}
    tags = [arm_tag("x", "d"), arm_tag("x", "c"), arm_tag("x", "e")]
    found = arms([page("y", "", "abcd", None)], tags=tags, posts=posts, accepted=accepted, judged="abcd")["x"]
    assert (found.class_ids, found.tagged_valid_by_class) == (["c", "d", "e"], [1, 2, 0])


def test_pages_say_what_they_show_whoever_listed_it_first_and_their_round():
    pages = [page("x", "", "ab", "1"), page("y", "", "bcd", None, round_no=3), page("x", "1", "bd", None, round_no=7)]
    tags = [arm_tag("x", "c"), arm_tag("y", "c")]
    found = arms(pages, tags=tags, accepted={("b", "c"), ("b", "e"), ("d", "c")}, judged="abcd")
    assert (found["x"].valid_by_page, found["x"].shown_by_page, found["x"].round_by_page) == ([1, 0], [1, 2], [0, 7])
    assert (found["y"].valid_by_page, found["y"].shown_by_page, found["y"].round_by_page) == ([1], [2], [3])


def test_what_ends_a_listing():
    found = arms(
        [
            page("ended", "", "a", None),
            page("failed", "", "", None, outcome="gone"),
            page("loops", "", "b", "1"),
            page("loops", "1", "c", ""),
            page("goes on", "", "d", "1"),
        ],
        tags=[arm_tag(t, "c") for t in ("ended", "failed", "loops", "goes on")],
    )
    assert {tag: arm.is_dry for tag, arm in found.items()} == {
        "ended": True, "failed": True, "loops": True, "goes on": False,
    }  # fmt: skip
    assert [a.next_cursor for a in found.values() if a.is_dry] == [None] * 3
    assert found["failed"].new_by_page == [0]


def test_a_listing_that_speaks_for_no_class_any_more_still_counts():
    arm = arms([page("x", "", "a", "1")])["x"]
    assert (list(arm.class_ids), arm.num_pages) == ([], 1)


def test_one_tag_of_two_sources_is_two_arms():
    pages = [page("x", "", "ab", "1"), page("x", "", "bc", "1", source="t", round_no=1)]
    hits = [hit for _, listed in pages for hit in listed]
    tags = [arm_tag("x", "c"), arm_tag("x", "c", source="t")]
    found = arms_of([r for r, _ in pages], hits, [factories.post(i) for i in "abc"], set(), set(), tags)
    assert [(a.source, a.new_by_page) for a in found] == [("s", [2]), ("t", [1])]


def test_the_order_of_rows_does_not_matter():
    pages = [page("x", "", "abc", "1"), page("y", "", "cd", "1"), page("x", "1", "def", None, round_no=1)]
    tags = [arm_tag("x", "c"), arm_tag("y", "d")]
    assert arms(pages, tags=tags) == arms(pages[::-1], tags=tags[::-1])
