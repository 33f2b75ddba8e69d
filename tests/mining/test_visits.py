"""When a listing's newest pages are due, and what they are believed to bring."""

from dataclasses import replace
from datetime import timedelta

import duckdb
import numpy as np
import pytest

from h2a_curation.mining.allocate import MineRules, plan
from h2a_curation.mining.arms import Arms
from h2a_curation.mining.expected_yield import beliefs, pooled
from h2a_curation.mining.visits import Due, LastVisit, Visit, due, expect, last_visit_sql
from schemas import Request, to_arrow
from tests import factories
from tests.mining.tag_world import arm_tag
from tests.mining.test_allocate import SHORT, WANTED, mined
from tests.mining.test_arms import arms, page

RULES = MineRules(num_rounds=4, pages_per_round=6)
KEY = ("s", "x")


def asked(visit, *, day, cursor="", next_cursor=None, outcome="ok", num_posts=10, tag="x"):
    return factories.request(
        tag=tag, visit=visit, cursor=cursor, next_cursor=next_cursor, outcome=outcome, num_posts=num_posts,
        requested_at=factories.DAY + timedelta(days=day),
    )  # fmt: skip


def last(*requests) -> list[LastVisit]:
    with duckdb.connect() as connection:
        connection.sql("SET TimeZone = 'UTC'")
        connection.register("request", to_arrow(Request, requests))
        return [LastVisit(**row) for row in connection.sql(last_visit_sql()).to_arrow_table().to_pylist()]


def due_on(day, *requests, revisit=7.0):
    return due(last(*requests), factories.DAY + timedelta(days=day), revisit).visits.get(KEY)


@pytest.mark.parametrize(
    ("requests", "day", "number"),
    [
        ([asked(0, day=0)], 6.9, None),
        ([asked(0, day=0)], 7, 1),
        ([asked(0, day=0), asked(1, day=8)], 14, None),
        ([asked(0, day=0), asked(1, day=8)], 15, 2),
        ([asked(0, day=0), asked(0, day=6, cursor="a")], 7, 1),
        ([asked(0, day=0, outcome="gone")], 99, None),
        ([asked(0, day=0, outcome="timeout")], 99, None),
        ([asked(0, day=0), asked(1, day=8, outcome="timeout")], 9, None),
        ([asked(0, day=0), asked(1, day=8, outcome="timeout")], 15, 1),
        ([asked(0, day=0, next_cursor="a")], 1, None),
        ([asked(0, day=0), asked(1, day=8, next_cursor="a")], 9, 1),
        ([asked(0, day=0), asked(1, day=8, next_cursor="a"), asked(1, day=8, cursor="a")], 9, None),
        ([asked(0, day=0), asked(1, day=8, next_cursor="a"), asked(1, day=8, cursor="a", outcome="timeout")], 9, None),
        ([asked(0, day=0), asked(1, day=8, next_cursor="a")], 15, 2),
    ],
    ids=[
        "too soon", "a week later", "a week after the last visit", "and then", "deeper pages are no visit",
        "what is gone is left", "what never came is no visit", "one that fails waits as long", "and is the same visit",
        "deeper pages are the planner's", "one cut short goes on", "one that ended does not",
        "one that fails where it was cut short waits", "a new one comes before what was cut short",
    ],
)  # fmt: skip
def test_a_visit_is_due(requests, day, number):
    found = due_on(day, *requests)
    assert (found and found.number) == number
    assert due_on(day, *requests, revisit=None) is None


def test_what_a_visit_may_bring_depends_on_the_days_since_the_last_one():
    found = due_on(20, asked(0, day=0), asked(1, day=8, num_posts=12))
    assert found == Visit(number=2, days=12, days_seen=8, page_size=12)
    assert due(last(asked(0, day=0), asked(1, day=8), asked(0, day=1, tag="y")), factories.DAY, 7).days_seen == 8


def expected(one, **visit):
    """New posts of the first page of a visit to the one arm, and accepted ones."""
    of_arms = Arms.of([one])
    prior = pooled(of_arms, RULES, WANTED)
    said = Visit(**{"number": 1, "days": 7.0, "days_seen": 0.0, "page_size": 10} | visit)
    due_ = Due(visits={("s", one.tag): said}, days_seen=said.days_seen)
    found = expect(of_arms, due_, beliefs(of_arms, prior, RULES, WANTED), prior.decline, RULES.optimism)
    assert found.mean[0] <= found.new_posts(0)
    assert found.mean[0] < found.hope[0]
    return found


