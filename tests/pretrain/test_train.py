import json
import os
import shutil
import signal
from dataclasses import replace

import pytest
import torch

from h2a_curation.pretrain import checkpoint, presets
from h2a_curation.pretrain.train import Means, pretrain

STEPS = 14
CPU = Means(device="cpu", threads=1)
OFFICIAL_KEYS = [
    "train_lr",
    "train_min_lr",
    "train_loss",
    "train_loss_scale",
    "train_weight_decay",
    "train_grad_norm",
    "epoch",
    "n_parameters",
]


class Killed(BaseException):
    """What nothing in a run catches, as SIGKILL."""


def run(lake, out, progress=None, **changed):
    options = {"steps": STEPS, "seed": 0, "means": CPU, "progress": progress} | changed
    return pretrain(lake, "v1", "micro", out, **options)


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def undisturbed(lake, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    return run(lake, out), out


def test_a_run_leaves_all_that_it_should(undisturbed):
    result, out = undisturbed
    assert sorted(p.name for p in out.iterdir()) == [
        "checkpoint-4.pth",
        "log.txt",
        "reconstruction.png",
        "steps.jsonl",
        "summary.json",
    ]
    assert result.num_steps == STEPS
    assert result.final_loss < result.first_loss
    assert result.held_out_after < result.held_out_before
    assert result.held_out_ratio == result.held_out_after / result.held_out_mean_predictor
    assert 0.98 < result.held_out_mean_predictor < 1
    assert json.loads((out / "summary.json").read_text())["held_out_ratio"] == result.held_out_ratio


def test_the_log_has_the_official_keys_and_means_over_epochs(undisturbed):
    _, out = undisturbed
    steps, log = rows(out / "steps.jsonl"), rows(out / "log.txt")
    assert [list(line) for line in log] == [OFFICIAL_KEYS] * 5
    assert [line["epoch"] for line in log] == [0, 1, 2, 3, 4]
    assert [line["step"] for line in steps] == list(range(STEPS))
    assert log[1]["train_loss"] == sum(line["loss"] for line in steps[3:6]) / 3
    assert steps[0]["learning_rate"] == 0


def test_the_checkpoint_is_of_the_official_layout(undisturbed):
    result, _ = undisturbed
    content = checkpoint.load(result.checkpoint)
    assert content.keys() == {"model", "optimizer", "epoch", "args", "step"}
    assert (content["epoch"], content["step"]) == (4, STEPS)
    assert "encoder.blocks.0.attn.q_bias" in content["model"]


@pytest.mark.parametrize("at", [3, 12])
def test_a_killed_run_goes_on_as_if_nothing_had_been(lake, tmp_path, undisturbed, at):
    def kill(step, _num_steps, _loss):
        if step == at:
            raise Killed

    with pytest.raises(Killed):
        run(lake, tmp_path, kill)
    assert_same(run(lake, tmp_path), tmp_path, *undisturbed)


@pytest.mark.parametrize(("number", "ending"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_saves_and_ends_the_run(lake, tmp_path, undisturbed, number, ending):
    def send(step, _num_steps, _loss):
        if step == 5:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(ending):
        run(lake, tmp_path, send)
    assert signal.getsignal(number) == before
    assert checkpoint.load(tmp_path / checkpoint.LAST)["step"] == 5
    assert_same(run(lake, tmp_path), tmp_path, *undisturbed)


def assert_same(result, out, other, other_out):
    assert (out / "steps.jsonl").read_text() == (other_out / "steps.jsonl").read_text()
    assert (out / "log.txt").read_text() == (other_out / "log.txt").read_text()
    assert result.held_out_before == other.held_out_before
    assert result.held_out_after == other.held_out_after
    ours, theirs = (checkpoint.load(r.checkpoint)["model"] for r in (result, other))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_a_finished_run_is_not_run_again(lake, tmp_path, undisturbed):
    result, out = undisturbed
    without_shards = shutil.copytree(lake, tmp_path / "lake")
    before = (out / "summary.json").read_bytes()
    assert run(without_shards, out, progress=lambda *_: pytest.fail("trained again")) == result
    assert (out / "summary.json").read_bytes() == before


@pytest.mark.parametrize(("changed", "what"), [({"seed": 1}, "seed"), ({"steps": 3}, "preset")])
def test_the_folder_of_another_run_is_refused(lake, undisturbed, changed, what):
    with pytest.raises(ValueError, match=rf"checkpoint-4\.pth is of a run with another {what}: choose another"):
        run(lake, undisturbed[1], **changed)


def test_a_loss_that_is_no_number_stops_with_the_clips(lake, tmp_path, monkeypatch):
    micro = presets.PRESETS["micro"]
    wild = replace(micro, recipe=replace(micro.recipe, learning_rate=1e30))
    monkeypatch.setitem(presets.PRESETS, "micro", wild)
    with pytest.raises(FloatingPointError, match=r"clips of the batch: [0-9a-f]{64}, [0-9a-f]{64}"):
        run(lake, tmp_path, steps=20)


def test_no_steps_are_no_run(lake, tmp_path):
    with pytest.raises(ValueError, match="0 steps are no run"):
        run(lake, tmp_path, steps=0)
