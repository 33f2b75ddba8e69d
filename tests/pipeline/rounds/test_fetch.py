"""Which files a round fetches: the drawn ones first, then the most promising, within the budget."""

import dataclasses

import pytest

import schemas
from h2a_curation import recipes
from h2a_curation.audit.draw import AuditRules
from h2a_curation.catalog.views import connect
from h2a_curation.decide import decision as deciding
from h2a_curation.decide.decision import NOBODY
from h2a_curation.decide.rules import Rule
from h2a_curation.lake import parts
from h2a_curation.pipeline.rounds import fetch
from h2a_curation.pipeline.rounds.findings import Findings
from tests import factories


@pytest.fixture(scope="module")
def recipe():
    """Two rounds, 20 files by the first and 40 by the second; 5 s is too short."""
    mini = recipes.load("sample-mini")
    young = Rule("minor", "num_likes", ">", 100)
    post = dataclasses.replace(mini.decide.post, min_duration_s=5.0, max_duration_s=9.0, extra=(young,))
    return dataclasses.replace(mini, audit=AuditRules(share=0.2), decide=dataclasses.replace(mini.decide, post=post))


def listed(lake, round_no, posts):
    """One page under #deadlift of this round: posts by name, with what of them is changed."""
    cursor = str(round_no or "")
    rows = {f"s:{name}": changed for name, changed in posts.items()}
    tables = {
        "request": [factories.request(cursor=cursor, round=round_no, num_posts=len(rows))],
        "post": [factories.post(i, **{"duration_s": 6.0, "num_likes": 1, **changed}) for i, changed in rows.items()],
        "hit": [factories.hit(i, cursor=cursor, rank=n) for n, i in enumerate(rows)],
    }
    records = {"request": schemas.Request, "post": schemas.Post, "hit": schemas.Hit}
    parts.commit(
        lake, "mine", f"r{round_no}", {name: schemas.to_arrow(records[name], rows) for name, rows in tables.items()}
    )


def many(prefix, num, **changed):
    return {f"{prefix}{n}": changed for n in range(num)}


def came(lake, round_no, post_ids, outcome="ok"):
    rows = [
        factories.media(i, round=round_no, outcome=outcome, media_id=i if outcome == "ok" else None) for i in post_ids
    ]
    parts.commit(lake, "fetch", f"{outcome}{round_no}", {"media": schemas.to_arrow(schemas.Media, rows)})


def go(lake, recipe, round_no):
    """Draw and plan as a build does; the draw's rows and the plan."""
    facts = connect(lake, before_round=round_no + 1)
    screened = deciding.screen_posts(facts.query, recipe.decide, recipe.action_classes)
    order = fetch.promising(facts, screened, Findings(), (), recipe, round_no)
    drawn = []
    if not fetch.has_begun(connect(lake), round_no):
        drawn = fetch.drawn(facts, screened, order, recipe, round_no)
        parts.commit(lake, "draw", f"r{round_no}", {"audit_draw": schemas.to_arrow(schemas.AuditDraw, drawn)})
    return drawn, fetch.fetch_plan(connect(lake, before_round=round_no + 1), order, recipe, round_no, NOBODY)


def test_drawn_posts_come_first_and_within_the_budget(tmp_path, recipe):
    listed(tmp_path, 0, many("p", 50))
    drawn, plan = go(tmp_path, recipe, 0)
    assert len(drawn) == 4  # a fifth of the 20 files
    assert {row.probability for row in drawn} == {4 / 50}
    assert plan[:4] == [row.post_id for row in drawn]
    assert len(plan) == len(set(plan)) == 20


def test_posts_that_the_screen_rejects_are_drawn_as_likely(tmp_path, recipe):
    listed(tmp_path, 0, many("good", 25) | many("short", 75, duration_s=1.0))
    drawn, plan = go(tmp_path, dataclasses.replace(recipe, audit=AuditRules(share=1.0)), 0)
    assert len(drawn) == 20
    short = [row for row in drawn if "short" in row.post_id]
    assert 10 <= len(short) <= 19
    assert set(plan) == {row.post_id for row in drawn}


