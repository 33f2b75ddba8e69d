"""Runs that are stopped, changed, branched or led past clips that fail."""

import json
import os
import shutil
import signal
from dataclasses import replace

import pytest
import torch

from h2a_curation.videomae.data.bad_clips import FILE, read_skip_list
from h2a_curation.videomae.data.shards import open_version
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.rescue import Rescue
from h2a_curation.videomae.loop.resume import Beginning, placed_anew
from h2a_curation.videomae.pretrain.task import Pretraining
from tests.videomae.pretrain.test_train import CPU, STEPS, Killed, assert_same, rows, run

QUARTERS = replace(CPU, micro_clips=1)
"""A step of `batch_clips=4` in four passes."""


@pytest.fixture(scope="module")
def in_quarters(lake, tmp_path_factory):
    """An undisturbed run whose steps take four passes."""
    out = tmp_path_factory.mktemp("quarters")
    return run(lake, out, batch_clips=4, runtime=QUARTERS), out


def sent_in_pass(monkeypatch, number, *signals):
    """Send signals to this process within the number-th pass of a run."""
    passes, own = [], Pretraining.error_sum

    def error_sum(task, learner, piece):
        passes.append(piece)
        if len(passes) == number:
            for one in signals:
                os.kill(os.getpid(), one)
        return own(task, learner, piece)

    monkeypatch.setattr(Pretraining, "error_sum", error_sum)
    return passes


def killed_at(step):
    def kill(done, _total, _live):
        if done == step:
            raise Killed

    return kill


# Stopping and saving


