"""When a tag is left, on what evidence, and that it comes back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_curation.decide.decision import DecideRules
from h2a_curation.mining.arms import Arms
from h2a_curation.mining.tag_state import Evidence, StandingRules, changes, evidence_sql
from schemas import ArmChange, Hit, Post, to_arrow
from tests import factories
from tests.mining.test_allocate import mined

RULES = StandingRules()
START = datetime(2026, 1, 1, tzinfo=UTC)
BLAMES = {**DecideRules().blames(), "low_score": "subject"}
GOOD = mined("usual", (600,), (300,))
"""So that half is what tags of the class usually show."""


def judged(fates: Sequence[str], tag: str = "x", *, num_hashtags: Sequence[int] = (), creators: Sequence[str] = ()):
    """A listing of one post a day, oldest first: what became of each (`""`: accepted)."""
    posts = [
        factories.post(
            f"s:{tag}{day}",
            posted_at=START + timedelta(days=day),
            hashtags=[tag, *(f"t{n}" for n in range(num_hashtags[day] if num_hashtags else 3))],
            creator=creators[day] if creators else f"by{day}",
        )
        for day in range(len(fates))
    ]
    hits = [Hit(source="s", tag=tag, cursor="", post_id=p.post_id, rank=n) for n, p in enumerate(posts)]
    return posts, hits, {p.post_id: fate for p, fate in zip(posts, fates, strict=True)}


def evidence(posts: Sequence[Post], hits: Sequence[Hit], fates: dict[str, str], rules=RULES) -> list[Evidence]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("post", to_arrow(Post, posts))
        connection.register("hit", to_arrow(Hit, hits))
        connection.register("fate", pa.table({"post_id": list(fates), "reason": list(fates.values())}))
        return [Evidence(**row) for row in connection.sql(evidence_sql(rules)).to_arrow_table().to_pylist()]


def found(listing, *, before=None, rules=RULES, short=None, **changed) -> ArmChange | None:
    arm = mined("x", (len(listing[0]),), (0,), **changed)
    was, arms = {("s", "x"): before} if before else {}, Arms.of([GOOD, arm])
    rows = changes(arms, evidence(*listing, rules), was, short or {"a": 9}, 3, rules, blames=BLAMES)
    return {row.tag: row for row in rows}.get("x")


def test_evidence_counts_posts_and_reasons():
    [told] = evidence(*judged(["", "low_score", "", *["low_score"] * 4, *["tag_spam"] * 6]))
    assert (told.num_judged, told.num_valid) == (13, 2)
    assert [(r["reason"], r["num"]) for r in told.reasons] == [("tag_spam", 6), ("low_score", 5)]


def test_few_judged_posts_are_no_evidence():
    assert evidence(*judged(["low_score"] * 11)) == []


@pytest.mark.parametrize(
    ("fates", "reason"),
    [(["low_score"] * 90, "homonym"), (["tag_spam"] * 90, "spam"), (["low_score"] * 89 + [""], "homonym")],
)
def test_a_tag_of_which_next_to_nothing_is_accepted_is_paused(fates, reason):
    change = found(judged(fates))
    assert change is not None
    assert (change.state, change.reason, change.num_judged) == ("paused", reason, 90)
    assert change.value <= change.threshold == RULES.pause_doubt
    assert f"{fates.count('')} of 90 judged posts accepted" in change.detail


@pytest.mark.parametrize(
    ("fates", "reason"),
    [
        (["too_long"] * 90, "unfit"),
        (["too_old"] * 90, "unfit"),
        (["not_decodable"] * 90, "unfit"),
        (["duplicate"] * 90, "unfit"),
        (["removed"] * 90, "unfit"),  # no rule: the file never came
        (["too_few_views"] * 90, "spam"),
        (["no_person"] * 90, "homonym"),
        (["other_class"] * 90, "homonym"),
        (["too_long"] * 30 + ["negative"] * 29 + ["other_class"] * 29, "homonym"),  # counted by kind, not by reason
        (["too_long"] * 29 + ["tag_spam"] * 29 + ["too_few_views"] * 28 + ["too_small"] * 3, "spam"),
        (["too_long"] * 46 + ["other_class"] * 44, "unfit"),
    ],
)
def test_a_pause_names_what_most_rejections_speak_against(fates, reason):
    change = found(judged(fates))
    assert change is not None
    assert (change.state, change.reason) == ("paused", reason)


def test_posts_that_are_unfit_from_a_date_on_are_no_hijack():
    spammer = [f"by{n}" for n in range(10)] + ["spammer"] * 90
    unfit = found(judged([""] * 10 + ["too_long"] * 90, creators=spammer), rules=replace(RULES, pause_ratio=1.0))
    assert unfit is not None
    assert (unfit.state, unfit.reason, unfit.since) == ("paused", "unfit", START + timedelta(days=10))


@pytest.mark.parametrize(
    ("rule", "fates", "told"),
    [
        ({"min_judged": 30}, ["low_score"] * 29, None),
        ({"min_judged": 29}, ["low_score"] * 29, ("paused", "homonym")),
        ({"min_judged_each_side": 21}, [""] * 20 + ["low_score"] * 20, None),
        ({"min_judged_each_side": 20}, [""] * 20 + ["low_score"] * 20, ("drifted", "drift")),
        ({"drift_ratio": 0.4}, [""] * 40 + ["", "low_score"] * 20, None),
        ({"drift_ratio": 0.6}, [""] * 40 + ["", "low_score"] * 20, ("drifted", "drift")),
        ({"hijack_creators_ratio": 1.0, "pause_ratio": 1.0}, [""] * 10 + ["low_score"] * 90, ("paused", "hijacked")),
        ({"hijack_creators_ratio": 0.9, "pause_ratio": 1.0}, [""] * 10 + ["low_score"] * 90, ("paused", "homonym")),
        ({"hijack_hashtags_ratio": 1.0, "pause_ratio": 1.0}, [""] * 10 + ["low_score"] * 90, ("paused", "hijacked")),
    ],
)
def test_the_numbers_are_rules_of_the_recipe(rule, fates, told):
    change = found(judged(fates), rules=replace(RULES, **rule))
    assert (change and (change.state, change.reason)) == told


def test_a_tag_that_yields_what_others_yield_stays_open():
    assert found(judged(["", "low_score"] * 20)) is None


def test_what_is_poor_among_the_poor_stays_open():
    arms = Arms.of([mined("usual", (400,), (20,)), mined("x", (40,), (0,))])
    listing = judged(["low_score"] * 38 + ["", ""])
    assert changes(arms, evidence(*listing), {}, {"a": 9}, 3, RULES, blames=BLAMES) == []


def test_a_tag_whose_subject_changes_is_reported_with_the_date_and_stays_open():
    change = found(judged([""] * 20 + ["low_score"] * 18 + ["", "low_score"]))
    assert change is not None
    assert (change.state, change.reason, change.since) == ("drifted", "drift", START + timedelta(days=20))
    assert "before 2026-01-21 20 of 20, since then 1 of 20" in change.detail


def test_posts_without_a_date_tell_nothing_of_dates():
    posts, hits, fates = judged([""] * 20 + ["low_score"] * 20)
    undated = [replace(post, posted_at=None) if n % 2 else post for n, post in enumerate(posts)]
    [told] = evidence(undated, hits, fates)
    assert (told.num_judged, told.num_before, told.num_since) == (40, 10, 10)
    assert (told.share_before, told.share_since) == (1.0, 0.0)


def test_chance_is_no_drift():
    assert found(judged((["", "low_score", "low_score", "", ""] * 8)[:40])) is None


@pytest.mark.parametrize(
    "how",
    [{"num_hashtags": [3] * 10 + [12] * 90}, {"creators": [f"by{n}" for n in range(10)] + ["spammer"] * 90}],
)
def test_a_tag_that_others_take_over_is_hijacked(how):
    change = found(judged([""] * 10 + ["low_score"] * 90, **how), rules=replace(RULES, pause_ratio=1.0))
    assert change is not None
    assert (change.state, change.reason, change.since) == ("paused", "hijacked", START + timedelta(days=10))


@pytest.mark.parametrize(
    ("changed", "short", "reason"),
    [
        ({"is_dry": True, "next_cursor": None}, {"a": 9}, "dry"),
        ({}, {"a": 0}, "quota"),
        ({"class_ids": ()}, {"a": 9}, "unclaimed"),
    ],
)
def test_an_arm_that_has_nothing_left_is_retired(changed, short, reason):
    change = found(judged([""] * 12), short=short, **changed)
    assert change is not None
    assert (change.state, change.reason) == ("retired", reason)
    assert found(judged([""] * 12), short=short, before=("retired", reason), **changed) is None


@pytest.mark.parametrize(("before", "reason"), [(("paused", "homonym"), "verdicts"), (("retired", "quota"), "wanted")])
def test_what_no_longer_holds_is_undone(before, reason):
    change = found(judged([""] * 40), before=before)
    assert change is not None
    assert (change.state, change.reason) == ("open", reason)


def test_a_user_may_keep_a_tag():
    assert found(judged(["low_score"] * 40), rules=replace(RULES, never_pause=("x",))) is None


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(["", "low_score", "tag_spam"]), min_size=12, max_size=40))
def test_a_state_is_told_once(fates):
    listing = judged(fates)
    first = found(listing)
    if first is not None:
        assert found(listing, before=(first.state, first.reason)) is None
        assert first.since is None or START <= first.since <= START + timedelta(days=40)


@pytest.mark.parametrize("wrong", [{"pause_ratio": -0.1}, {"pause_doubt": 2.0}, {"drift_doubt": -1.0}])
def test_impossible_rules_are_refused(wrong):
    with pytest.raises(ValueError, match="between 0 and 1"):
        StandingRules(**wrong)


@pytest.mark.parametrize("wrong", [{"min_judged": 0}, {"min_judged_each_side": 0}, {"hijack_hashtags_ratio": 0.5}])
def test_numbers_that_say_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        StandingRules(**wrong)
