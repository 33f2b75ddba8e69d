"""A listing that fails again and again is asked for ever more seldom, and says so."""

from collections.abc import Sequence
from datetime import timedelta

import duckdb
import pytest

from h2a_curation.mining.arms import Arms
from h2a_curation.mining.backoff import Failing, failing_sql, waiting
from h2a_curation.mining.tag_state import StandingRules, changes
from schemas import ArmChange, Request, to_arrow
from tests import factories
from tests.mining.test_allocate import mined

KEY = ("s", "x")


def tried(*outcomes: tuple[int, str, str], tag: str = "x") -> list[Request]:
    """Rows of (round, cursor, outcome), in the order in which they were asked for."""
    return [
        factories.request(
            tag=tag, round=r, cursor=cursor, outcome=outcome, requested_at=factories.DAY + timedelta(minutes=n)
        )
        for n, (r, cursor, outcome) in enumerate(outcomes)
    ]


def failing(tries: Sequence[Request], before_round: int = 99) -> list[Failing]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("request_try", to_arrow(Request, tries))
        rows = connection.sql(failing_sql(), params={"round": before_round}).to_arrow_table()
        return [Failing(**row) for row in rows.to_pylist()]


def test_a_page_that_failed_in_two_rounds():
    [found] = failing(tried((0, "", "ok"), (1, "a", "timeout"), (3, "a", "server_error")))
    assert (found.outcome, found.num_rounds, found.last_round) == ("server_error", 2, 3)


@pytest.mark.parametrize(
    "tries",
    [
        [(0, "", "ok")],
        [(0, "", "timeout"), (1, "", "ok")],
        [(0, "", "timeout"), (1, "", "gone")],
    ],
    ids=["came", "came later", "failed for good"],
)
def test_a_page_that_came_is_not_failing(tries):
    assert failing(tried(*tries)) == []


def test_runs_of_one_round_count_once():
    [found] = failing(tried((2, "", "timeout"), (2, "", "timeout"), (2, "", "unreachable")))
    assert (found.outcome, found.num_rounds) == ("unreachable", 1)


def test_later_rounds_are_not_looked_at():
    tries = tried((0, "", "timeout"), (1, "", "timeout"))
    assert [f.num_rounds for f in failing(tries, before_round=1)] == [1]


def test_it_is_asked_for_after_1_2_4_and_8_rounds():
    asked: list[int] = []
    for round_no in range(20):
        if KEY not in waiting(failing(tried(*((r, "", "timeout") for r in asked)), round_no), round_no):
            asked.append(round_no)
    assert asked == [0, 1, 3, 7, 15]


def found(before: tuple[str, str] | None, round_no: int, **changed) -> list[ArmChange]:
    arms = Arms.of([mined("x", (3,), (1,), **changed)])
    left_out = waiting([Failing(source="s", tag="x", outcome="timeout", num_rounds=3, last_round=5)], round_no)
    return changes(arms, [], {KEY: before} if before else {}, {"a": 9}, round_no, StandingRules(), left_out)


def test_the_wait_is_a_row_with_its_reason():
    [row] = found(None, 6)
    assert (row.state, row.reason, row.value, row.threshold) == ("waiting", "timeout", 3, 9)
    assert row.detail == "its next page failed in 3 rounds, last in round 5: not asked for again before round 9"


def test_nothing_new_is_no_row_and_its_end_is_one():
    assert found(("waiting", "timeout"), 8) == []
    [row] = found(("waiting", "timeout"), 9)
    assert (row.state, row.reason) == ("open", "due")


def test_a_listing_of_which_nothing_is_wanted_is_retired_all_the_same():
    [row] = found(None, 6, class_ids=["full"])
    assert (row.state, row.reason) == ("retired", "quota")
