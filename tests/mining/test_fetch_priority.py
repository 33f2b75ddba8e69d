from h2a_curation.mining.fetch_priority import fetch_order
from schemas import Candidate
from tests import factories


def order(posts, *, accepted=(), judged="", classes=("a",), short=None, seed=0):
    """`posts`: id to hashtags and views, or hashtags alone."""
    made = {i: factories.post(i, hashtags=list(tags), num_views=views) for i, (tags, views) in posts.items()}
    candidates = [Candidate(class_id=c, post_id=i, ground="seed") for i in posts for c in classes]
    return fetch_order(
        candidates,
        made,
        accepted=set(accepted),
        judged=set(judged),
        short={"a": 9, "b": 9} if short is None else short,
        round_no=0,
        seed=seed,
    )


PAST = {f"g{i}": (("good",), 1) for i in range(4)} | {f"p{i}": (("poor",), 1) for i in range(4)}
JUDGED = list(PAST)
ACCEPTED = [(f"g{i}", "a") for i in range(4)]


def test_tags_that_were_kept_go_first_and_tags_that_were_not_last():
    new = {"poor": (("poor",), 900), "unknown": (("new",), 5), "good": (("good",), 1), "both": (("good", "poor"), 1)}
    found = order(PAST | new, accepted=ACCEPTED, judged=JUDGED)
    assert found[0] == "good"
    assert found[-1] == "poor"
    assert found.index("unknown") < found.index("poor")


def test_a_tag_that_is_kept_for_another_class_counts_against_this():
    new = {"x": (("good",), 1), "y": (("new",), 1)}
    assert order(PAST | new, accepted=ACCEPTED, judged=JUDGED, classes=("b",)) == ["y", "x"]


def test_then_views():
    assert order({"few": (("x",), 1), "none": (("x",), None), "many": (("x",), 99)}) == ["many", "few", "none"]


def test_what_is_judged_or_of_a_full_class_is_left_out():
    posts = {"done": (("x",), 1), "new": (("x",), 1)}
    assert order(posts, judged=["done"]) == ["new"]
    assert order(posts, short={"a": 0}) == []


def test_every_post_once_whatever_the_order_of_rows():
    posts = {str(i): (("x",), 1) for i in range(20)}
    found = order(posts, classes=("a", "b"))
    assert sorted(found) == sorted(posts)
    assert found == order(dict(reversed(posts.items())), classes=("b", "a"))
    assert found != order(posts, classes=("a", "b"), seed=1)