def test_what_must_be_left_alone_and_what_is_gone_is_not_drawn(tmp_path, recipe):
    listed(tmp_path, 0, many("p", 5) | many("young", 20, num_likes=500) | many("gone", 20))
    came(tmp_path, 0, [f"s:gone{n}" for n in range(20)], outcome="gone")
    facts = connect(tmp_path)
    screened = deciding.screen_posts(facts.query, recipe.decide, recipe.action_classes)
    every = dataclasses.replace(recipe, audit=AuditRules(share=1.0))
    drawn = fetch.drawn(facts, screened, [f"s:p{n}" for n in range(5)], every, 0)
    assert [(row.post_id, row.probability) for row in drawn] == [(f"s:p{n}", 1.0) for n in range(5)]
    allowed = dataclasses.replace(recipe, audit=AuditRules(share=1.0, leave_alone=()))
    assert any("young" in row.post_id for row in fetch.drawn(facts, screened, ["a"] * 20, allowed, 0))


def test_who_opted_out_is_not_drawn_and_once_drawn_not_fetched(tmp_path, recipe):
    listed(tmp_path, 0, many("p", 10))
    every = dataclasses.replace(recipe, audit=AuditRules(share=1.0, leave_alone=()))
    facts = connect(tmp_path)
    asked = schemas.to_arrow(schemas.OptedOut, [schemas.OptedOut(post_id="s:p3", reason="listed")])
    screened = deciding.screen_posts(facts.query, recipe.decide, recipe.action_classes, asked)
    order = fetch.promising(facts, screened, Findings(), (), every, 0)
    drawn = {row.post_id: row.probability for row in fetch.drawn(facts, screened, order, every, 0)}
    assert "s:p3" not in order
    assert drawn == {f"s:p{n}": 1.0 for n in range(10) if n != 3}

    before, plan = go(tmp_path, every, 0)
    assert "s:p3" in {row.post_id for row in before} & set(plan)
    assert "s:p3" not in fetch.fetch_plan(connect(tmp_path), order, every, 0, asked)


def test_each_post_is_put_up_once(tmp_path, recipe):
    listed(tmp_path, 0, many("p", 50))
    _, plan = go(tmp_path, recipe, 0)
    came(tmp_path, 0, plan)
    listed(tmp_path, 1, many("q", 10))
    drawn, _ = go(tmp_path, recipe, 1)
    assert [row.post_id[:3] for row in drawn] == ["s:q"] * 4
    assert {row.probability for row in drawn} == {0.4}


def test_posts_listed_before_audits_began_are_put_up_in_the_next_round_with_a_file_or_without(tmp_path, recipe):
    listed(tmp_path, 0, many("p", 30))
    none, plan = go(tmp_path, dataclasses.replace(recipe, audit=AuditRules(share=0.0)), 0)
    assert none == []
    came(tmp_path, 0, plan)
    listed(tmp_path, 1, many("q", 10))
    drawn, _ = go(tmp_path, dataclasses.replace(recipe, audit=AuditRules(share=1.0)), 1)
    assert {row.probability for row in drawn} == {20 / 40}
    assert {row.post_id for row in drawn} & set(plan)


def test_a_round_that_has_begun_draws_no_more(tmp_path, recipe):
    listed(tmp_path, 0, many("p", 50))
    first, plan = go(tmp_path, recipe, 0)
    assert go(tmp_path, recipe, 0) == ([], plan)
    assert first
    listed(tmp_path, 1, many("q", 10))
    came(tmp_path, 1, ["s:q1"])
    assert go(tmp_path, recipe, 1)[0] == []


def test_what_is_put_off_takes_no_place_in_the_order(tmp_path, recipe):
    listed(tmp_path, 0, many("p", 3))
    facts = connect(tmp_path)
    screened = deciding.screen_posts(facts.query, recipe.decide, recipe.action_classes)
    order = fetch.promising(facts, screened, Findings(), (), recipe, 0)
    assert sorted(order) == ["s:p0", "s:p1", "s:p2"]
    left = [post_id for post_id in order if post_id != "s:p1"]
    assert fetch.promising(facts, screened, Findings(), {"s:p1"}, recipe, 0) == left


def test_where_nothing_is_left_to_fetch_nothing_is_drawn(tmp_path, recipe):
    listed(tmp_path, 0, many("short", 50, duration_s=1.0))
    assert go(tmp_path, recipe, 0) == ([], [])


def test_a_reason_to_leave_posts_alone_must_be_one_of_the_screen():
    assert recipes.RecipeFile(audit=AuditRules(leave_alone=("too_long", "minor")))
    with pytest.raises(ValueError, match=r"leave_alone names 'tolong', which no rule of decide\.post gives"):
        recipes.RecipeFile(audit=AuditRules(leave_alone=("tolong",)))