def test_a_stop_is_obeyed_after_the_pass_at_hand(lake, tmp_path, monkeypatch, in_quarters):
    said = []
    passes = sent_in_pass(monkeypatch, 5 * 4 + 2, signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        run(lake, tmp_path, batch_clips=4, runtime=QUARTERS, say=said.append)
    assert ended.value.code == 128 + signal.SIGTERM
    assert len(passes) == 5 * 4 + 2
    assert said[-2:] == [
        "SIGTERM: stopping after the pass at hand, and saving; Ctrl-C again leaves at once, unsaved",
        f"stopped by SIGTERM after step 5 of {STEPS}: checkpoint-last.pth is saved",
    ]
    assert checkpoint.load(tmp_path / checkpoint.LAST)["step"] == len(rows(tmp_path / "steps.jsonl")) == 5
    assert_same(run(lake, tmp_path, batch_clips=4, runtime=QUARTERS), tmp_path, *in_quarters)


def test_a_stop_before_the_first_step_leaves_nothing_behind(lake, tmp_path, monkeypatch, in_quarters):
    sent_in_pass(monkeypatch, 1, signal.SIGTERM)
    with pytest.raises(SystemExit):
        run(lake, tmp_path, batch_clips=4, runtime=QUARTERS)
    assert not list(tmp_path.glob("*.pth"))
    assert_same(run(lake, tmp_path, batch_clips=4, runtime=QUARTERS), tmp_path, *in_quarters)


def test_a_second_ctrl_c_leaves_unsaved(lake, tmp_path, monkeypatch, in_quarters):
    passes = sent_in_pass(monkeypatch, 5 * 4 + 2, signal.SIGINT, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(lake, tmp_path, batch_clips=4, runtime=QUARTERS)
    assert len(passes) == 5 * 4 + 2
    assert not (tmp_path / checkpoint.LAST).exists()
    assert_same(run(lake, tmp_path, batch_clips=4, runtime=QUARTERS), tmp_path, *in_quarters)


@pytest.mark.parametrize(("settings", "saved"), [(["save_minutes=1e-9"], True), (["save_minutes=off"], False)])
def test_a_run_saves_by_minutes(lake, tmp_path, settings, saved):
    with pytest.raises(Killed):
        run(lake, tmp_path, killed_at(8), settings=["save_steps=1000", *settings])
    assert (tmp_path / checkpoint.LAST).exists() == saved


def test_how_often_a_run_saves_may_change_at_any_time(lake, tmp_path):
    with pytest.raises(Killed):
        run(lake, tmp_path, killed_at(12))
    result = run(lake, tmp_path, settings=["save_steps=3", "save_epochs=1", "picture_epochs=7"])
    assert result.num_steps == STEPS
    assert "ancestry" not in json.loads((tmp_path / "summary.json").read_text())


def test_a_loss_that_is_no_number_tells_what_is_known(lake, tmp_path):
    with pytest.raises(FloatingPointError) as stopped:
        run(lake, tmp_path, settings=["lr=1e30", "clip_grad=0.5"], steps=20)
    said = str(stopped.value)
    assert said.startswith("step ")
    for word in ("clips of the batch: ", "learning rate was ", "clipped at 0.5", "their norm a step before was "):
        assert word in said
    assert "\n" not in said


# Changes on the way


def begun(lake, out, at=12, **changed):
    with pytest.raises(Killed):
        run(lake, out, killed_at(at), **{"settings": ["save_steps=1"]} | changed)
    return checkpoint.load(out / checkpoint.LAST)["step"]


def test_a_change_is_refused_with_the_field_and_the_way_to_it(lake, tmp_path):
    begun(lake, tmp_path)
    with pytest.raises(
        ValueError, match=r"or go on with the change by --set 'changeable=\[learning_rate\]'"
    ) as refused:
        run(lake, tmp_path, settings=["lr=0.05"])
    assert "preset.recipe.learning_rate is 0.1 there and 0.05 here" in str(refused.value)
    with pytest.raises(ValueError, match=r"preset\.recipe\.views is 2 there and 3 here") as refused:
        run(lake, tmp_path, settings=["views=3"])
    assert "changeable" not in str(refused.value)


def test_a_change_that_the_recipe_allows_is_told_and_kept(lake, tmp_path):
    step, said = begun(lake, tmp_path), []
    settings = ["lr=0.05", "clip_grad=0.3", "changeable=[learning_rate,clip_grad]"]
    with pytest.raises(Killed):
        run(lake, tmp_path, killed_at(13), settings=[*settings, "save_steps=1"], say=said.append)
    told = f"changed after step {step}: clip_grad 0.3 in place of None, learning_rate 0.05 in place of 0.1"
    assert told in said
    said.clear()
    run(lake, tmp_path, settings=settings, say=said.append)
    assert said.count(told) == 1
    [entry] = json.loads((tmp_path / "summary.json").read_text())["ancestry"]
    assert entry == {"step": step, "changed": {"clip_grad": [None, 0.3], "learning_rate": [0.1, 0.05]}}
    rates = [row["learning_rate"] for row in rows(tmp_path / "steps.jsonl")]
    assert len(rates) == STEPS


def test_another_batch_goes_on_in_the_same_epoch(lake, tmp_path):
    length = ["steps=off", "epochs=6", "warmup=1"]
    step = begun(lake, tmp_path, at=8, settings=[*length, "save_steps=1"], steps=None)
    result = run(lake, tmp_path, settings=[*length, "batch_clips=3", "changeable=[batch_clips]"], steps=None)
    lines = rows(tmp_path / "steps.jsonl")
    assert [line["step"] for line in lines] == list(range(result.num_steps))
    epochs = [line["epoch"] for line in lines]
    assert epochs == sorted(epochs)
    assert [epochs.count(epoch) for epoch in (0, 1, 3, 4, 5)] == [3, 3, 2, 2, 2]
    assert step in (7, 8)
    assert lines[step]["epoch"] == 2
    assert [row["epoch"] for row in rows(tmp_path / "log.txt")] == list(range(6))


@pytest.mark.parametrize(
    ("step", "old", "new", "place"),
    [(7, 2, 3, 4), (8, 2, 3, 5), (6, 2, 3, 4), (6, 2, 6, 2), (3, 6, 1, 18), (5, 2, 9, 1)],
)
def test_the_place_of_a_step_after_another_batch(step, old, new, place):
    assert step + placed_anew(Beginning(step=step), old, new, 6) == place


def test_a_branch_says_of_what_it_is_and_leaves_that_alone(lake, tmp_path):
    step, said = begun(lake, tmp_path / "old"), []
    before = sorted((p.name, p.stat().st_mtime_ns) for p in (tmp_path / "old").iterdir())
    rescue = Rescue(branch_from=tmp_path / "old")
    run(lake, tmp_path / "new", rescue=rescue, settings=["lr=0.05", "changeable=[learning_rate]"], say=said.append)
    assert sorted((p.name, p.stat().st_mtime_ns) for p in (tmp_path / "old").iterdir()) == before
    path = tmp_path / "old" / checkpoint.LAST
    assert f"branched from {path} after step {step}: learning_rate 0.05 in place of 0.1" in said
    [entry] = json.loads((tmp_path / "new" / "summary.json").read_text())["ancestry"]
    assert entry["from"] == str(path)
    assert [row["step"] for row in rows(tmp_path / "new" / "steps.jsonl")] == list(range(step, STEPS))
    with pytest.raises(ValueError, match="no run's folder and no checkpoint"):
        run(lake, tmp_path / "third", rescue=Rescue(branch_from=tmp_path / "nowhere"))


# Clips that fail


@pytest.fixture
def broken(lake, tmp_path):
    """The lake with one clip of the training split whose bytes are no film, and the clip's id."""
    copy = shutil.copytree(lake, tmp_path / "lake")
    member = open_version(copy, "v1").split("train")[2]
    shard = copy / "shards" / member.shard
    data = bytearray(shard.read_bytes())
    data[member.offset : member.offset + 64] = bytes(64)
    shard.write_bytes(data)
    return copy, member.clip_id


def test_a_bad_clip_is_borne_counted_and_told(broken, tmp_path):
    lake, clip_id = broken
    with pytest.raises(ValueError, match=clip_id):
        run(lake, tmp_path / "strict")
    said = []
    result = run(lake, tmp_path / "out", settings=["max_bad_clips=1"], say=said.append)
    assert result.num_steps == STEPS
    [told] = [line for line in said if clip_id in line]
    assert told.startswith("another clip stands in for one that fails: ")
    assert told.endswith("(1 bad clips, of 1 that the run bears)")
    assert (tmp_path / "out" / FILE).read_text().startswith(f"{clip_id}  # ")


def test_bearing_bad_clips_is_the_same_run_after_a_kill(broken, tmp_path):
    lake, _ = broken
    options = {"settings": ["max_bad_clips=2"]}
    whole = run(lake, tmp_path / "whole", **options)
    with pytest.raises(Killed):
        run(lake, tmp_path / "killed", killed_at(12), **options)
    assert_same(run(lake, tmp_path / "killed", **options), tmp_path / "killed", whole, tmp_path / "whole")


def test_more_bad_clips_than_the_run_bears_end_it(broken, tmp_path):
    lake, _ = broken
    out = tmp_path / "out"
    out.mkdir()
    (out / FILE).write_text("".join(f"{number:064x}  # seen before\n" for number in range(2)))
    with pytest.raises(ValueError, match=r"3 clips cannot be decoded, and the run bears 2 \(max_bad_clips\)"):
        run(lake, out, settings=["max_bad_clips=2"])


def test_a_list_of_bad_clips_is_one_of_clips_to_skip(broken, tmp_path):
    lake, _ = broken
    borne = run(lake, tmp_path / "borne", settings=["max_bad_clips=1"])
    rescue = Rescue(skip_clips=tmp_path / "borne" / FILE)
    skipped = run(lake, tmp_path / "skipped", rescue=rescue)
    assert_same(skipped, tmp_path / "skipped", borne, tmp_path / "borne")


def test_a_run_gets_past_a_clip_that_is_skipped_from_there_on(lake, tmp_path):
    step, said = begun(lake, tmp_path / "out"), []
    clip_id = open_version(lake, "v1").split("train")[0].clip_id
    (tmp_path / "skip.txt").write_text(f"# decodes wrongly\n{clip_id}.mp4\n\n")
    run(lake, tmp_path / "out", rescue=Rescue(skip_clips=tmp_path / "skip.txt"), say=said.append)
    [told] = [line for line in said if line.startswith("changed after step")]
    assert told.startswith(f"changed after step {step}: skipped ")
    assert clip_id in told


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nothing\n", r"skip\.txt:1: 'nothing' is no clip"),
        ("# all is well\n\n0\n", r"skip\.txt:3: '0' is no clip"),
        (None, "no such file"),
        ("all", "it names all 6 clips, and none would be left"),
    ],
)
def test_a_wrong_list_of_clips_is_one_line(lake, tmp_path, text, says):
    members = open_version(lake, "v1").split("train")
    if text is not None:
        (tmp_path / "skip.txt").write_text("\n".join(m.clip_id for m in members) if text == "all" else text)
    with pytest.raises(ValueError, match=says):
        read_skip_list(tmp_path / "skip.txt", members)


def test_a_file_that_is_no_state_of_a_run_is_refused(lake, tmp_path):
    torch.save({"model": {}}, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"weights\.pth is no state of a run that could go on"):
        run(lake, tmp_path / "out", rescue=Rescue(branch_from=tmp_path / "weights.pth"))
