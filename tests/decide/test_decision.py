import random
from dataclasses import replace

import pytest

import schemas
from h2a_curation.decide.candidates import succession
from h2a_curation.decide.decision import DecideRules, Stages, screen_posts
from tests import factories
from tests.decide.small_lake import CLASSES, SmallLake, open_query, verdict

TABLES = {
    "opted_out": schemas.OptedOut,
    "candidate": schemas.Candidate,
    "verdict": schemas.Verdict,
    "score": schemas.Score,
    "duplicate": schemas.Duplicate,
    "selection": schemas.Selection,
    "reupload": schemas.Reupload,
}


def candidates(rows):
    found = screen_posts(open_query(rows), DecideRules(), CLASSES)["candidate"].to_pylist()
    return {(c["class_id"], c["post_id"]): c["ground"] for c in found}


def test_a_post_is_a_candidate_by_what_it_carries_or_is_listed_under():
    rows = {
        "post": [factories.post("s:1", hashtags=["surf", "x"]), factories.post("s:2", hashtags=[])],
        "hit": [factories.hit("s:2", tag="squat"), factories.hit("s:2", tag="x"), factories.hit("s:1", tag="surf")],
    }
    assert candidates(rows) == {("surf", "s:1"): "seed", ("squat", "s:2"): "seed"}


def claim(tag: str, class_id: str) -> schemas.TagClaim:
    return schemas.TagClaim(round=1, tag=tag, class_id=class_id, lift=9.0, support=9, reason="lift")


@pytest.mark.parametrize(
    ("hashtags", "class_id", "grounds"),
    [
        (["lift"], "deadlift", {("deadlift", "s:1"): "learnt"}),
        (["lift", "deadlift"], "deadlift", {("deadlift", "s:1"): "seed"}),
        (["gym"], "squat", {}),
        (["gym"], "no-class-of-ours", {}),
    ],
)
def test_a_learnt_tag_speaks_after_a_seed_and_never_where_it_is_excluded(hashtags, class_id, grounds):
    claims = [claim(tag, class_id) for tag in hashtags if tag != "deadlift"]
    assert candidates({"post": [factories.post(hashtags=hashtags)], "tag_claim": claims}) == grounds


def test_a_table_names_the_class_whatever_the_tags_of_the_class_are():
    named = [replace(c, names=(c.id, f"a{c.id}")) for c in CLASSES]
    rows = {
        "post": [
            factories.post("s:1", hashtags=["asquat"], classes=["asquat"]),
            factories.post("s:2", hashtags=["deadlift"], classes=["surf", "nothing"]),
            factories.post("s:3", hashtags=["asquat"]),
        ]
    }
    found = screen_posts(open_query(rows), DecideRules(), named)["candidate"].to_pylist()
    assert [(row["class_id"], row["post_id"], row["ground"]) for row in found] == [
        ("deadlift", "s:2", "seed"),
        ("squat", "s:1", "seed"),
        ("surf", "s:2", "seed"),
    ]


def test_a_class_speaks_for_itself_and_for_those_that_it_took_over():
    deadlift, *others = CLASSES
    heirs = [replace(c, former_ids=("barbell", "lifting")) for c in (deadlift, others[0])]
    a, b = (c.id for c in heirs)
    assert succession(heirs) == {a: [a], b: [b], "barbell": [a, b], "lifting": [a, b]}


def test_a_learnt_tag_of_a_class_that_ended_speaks_for_its_heirs():
    heirs = [replace(c, former_ids=("barbell",)) if c.id in ("deadlift", "squat") else c for c in CLASSES]
    rows = {"post": [factories.post(hashtags=["lift"])], "tag_claim": [claim("lift", "barbell")]}
    found = screen_posts(open_query(rows), DecideRules(), heirs)["candidate"].to_pylist()
    assert [(c["class_id"], c["ground"]) for c in found] == [("deadlift", "learnt"), ("squat", "learnt")]


def full_lake(order: list[int] | None = None) -> SmallLake:
    """Each way through the stages once."""
    adds = [
        ("good", {}),
        ("wrong", {"shows": "slides"}),
        ("still", {"signals": {"motion": 0.0}}),
        ("broken", {"probe_outcome": "damaged", "clip_outcome": "undecodable", "clip_clip_id": None}),
        ("long", {"post_duration_s": 90.0}),
        ("again", {"copy_of": "good", "round_": 1}),
        ("surf", {"shows": "surf", "post_hashtags": ["surf", "deadlift"]}),
    ]
    lake = SmallLake()
    for i in order or range(len(adds)):
        name, changed = adds[i]
        lake.add(name, **changed)
    return lake


def test_a_clip_is_accepted_when_every_stage_keeps_it():
    tables = full_lake().decide()
    assert {(s["clip_id"], s["class_id"], s["label"]) for s in tables["selection"].to_pylist()} == {
        ("c-good", "deadlift", 0), ("c-surf", "surf", 2),
    }  # fmt: skip
    ends = {"good": "select", "wrong": "validate", "still": "screen_clip", "again": "dedup", "surf": "validate"}
    assert {name: verdict(tables, f"c-{name}")["stage"] for name in ends} == ends
    assert verdict(tables, "s:long")["reason"] == "too_long"
    assert verdict(tables, "m-broken")["reason"] == "not_decodable"


def test_every_stage_speaks_once_of_a_subject_and_class():
    rows = full_lake().decide()["verdict"].to_pylist()
    keys = [(v["stage"], v["class_id"], v["subject_id"]) for v in rows]
    assert len(keys) == len(set(keys))


def test_each_table_has_its_schema_also_where_the_lake_is_empty():
    for lake in (full_lake(), SmallLake()):
        tables = lake.decide()
        assert tables.keys() == TABLES.keys()
        for name, record in TABLES.items():
            assert tables[name].schema == schemas.arrow_schema(record), name


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_changes_nothing(seed):
    order = list(range(7))
    random.Random(seed).shuffle(order)
    first, other = full_lake().decide(), full_lake(order).decide()
    for name in TABLES:
        assert first[name].equals(other[name]), name


@pytest.mark.parametrize(
    ("off", "more"),
    [("screen", {"c-still", "c-long"}), ("validate", {"c-wrong"}), ("dedup", {"c-again"})],
)
def test_switching_a_stage_off_lets_through_what_it_held_back(off, more):
    tables = full_lake().decide(DecideRules(stages=replace(Stages(), **{off: False})))
    assert set(tables["selection"]["clip_id"].to_pylist()) == {"c-good", "c-surf"} | more
    reasons = {v["reason"] for v in tables["verdict"].to_pylist() if v["stage"].startswith(off) and v["keep"]}
    assert reasons == {"off"}


def test_the_same_bytes_through_two_posts_are_one_clip_of_the_first_post():
    lake = SmallLake()
    lake.add("a")
    again = replace(lake.rows["post"][0], post_id="s:0", posted_at=factories.DAY.replace(day=2), creator="thief")
    lake.rows["post"].append(again)
    lake.rows["media"].append(replace(lake.rows["media"][0], post_id="s:0"))
    tables = lake.decide()
    assert [(s["clip_id"], s["post_id"]) for s in tables["selection"].to_pylist()] == [("c-a", "s:a")]
    rejected = replace(lake.rows["post"][0], duration_s=90.0)
    lake.rows["post"][0] = rejected
    assert lake.decide()["selection"]["post_id"].to_pylist() == ["s:0"]