def test_new_posts_come_at_a_rate_that_earlier_visits_tell():
    tag = mined("x", (9,), (5,))
    assert expected(tag).new_posts(0) == pytest.approx(7.0), "one a day before anything is known"
    assert expected(tag, days=3.0).new_posts(0) == pytest.approx(3.0)
    poor, rich = replace(tag, num_visit_new=0), replace(tag, num_visit_new=70)
    few, many = (expected(one, days_seen=28.0, page_size=50).new_posts(0) for one in (poor, rich))
    assert few == pytest.approx(7 * (7 * 30 / 58) / 35)
    assert many == pytest.approx(7 * (7 * 100 / 58 + 70) / 35)


def test_a_page_holds_no_more_than_its_size_and_what_is_left_is_on_the_next():
    found = expected(mined("x", (9,), (5,)), days=24.0)
    assert [found.new_posts(0, n) for n in range(4)] == pytest.approx([10, 10, 4, 0])


def test_what_was_cut_short_is_expected_to_go_on_as_it_was():
    found = expected(mined("x", (9,), (5,)), days=0.0)
    assert found.new_posts(0) == pytest.approx(10)
    assert 0 < found.new_posts(0, 1) < 10
    assert found.new_posts(0, 3) == 0


def granted(all_arms, alone=False, short=SHORT, rules=RULES, **due_visits):
    visits = {("s", tag): visit for tag, visit in due_visits.items()}
    found = plan(Arms.of(all_arms), rules, 1, 0, short, due=Due(visits=visits, alone=alone))
    return {(a.tag, a.visit): (a.num_pages, a.reason) for a in found}


WEEK = Visit(number=1, days=7.0, days_seen=0.0, page_size=10)


def test_visits_compete_with_further_pages_by_what_both_are_believed_to_bring():
    dry, good, poor = (
        mined("dry", (9,), (8,), is_dry=True, next_cursor=None), mined("good", (9,), (8,)), mined("poor", (9,), (0,))
    )  # fmt: skip
    pages = granted([dry, good, poor], dry=WEEK, good=WEEK, poor=replace(WEEK, days=0.1))
    assert pages.keys() >= {("dry", 1), ("good", 1), ("good", 0)}
    assert not pages.keys() & {("dry", 0), ("poor", 1)}, "what has ended has no further page, what just came is not due"
    assert pages["dry", 1] == (2, "visit"), "the page that brings something, and the one that ends the visit"
    assert sum(num for num, _ in pages.values()) <= 2 * RULES.pages_per_round


def test_a_round_of_visits_grants_nothing_else():
    arms_ = [mined("good", (9,), (8,)), mined("dry", (9,), (8,), is_dry=True, next_cursor=None)]
    assert granted(arms_, alone=True, dry=WEEK).keys() == {("dry", 1)}
    assert granted(arms_, alone=True) == {}
    assert granted(arms_, alone=True, short={"a": 0}, dry=WEEK) == {}, "nothing is wanted"
    assert granted(arms_, alone=True, dry=replace(WEEK, days=0.001)) == {}, "it is not worth a page"


def test_pages_of_visits_count_against_the_budget():
    spent = mined("dry", (9,), (8,), is_dry=True, next_cursor=None, num_visit_pages=10)
    assert granted([spent], alone=True, dry=WEEK) == {("dry", 1): (1, "visit")}
    assert granted([replace(spent, num_visit_pages=11)], alone=True, dry=WEEK) == {}


def test_a_page_of_a_visit_is_no_deeper_page_and_takes_its_posts_credit():
    later = [page("x", "", "de", None, round_no=1), page("y", "", "e", None, round_no=2)]
    visit = replace(later[0][0], visit=1, next_cursor="z"), [replace(hit, visit=1) for hit in later[0][1]]
    found = arms(
        [page("x", "", "abc", "1"), visit, later[1]],
        tags=[arm_tag("x", "c"), arm_tag("y", "c")], accepted={("d", "c")}, judged="de",
    )  # fmt: skip
    x = found["x"]
    assert (x.new_by_page, x.next_cursor, x.is_dry, x.num_pages) == ([3], "1", False, 1)
    assert (x.num_visit_pages, x.num_visit_new, x.num_visit_judged, x.num_visit_valid) == (1, 2, 2, 1)
    assert found["y"].new_by_page == [0]
    both = Arms.of(list(found.values()))
    assert both.num_spent == 3
    assert np.array_equal(both.totals("new"), [5, 0])
