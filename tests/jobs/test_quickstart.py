"""The whole job: its numbers on the mini world, and on a folder of real clips."""

import dataclasses
import json
from contextlib import contextmanager, suppress

import pytest

from h2a_curation.catalog.views import connect
from h2a_curation.executors.local import local_executor
from h2a_curation.jobs import quickstart
from h2a_curation.jobs.build import at
from h2a_curation.lake import lake as lakes
from h2a_curation.pipeline import build as building
from h2a_curation.pipeline.part import models_of
from h2a_curation.pipeline.rounds.findings import Findings
from h2a_curation.pipeline.rounds.schedule import RoundRange
from h2a_curation.sample_world.site.serve import serve_clips
from tests.conftest import h2a
from tests.videos import H264, make, moving

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


@pytest.mark.slow
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


@contextmanager
def gathered(folder, recipe, lake, until=None):
    """A job of the recipe on this folder, whose round is over, or is as far as a step of the build."""
    made = lakes.create(lake, hides_people=not recipe.source.is_invented)
    with serve_clips(folder) as url, local_executor(1, recipe.lanes) as run:
        ready = at(recipe, url)
        job = building.Job(lake=made, recipe=ready, run=run, progress=lambda *_: None, models=models_of(ready))
        steps = building.Steps(job)
        if until is None:
            with suppress(building.NothingKeptError):
                building.all_rounds(steps)
        else:
            building.plan_round(steps, 0, RoundRange(first=0, until=1), Findings())
            until(steps, 0)
        yield job


def looked_at(job, folder):
    decided = connect(job.lake.path, models=job.models, decision=building.decide(building.Steps(job)))
    clips = quickstart._clips(decided, folder)
    return {clip["file"]: clip["reason"] for clip in clips}, quickstart._not_looked_at(clips, job.recipe)


def put_labels(folder, actions):
    """As many files, which differ and are no videos; an action each, or none."""
    folder.mkdir()
    lines = [f"{n}.mp4,{action},{int(bool(action))}," for n, action in enumerate(actions)]
    (folder / "labels.csv").write_text("\n".join(["file,action,is_action,note", *lines]))
    for n in range(len(actions)):
        (folder / f"{n}.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + f"no video {n}".encode())
    return folder


def test_every_file_of_a_folder_of_hundreds_is_listed(tmp_path):
    folder = put_labels(tmp_path / "clips", ["yoga"] * 333 + ["", "squat"] * 30)
    recipe = quickstart.clips_recipe(folder)
    with gathered(folder, recipe, tmp_path / "lake", until=building.mine) as job:
        assert connect(job.lake.path).query("FROM post").num_rows == 393
    assert recipe.files_by(0) >= 393


def test_every_file_of_a_folder_is_looked_at(tmp_path):
    """More of one action than a page once had, and more actions than a post may have hashtags."""
    folder = put_labels(tmp_path / "clips", [f"action {n}" for n in range(35)] + ["action 0"] * 12 + [""] * 3)
    with gathered(folder, quickstart.clips_recipe(folder), tmp_path / "lake") as job:
        reasons, notes = looked_at(job, folder)
    assert len(reasons) == connect(job.lake.path).query("FROM media").num_rows == 50
    assert not {"not_listed", "not_asked", "tag_spam"} & set(reasons.values())
    assert notes == []


def test_files_that_were_not_looked_at_are_counted_with_the_setting_that_left_them_out(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for n in range(4):
        make(folder / f"{n}.mp4", *moving(0.5, hue=90 * n), *H264)
    lines = ["file,action,is_action,note", *(f"{n}.mp4,yoga,1," for n in range(3))]
    (folder / "labels.csv").write_text("\n".join(lines))
    recipe = dataclasses.replace(quickstart.clips_recipe(folder), max_files=1)
    with gathered(folder, recipe, tmp_path / "lake") as job:
        (folder / "labels.csv").write_text("\n".join([*lines, "3.mp4,yoga,1,"]))
        reasons, [unlisted, unfetched] = looked_at(job, folder)
    assert list(reasons.values()).count("not_asked") == 2
    assert reasons["3.mp4"] == "not_listed"
    assert unlisted.startswith("1 of 4 files were not looked at (not_listed)")
    assert "mine.num_rounds" in unlisted
    assert unfetched.startswith("2 of 4 files were not looked at (not_asked)")
    assert "max_files" in unfetched


def test_of_three_real_clips_the_one_without_a_person_goes(shared, tmp_path):
    """The small version of the two slow tests here; a bass guitar asks for hands alone."""
    folder, wanted = tmp_path / "clips", {"playing_guitar.mp4": "ok", "yoga.mp4": "ok", "cat.mp4": "no_person"}
    folder.mkdir()
    head, *lines = (shared / "clips" / "labels.csv").read_text().splitlines()
    named = [line for line in lines if line.split(",")[0] in wanted]
    (folder / "labels.csv").write_text("\n".join([head, *named]))
    for file in wanted:
        (folder / file).symlink_to(shared / "clips" / file)
    with gathered(folder, quickstart.clips_recipe(folder), tmp_path / "lake") as job:
        assert looked_at(job, folder)[0] == wanted


@pytest.mark.slow
def test_long_slides_go_for_standing_still_when_length_does_not_matter(real, shared):
    recipe = quickstart.clips_recipe(shared / "clips")
    post, clip = (dataclasses.replace(r, max_duration_s=1000.0) for r in (recipe.decide.post, recipe.decide.clip))
    recipe = dataclasses.replace(recipe, name="long", decide=dataclasses.replace(recipe.decide, post=post, clip=clip))
    lake = lakes.open_lake(real / "lake")
    job = building.Job(
        lake=lake, recipe=recipe, run=lambda *_: iter(()), progress=lambda *_: None, models=models_of(recipe)
    )
    decided = connect(lake.path, models=job.models, decision=building.decide(building.Steps(job)))
    reasons = decided.query("""
        SELECT DISTINCT reason FROM verdict JOIN clip ON subject_id = clip_id JOIN media USING (media_id)
        WHERE post_id LIKE '%slides%' AND NOT keep
    """)
    assert reasons["reason"].to_pylist() == ["still"]
