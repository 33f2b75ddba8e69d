from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from h2a_curation.decide import validate as module
from h2a_curation.decide.decision import DecideRules, Stages
from h2a_curation.decide.rules import Rule
from h2a_curation.decide.validate import ValidateRules, mean_prompts, score_clips
from tests.decide.small_lake import PROMPTS, SmallLake, frames, verdict


def decided(shows, rules: ValidateRules | None = None, stages: Stages | None = None, **changed):
    lake = SmallLake()
    lake.add("a", shows=shows, **changed)
    return lake.decide(DecideRules(validate=rules or ValidateRules(), stages=stages or Stages()))


def on_validate(tables, class_id: str = "deadlift"):
    rows = tables["verdict"].to_pylist()
    [v] = [v for v in rows if v["stage"] == "validate" and v["class_id"] == class_id]
    return v


@pytest.mark.parametrize(
    ("shows", "rules", "reason"),
    [
        (["deadlift"] * 4, {}, "ok"),
        (["slides"] * 4, {}, "negative"),
        (["surf"] * 4, {}, "other_class"),
        (["squat"] * 4, {}, "sibling"),
        (["surf", "deadlift", "deadlift", "deadlift"], {}, "ok"),
        (["surf", "surf", "surf", "deadlift"], {}, "other_class"),
        (["surf", "deadlift", "deadlift", "deadlift"], {"min_margin": 0.6}, "low_margin"),
        (["surf", "deadlift", "deadlift", "deadlift"], {"min_agreement": 0.8}, "low_agreement"),
        (["surf", "deadlift", "deadlift", "deadlift"], {"min_probability": 0.8}, "low_probability"),
        (["deadlift"] * 4, {"extra": (Rule("mine", "fps", "<", 30),)}, "mine"),
    ],
)
def test_the_reason_says_who_wins_or_what_is_missing(shows, rules, reason):
    v = on_validate(decided(shows, ValidateRules(**rules)))
    assert (v["keep"], v["reason"]) == (reason == "ok", reason)


def test_a_tag_may_outweigh_a_sibling_that_looks_a_little_better():
    shows = ["squat", "squat", "squat", "deadlift", "deadlift"]
    lenient = ValidateRules(min_sibling_margin=-0.3, min_agreement=0.3, min_probability=0.3)
    assert on_validate(decided(shows))["reason"] == "sibling"
    assert on_validate(decided(shows, lenient))["reason"] == "ok"


def test_recorded_scores_keep_every_clip():
    tables = decided(["slides"] * 4, ValidateRules(mode="record"))
    assert on_validate(tables)["reason"] == "recorded"
    assert tables["score"]["class_id"].to_pylist() == ["deadlift"]
    assert tables["selection"]["clip_id"].to_pylist() == ["c-a"]


@pytest.mark.parametrize(
    ("rules", "stages"), [(ValidateRules(mode="off"), Stages()), (ValidateRules(), Stages(validate=False))]
)
def test_switched_off_every_clip_is_kept(rules, stages):
    assert on_validate(decided(["slides"] * 4, rules, stages))["reason"] == "off"


def test_without_vectors_a_clip_is_undecided():
    lake = SmallLake()
    lake.add("a")
    lake.vectors.clear()
    tables = lake.decide()
    assert {v["stage"] for v in tables["verdict"].to_pylist()} == {"screen_post", "screen_clip"}
    assert tables["selection"].num_rows == 0


def test_scores_are_kept_for_claimed_classes_and_the_best():
    tables = decided(["surf"] * 4)
    rows = {s["class_id"]: s for s in tables["score"].to_pylist()}
    assert rows.keys() == {"deadlift", "surf"}
    assert rows["surf"]["agreement"] == 1
    assert rows["surf"]["margin"] == pytest.approx(-rows["deadlift"]["margin"], abs=1e-3)


