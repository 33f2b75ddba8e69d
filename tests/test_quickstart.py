"""The whole job: its numbers on the mini world, and on a folder of real clips."""

import dataclasses
import json

import pytest

from h2a_curation import build as building
from h2a_curation import quickstart
from h2a_curation.catalog import lake as lakes
from h2a_curation.catalog.views import connect
from h2a_curation.work import models_of
from tests.conftest import h2a

SOUND = {"eye_makeup.avi", "clean_and_jerk.mp4", "paragliding.mp4"}
"""An AVI, a variable rate, 2.3 s."""


@pytest.fixture(scope="module")
def summary(mini):
    return json.loads((mini / "summary.json").read_text())


def test_the_mini_world_is_curated_well(summary):
    assert summary["precision"] >= 0.95
    assert summary["recall"] >= 0.75


def test_the_summary_has_what_the_issue_names_and_its_parts_add_up(summary):
    assert {"precision", "recall", "funnel", "reasons", "seconds"} <= summary.keys()
    for stage in summary["funnel"]:
        assert stage["num_in"] == stage["num_kept"] + sum(stage["reasons"].values()), stage
    assert summary["funnel"][-1]["num_kept"] == summary["num_kept"]
    assert all(seconds >= 0 for seconds in summary["seconds"].values())


def test_everything_lies_where_the_summary_says(mini, summary):
    assert all((mini / path).exists() for path in summary["paths"].values())
    page = (mini / "report.html").read_text(encoding="utf-8")
    assert "Kept clips" in page
    assert "<script" not in page


def test_files_that_are_no_sound_video_never_become_a_clip(mini):
    rows = connect(mini / "lake").query("""
        SELECT outcome, count(*) AS n, count(clip_id) AS clips
        FROM probe LEFT JOIN (SELECT media_id, clip_id FROM clip) USING (media_id) GROUP BY outcome
    """)
    bad = {row["outcome"]: row["clips"] for row in rows.to_pylist() if row["outcome"] != "ok"}
    assert len(bad) >= 3
    assert set(bad.values()) == {0}


@pytest.fixture(scope="module")
def real(shared, tmp_path_factory):
    """A quickstart on the 15 real clips, with the person signal where the detectors are installed."""
    out = tmp_path_factory.mktemp("real") / "clips"
    done = h2a("quickstart", "--clips", shared / "clips", "--preset", "micro", "--out", out)
    assert done.code == 0, done.err
    return out


def test_real_clips_are_kept_when_a_person_acts_in_them(real, shared):
    summary = json.loads((real / "summary.json").read_text())
    kept = {clip["file"] for clip in summary["clips"] if clip["keep"]}
    gone = {clip["file"]: clip["reason"] for clip in summary["clips"] if not clip["keep"]}
    assert len(summary["clips"]) == 15
    assert len(kept) >= 10
    assert kept >= SOUND
    assert gone["cat.mp4"] == "no_person"
    assert gone["slides_static_text.mp4"] == "too_long"
    assert any("decide nothing" in note for note in summary["notes"])


def test_long_slides_go_for_standing_still_when_length_does_not_matter(real, shared):
    recipe = quickstart.clips_recipe(shared / "clips")
    post, clip = (dataclasses.replace(r, max_duration_s=1000.0) for r in (recipe.decide.post, recipe.decide.clip))
    recipe = dataclasses.replace(recipe, name="long", decide=dataclasses.replace(recipe.decide, post=post, clip=clip))
    lake = lakes.open_lake(real / "lake")
    job = building.Job(
        lake=lake, recipe=recipe, run=lambda *_: iter(()), progress=lambda *_: None, models=models_of(recipe)
    )
    decided = connect(lake.path, models=job.models, decision=building.decide(job))
    reasons = decided.query("""
        SELECT DISTINCT reason FROM verdict JOIN clip ON subject_id = clip_id JOIN media USING (media_id)
        WHERE post_id LIKE '%slides%' AND NOT keep
    """)
    assert reasons["reason"].to_pylist() == ["still"]
