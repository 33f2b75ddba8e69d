"""The first rule of every decision: what is to be left alone goes, whatever else is switched off."""

import pyarrow as pa
import pytest

import schemas
from h2a_curation.decide.decision import DecideRules, Stages
from h2a_curation.decide.validate import ValidateRules
from tests.decide.small_lake import SmallLake, verdict


def opted_out(*names):
    rows = [schemas.OptedOut(post_id=f"s:{name}", reason="the creator is on the opt-out list") for name in names]
    return schemas.to_arrow(schemas.OptedOut, rows)


def selected(tables: dict[str, pa.Table]) -> set[str]:
    return set(tables["selection"]["clip_id"].to_pylist())


@pytest.fixture
def lake():
    lake = SmallLake()
    for name in ("a", "b", "c"):
        lake.add(name)
    return lake


@pytest.mark.parametrize("stages", [Stages(), Stages(screen=False, validate=False, dedup=False)])
def test_it_cannot_be_switched_off(lake, stages):
    tables = lake.decide(DecideRules(stages=stages), opted_out=opted_out("a"))
    said = verdict(tables, "s:a")
    assert (said["stage"], said["keep"], said["reason"], said["value"]) == ("screen_post", False, "opt_out", None)
    assert selected(tables) == {"c-b", "c-c"}
    subjects = {v["subject_id"] for v in tables["verdict"].to_pylist()}
    assert "c-a" not in subjects


def test_it_comes_before_every_other_rule(lake):
    lake.add("long", post_duration_s=500.0)
    assert verdict(lake.decide(), "s:long")["reason"] == "too_long"
    assert verdict(lake.decide(opted_out=opted_out("long")), "s:long")["reason"] == "opt_out"


def test_a_post_looked_at_on_sight_goes_as_well():
    lake = SmallLake()
    lake.add("seen", shows="squat")
    rules = DecideRules(validate=ValidateRules(allow_sight=True, sight_probability=0.5))
    assert selected(lake.decide(rules)) == {"c-seen"}
    tables = lake.decide(rules, opted_out=opted_out("seen"))
    assert verdict(tables, "s:seen", "squat")["reason"] == "opt_out"
    assert selected(tables) == set()


def test_where_nobody_opted_out_nothing_changes(lake):
    before, after = lake.decide(), lake.decide(opted_out=opted_out("never-listed"))
    for name in ("candidate", "verdict", "score", "duplicate", "selection", "reupload"):
        assert before[name].equals(after[name]), name
    assert not after["reupload"].num_rows


def test_a_copy_by_another_account_becomes_canonical_and_is_told():
    lake = SmallLake()
    lake.add("first")
    lake.add("again", copy_of="first", round_=1)
    lake.add("other")
    assert selected(lake.decide()) == {"c-first", "c-other"}
    tables = lake.decide(opted_out=opted_out("first"))
    assert selected(tables) == {"c-again", "c-other"}
    [row] = tables["reupload"].to_pylist()
    assert row == {"clip_id": "c-again", "opted_out_post_id": "s:first", "distance": 0.0}


def test_the_same_clip_by_another_post_stays_and_is_told_also_where_it_was_the_first():
    lake = SmallLake()
    lake.add("first")
    lake.add("again", round_=1)
    lake.rows["clip"][-1] = lake.rows["clip"][0].__class__(
        **{f: getattr(lake.rows["clip"][0], f) for f in lake.rows["clip"][0].__slots__} | {"media_id": "m-again"}
    )
    tables = lake.decide(opted_out=opted_out("again"))
    assert tables["selection"]["post_id"].to_pylist() == ["s:first"]
    assert [r["clip_id"] for r in tables["reupload"].to_pylist()] == ["c-first"]
    tables = lake.decide(opted_out=opted_out("first"))
    assert tables["selection"]["post_id"].to_pylist() == ["s:again"]
    assert selected(lake.decide(opted_out=opted_out("first", "again"))) == set()


def test_clips_with_the_same_frames_are_told_each():
    lake = SmallLake()
    for n, name in enumerate(("first", "second", "third")):
        lake.add(name, round_=n)
    flat = [0] * 8  # frames without a picture have no distance
    lake.rows["fingerprint"] = [
        schemas.Fingerprint(clip_id=f.clip_id, model="m", frames_sha256="same", phash=flat)
        for f in lake.rows["fingerprint"]
    ]
    tables = lake.decide(DecideRules(stages=Stages(dedup=False)), opted_out=opted_out("first"))
    assert [r["clip_id"] for r in tables["reupload"].to_pylist()] == ["c-second", "c-third"]