@pytest.mark.parametrize(("allowed", "classes"), [(False, []), (True, ["surf"])])
def test_a_clip_under_the_wrong_tag_may_be_found_by_sight(allowed, classes):
    tables = decided(["surf"] * 4, ValidateRules(allow_sight=allowed))
    assert tables["selection"]["class_id"].to_pylist() == classes
    grounds = [c["ground"] for c in tables["candidate"].to_pylist() if c["class_id"] == "surf"]
    assert grounds == ["sight"] * allowed


def test_sight_wants_more_than_a_tag():
    rules = ValidateRules(allow_sight=True, sight_probability=0.999)
    assert decided(["surf", "surf", "surf", "squat"], rules)["selection"].num_rows == 0


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.parametrize(("num_classes", "dim"), [(7, 16), (40, 512)])
def test_scores_are_the_softmax_of_cosines(num_classes, dim):
    rng = np.random.default_rng(1)
    vectors = unit(rng.standard_normal((23, 8, dim))).astype(np.float16)
    matrix = mean_prompts([rng.standard_normal((5, dim)) for _ in range(num_classes)])
    cosine = vectors.astype(np.float64) @ matrix.T
    scores = score_clips(vectors, matrix, 10.0)
    assert scores.cosine == pytest.approx(cosine.mean(axis=1), abs=3e-4)
    assert scores.probability == pytest.approx(softmax(10.0 * cosine, axis=2).mean(axis=1), abs=1e-3)
    assert (scores.best == cosine.argmax(axis=2)).mean() > 0.99


@pytest.mark.parametrize("num_frames", [1, 5, 8])
def test_a_clip_has_the_same_scores_to_the_bit_in_any_company(monkeypatch, num_frames):
    rng = np.random.default_rng(2)
    vectors = unit(rng.standard_normal((300, num_frames, 512))).astype(np.float16)
    matrix = mean_prompts([rng.standard_normal((5, 512)) for _ in range(44)])
    whole = score_clips(vectors, matrix, 100.0)
    for step, values in [(1, 1 << 17), (7, 1 << 10), (64, 1 << 20), (256, 1)]:
        monkeypatch.setattr(module, "_VALUES_AT_ONCE", values)
        blocks = [score_clips(vectors[i : i + step], matrix, 100.0) for i in range(0, 300, step)]
        for name in ("cosine", "probability", "best"):
            assert (np.concatenate([getattr(b, name) for b in blocks]) == getattr(whole, name)).all(), (name, step)


@given(st.lists(st.floats(-60000, 60000, width=16), min_size=1))
def test_halves_become_the_same_numbers(values):
    halves = np.array(values, dtype=np.float16)
    assert (module._single(halves) == halves.astype(np.float32)).all()


def test_a_class_is_the_normalised_mean_of_its_prompts():
    [row] = mean_prompts([np.array([[1, 0], [0, 1]], dtype=np.float16)])
    assert row == pytest.approx([0.5**0.5, 0.5**0.5])


def test_a_class_without_prompts_is_named():
    lake = SmallLake()
    prompts = replace(PROMPTS, class_ids=("squat", "surf"), negative_ids=(), matrix=np.eye(2, 8, dtype=np.float32))
    with pytest.raises(ValueError, match="class deadlift has no prompts"):
        lake.decide(prompts=prompts)


def test_a_changed_prompt_changes_the_verdict_and_its_fingerprint():
    lake = SmallLake()
    lake.add("a")
    worse = mean_prompts([m[None] for m in PROMPTS.matrix[[1, 0, 2, 3]]])
    changed = replace(PROMPTS, matrix=worse)
    before, after = on_validate(lake.decide()), on_validate(lake.decide(prompts=changed))
    assert (before["reason"], after["reason"]) == ("ok", "sibling")
    assert before["rules"] != after["rules"]


def test_frames_are_what_they_show():
    assert (frames(["surf"]).astype(np.float32) @ PROMPTS.matrix.T).argmax() == 2
    assert verdict(decided("deadlift"), "c-a")["keep"]
