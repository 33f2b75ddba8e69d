"""How many rounds a lake is to have, from the rows of what was planned and done."""

import dataclasses

import pytest

import schemas
from h2a_curation.catalog.views import connect
from h2a_curation.lake import parts
from h2a_curation.pipeline.rounds.schedule import RoundRange, first_to_walk, is_planned, parse_rounds, rounds_to_walk
from h2a_curation.recipes import load


def plan(round_no, first, until, num_pages=1):
    return schemas.RoundPlan(round=round_no, first=first, until=until, num_pages=num_pages, reason="granted")


def facts(lake, plans, num_done):
    ends = [schemas.RoundEnd(round=round_no) for round_no in range(num_done)]
    parts.commit(lake, "plan", "a", {"round_plan": schemas.to_arrow(schemas.RoundPlan, plans)})
    parts.commit(lake, "round", "a", {"round_end": schemas.to_arrow(schemas.RoundEnd, ends)})
    return connect(lake)


FOUR = [plan(round_no, 0, 4) for round_no in range(4)]
TWO_MORE = [plan(4, 4, 6), plan(5, 4, 6)]


@pytest.mark.parametrize(
    ("plans", "num_done", "said", "until"),
    [
        ([], 0, None, 4),
        ([], 0, "+1", 1),
        ([], 0, "2", 2),
        (FOUR[:2], 1, None, 4),
        (FOUR, 4, None, 4),
        (FOUR, 4, "+2", 6),
        (FOUR, 4, "9", 9),
        (FOUR, 4, "2", 4),
        # Asked for again after a kill in the first or the second of them: no round more than without the kill.
        (FOUR + TWO_MORE[:1], 4, "+2", 6),
        (FOUR + TWO_MORE[:1], 5, "+2", 6),
        (FOUR + TWO_MORE, 5, "+2", 6),
        (FOUR + TWO_MORE, 5, "6", 6),
        # Done, and two more.
        (FOUR + TWO_MORE, 6, "+2", 8),
        # Another wish: the round that was begun is one of them.
        (FOUR + TWO_MORE, 5, "+1", 6),
        (FOUR + TWO_MORE, 5, "+3", 8),
        # Nothing wished for: what was planned, and no more.
        (FOUR + TWO_MORE[:1], 4, None, 5),
        (FOUR + TWO_MORE, 6, None, 6),
    ],
)
def test_the_number_of_rounds_is_a_function_of_rows(tmp_path, plans, num_done, said, until):
    assert rounds_to_walk(facts(tmp_path, plans, num_done), 4, said and parse_rounds(said)).until == until


@pytest.mark.parametrize(("num_done", "until", "first"), [(0, 4, 0), (1, 4, 0), (3, 4, 2), (4, 4, 3), (4, 6, 3)])
def test_of_the_rounds_that_are_done_only_the_last_is_walked_again(tmp_path, num_done, until, first):
    assert first_to_walk(facts(tmp_path, FOUR, num_done), until) == first


def test_what_is_cut_short_twice_ends_where_it_was_to_end(tmp_path):
    rows = facts(tmp_path, [*FOUR, plan(4, 4, 7), plan(5, 4, 7)], 5)
    assert rounds_to_walk(rows, 4, parse_rounds("+3")) == RoundRange(first=4, until=7)


def test_a_round_that_grants_nothing_is_planned(tmp_path):
    rows = facts(tmp_path, [*FOUR, plan(4, 4, 5, num_pages=0)], 5)
    assert is_planned(rows, 4)
    assert not is_planned(rows, 5)
    assert rounds_to_walk(rows, 4, parse_rounds("+1")).until == 6


def test_rounds_that_were_planned_without_a_row_of_their_own_count(tmp_path):
    granted = schemas.Allocation(round=1, source="s", tag="squat", num_pages=1, belief=1.0, reason="seed")
    parts.commit(tmp_path, "plan", "a", {"allocation": schemas.to_arrow(schemas.Allocation, [granted])})
    assert is_planned(connect(tmp_path), 1)
    assert rounds_to_walk(connect(tmp_path), 1) == RoundRange(first=2, until=2)
    assert rounds_to_walk(connect(tmp_path), 1, parse_rounds("+1")) == RoundRange(first=2, until=3)


@pytest.mark.parametrize("text", ["", "0", "+0", "-1", "+", "two", "1.5", "++1", "1 2", "9999999"])
def test_a_number_of_rounds_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"write \+N for N more rounds"):
        parse_rounds(text)


def test_rounds_beyond_the_recipes_add_an_equal_share_of_files_and_change_no_earlier_one():
    recipe = load("youtube-hashtags")
    rules = dataclasses.replace(recipe.mine, num_rounds=6)
    recipe = dataclasses.replace(recipe, mine=rules, max_files=1200, first_files_share=0.5)
    last = recipe.mine.num_rounds - 1
    by_round = [recipe.files_by(round_no) for round_no in range(2 * last + 2)]
    assert by_round == sorted(by_round)
    assert (by_round[0], by_round[last], by_round[-1]) == (recipe.max_files / 2, recipe.max_files, 2 * recipe.max_files)
    shares = {b - a for a, b in zip(by_round[last:], by_round[last + 1 :], strict=False)}
    assert shares == {recipe.max_files / recipe.mine.num_rounds}
