"""The machinery on the mini world: two arms with two seeds, by a model that learns nothing in two steps."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from h2a_curation.catalog.views import connect
from h2a_curation.jobs import choice
from h2a_curation.jobs.experiment import curation, labelled
from h2a_curation.jobs.experiment.arms import CURATED, NO_MINING, NO_SCREEN, NO_VALIDATION, RAW
from h2a_curation.jobs.experiment.pools import read_pools
from h2a_curation.jobs.experiment.run import made
from h2a_curation.lake.lake import open_lake
from h2a_curation.publish.version import read_members
from h2a_curation.sample_world.render import render
from schemas import ExperimentRun, from_arrow
from tests import videos

SMALL = (
    "--seeds", "2", "--labels", "2", "--workers", "1", "--set", "steps=2", "--set", "batch_clips=2", "--set", "views=1",
    "--finetune-set", "epochs=1", "--finetune-set", "batch_clips=4", "--finetune-set", "warmup_epochs=0",
)  # fmt: skip


@pytest.fixture(scope="module")
def small_videos(tmp_path_factory):
    """A labelled set of small files that ffmpeg makes, since drawing takes a third of a second for each video."""
    folder = tmp_path_factory.mktemp("labelled")
    for name, hues in (("train", (0, 10, 180, 190)), ("val", (5, 185))):
        lines = []
        for hue in hues:
            videos.make(folder / f"{name}-{hue}.mp4", *videos.moving(1.5, hue=hue), *videos.H264)
            lines.append(f"{name}-{hue}.mp4 {int(hue > 90)}\n")
        (folder / f"{name}.csv").write_text("".join(lines))
    return ("--train-list", folder / "train.csv", "--val-list", folder / "val.csv")


def rows(out):
    return from_arrow(ExperimentRun, pq.read_table(out / "experiment.parquet"))


def test_a_stopped_experiment_goes_on_and_makes_no_run_again(mini, small_videos, h2a_here, tmp_path, monkeypatch):
    out, asked = tmp_path / "out", ("experiment", "curation", "--lake", mini / "lake", *SMALL, *small_videos)
    arms = ("--arms", "curated,scratch,curated-50")
    began = []

    def stopping(plan, run, watcher):
        if len(began) == 2:
            raise RuntimeError("the machine went down")
        began.append((run.arm.name, run.seed))
        return made(plan, run, watcher)

    with monkeypatch.context() as changed:
        changed.setattr(curation, "made", stopping)
        stopped = h2a_here(*asked, *arms, "--out", out)
    assert stopped.code == 1, stopped.err
    assert began == [("curated", 0), ("scratch", 0)]  # seed by seed, so that what is there makes pairs

    before = {file: file.stat().st_mtime_ns for file in (out / "runs" / "curated-seed0").rglob("checkpoint-*.pth")}
    done = h2a_here(*asked, *arms, "--out", out)
    assert done.code == 0, done.err
    assert "4 runs are left" in done.out
    assert before == {file: file.stat().st_mtime_ns for file in before}

    found = {(row.arm, row.seed): row for row in rows(out)}
    assert len(found) == 6
    assert not (out / "parts").exists()
    scratch, half = found["scratch", 0], found["curated-50", 0]
    assert (scratch.num_clips, scratch.num_steps, scratch.linear_top1) == (0, 0, None)
    assert half.num_clips == found["curated", 0].num_clips // 2
    assert half.num_steps == 2
    assert found["curated-50", 1].clips != half.clips
    assert {row.num_videos for row in found.values()} == {2}
    clips = []
    for shard in (out / "arms").rglob("*.tar"):
        with tarfile.open(shard) as tar:
            clips += [name for name in tar.getnames() if name.endswith(".mp4")]
    assert len(clips) == len({*clips}), "a clip is packed once, however many arms have it"
    table = (out / "experiment.md").read_text()
    assert "| curated-50 | " in table
    assert "- curated-50: too few seeds to tell, 2 of at least 3" in table
    assert "<svg" in (out / "experiment.html").read_text()
    assert (out / "commands.sh").read_text().count("h2a pretrain ") == 4

    again = h2a_here(*asked, *arms, "--out", out)
    assert again.code == 0, again.err
    assert "runs are left" not in again.out

    other = h2a_here(*asked, "--out", out, "--set", "steps=3")
    assert other.code == 2
    assert (
        "holds another experiment (pretraining.recipe.steps is 2 there and 3 here): choose another --out" in other.err
    )

    short = h2a_here(*asked, *arms, "--out", out, "--seeds", "3", "--budget-minutes", "0.0001")
    assert short.code == 2
    assert "--budget-minutes 0.0001 fits no run: one takes about" in short.err


def test_the_lake_is_left_as_it_is_and_no_arm_has_a_clip_of_a_held_out_creator(mini, tmp_path):
    lake = open_lake(mini / "lake")
    before = sorted(file for file in lake.path.rglob("*"))
    recipe = choice.of_lake(lake, choice.Choice()).load()
    pools = read_pools(lake, recipe, None, [RAW, NO_MINING, NO_SCREEN, NO_VALIDATION])
    assert sorted(file for file in lake.path.rglob("*")) == before
    members = read_members(lake.path, pools.version)
    train = {m.clip_id for m in members if m.split == "train"}
    assert {claim.clip_id for claim in pools.claims["curated"]} == train
    assert {clip.clip_id for clip in pools.held_out} == {m.clip_id for m in members} - train
    held_out = {m.creator for m in members if m.split != "train"}
    creators = {clip.clip_id: clip.creator for clip in pools.clips}
    for name, claims in pools.claims.items():
        assert claims, name
        assert not held_out & {creators[claim.clip_id] for claim in claims}
    truth = json.loads((mini / "truth.json").read_text())["posts"]

    def precision(claims):
        return sum(truth[c.post_id.rpartition(":")[2]]["shows"] == c.class_id for c in claims) / len(claims)

    assert precision(pools.claims[RAW]) < precision(pools.claims["curated"]) == 1


def test_who_opts_out_after_the_build_is_in_no_arm(mini, tmp_path):
    lake = open_lake(mini / "lake")
    recipe = choice.of_lake(lake, choice.Choice()).load()
    pools = read_pools(lake, recipe, None, [RAW])
    gone = [pools.claims[CURATED][0].post_id, pools.held_out[0].post_id]
    urls = connect(lake.path).query("FROM post").to_pylist()
    leave_alone = tmp_path / "leave-alone.txt"
    leave_alone.write_text("".join(f"{row['url']}\n" for row in urls if row["post_id"] in gone))
    asking = replace(recipe, source=replace(recipe.source, opt_out=leave_alone))
    left = read_pools(lake, asking, None, [RAW])
    posts = {claim.post_id for claims in left.claims.values() for claim in claims}
    assert not {*gone} & (posts | {clip.post_id for clip in left.held_out})
    assert len(left.claims[CURATED]) == len(pools.claims[CURATED]) - 1
    assert len(left.held_out) == len(pools.held_out) - 1


def test_labelled_clips_are_drawn_once_and_a_killed_drawing_goes_on(tmp_path, monkeypatch):
    drawn = []

    def drawing(spec, target):
        drawn.append(spec.seed)
        if len(drawn) == 3:
            target.write_bytes(b"half of it")
            raise KeyboardInterrupt
        render(spec, target)

    monkeypatch.setattr("h2a_curation.sample_world.render.render", drawing)
    asked = (tmp_path / "set", ["deadlift", "cycling", "no-action"], 1)
    with pytest.raises(KeyboardInterrupt):
        labelled.drawn(*asked)
    found = labelled.drawn(*asked)
    assert len(drawn) == 5
    assert len(set(drawn)) == 4
    for file in (found.train_list, found.val_list):
        names = [line.split() for line in file.read_text().splitlines()]
        assert [(name.rpartition("-")[0], label) for name, label in names] == [("cycling", "0"), ("deadlift", "1")]
        assert all((found.data / name).stat().st_size > 1000 for name, _ in names)
    with pytest.raises(ValueError, match="fewer than two of the lake's classes"):
        labelled.drawn(tmp_path / "other", ["deadlift"], 1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--arms", "curated,rawe"), "no arm 'rawe'; known: curated"),
        (("--seeds", "0"), "--seeds 0: at least 1 is needed"),
        (("--budget-minutes", "0"), "--budget-minutes 0 fits no run"),
        (("--budget-minutes", "nan"), "--budget-minutes nan fits no run"),
        (("--budget-minutes", "inf"), "--budget-minutes inf fits no run"),
        (("--version", "v9"), "--version v9: "),
        (("--train-list", "no.csv"), "--train-list and --val-list go together"),
        (("--train-list", "no.csv", "--val-list", "no.csv"), "no.csv is no file"),
        (("--data", "."), "--data goes with --train-list"),
        (("--set", "model.width=48"), "arm scratch draws the model of preset little"),
    ],
)
def test_what_is_refused_in_a_line(mini, small_videos, h2a_here, tmp_path, options, says):
    lists = () if any("list" in option or option == "--data" for option in options) else small_videos
    ran = h2a_here("experiment", "curation", "--lake", mini / "lake", "--out", tmp_path / "out", *lists, *options)
    assert ran.code == 2
    assert says in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert not (tmp_path / "out" / "runs").exists()


def test_a_lake_without_a_version_or_without_clips_is_refused(mini, small_videos, h2a_here, tmp_path):
    for folder, says in (("versions", "has no version"), ("parts/cut", "has no fetched clip")):
        lake = tmp_path / folder.replace("/", "-")
        shutil.copytree(mini / "lake", lake)
        shutil.rmtree(lake / folder)
        ran = h2a_here("experiment", "curation", "--lake", lake, "--out", tmp_path / "out", *small_videos)
        assert ran.code == 2
        assert says in ran.err


@pytest.mark.slow
def test_the_commands_that_are_told_make_the_same_run_by_hand(mini, small_videos, h2a_here, tmp_path):
    out, hand = tmp_path / "out", tmp_path / "hand"
    asked = ("--lake", mini / "lake", "--out", out, "--arms", "curated,scratch", *SMALL, *small_videos)
    done = h2a_here("experiment", "curation", *asked)
    assert done.code == 0, done.err
    blocks = (out / "commands.sh").read_text().replace(f"{out}/runs", f"{hand}/runs").split("\n\n")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for block in blocks:
        if not block.startswith("# curated seed 1"):
            continue
        ran = subprocess.run(
            ["bash", "-e"], input=block, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
    own, other = (folder / "runs" / "curated-seed1" for folder in (out, hand))
    for file in ("pretrain/summary.json", "finetune/test/summary.json", "probe/summary.json"):
        found, by_hand = (json.loads((folder / file).read_text()) for folder in (own, other))
        same = "held_out_after" if file.startswith("pretrain") else "splits"
        assert found[same] == by_hand[same], file
