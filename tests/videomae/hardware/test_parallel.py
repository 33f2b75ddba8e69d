"""Two processes on this machine's CPU, by gloo."""

import json
import shutil
import signal

import pytest
import torch

from h2a_curation.videomae import presets
from h2a_curation.videomae.loop import checkpoint
from tests.videomae import many
from tests.videomae.many import STEPS


@pytest.fixture(scope="module", autouse=True)
def many_preset():
    yield
    presets.PRESETS.pop("many", None)


@pytest.fixture(scope="module")
def alone(lake, tmp_path_factory):
    """The same run in one process, and what another one left behind when it was killed after 5 steps."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("alone")
    many.run(lake, out)
    begun = tmp_path_factory.mktemp("begun")

    def kill(done, _total, _live):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        many.run(lake, begun, kill, micro_clips=1)
    return out, begun


@pytest.fixture(scope="module")
def pair(lake, tmp_path_factory):
    """What must hold at every change; the rest of this file takes minutes (`make training`)."""
    folder = tmp_path_factory.mktemp("pair")
    said = many.run_together(lake, folder, [{"out": "ddp"}, {"out": "fsdp", "parallel": "fsdp", "micro_clips": 1}])
    return folder, *(dict(zip(("ddp", "fsdp"), lines, strict=True)) for lines in said)


@pytest.fixture(scope="module")
def together(lake, alone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    shutil.copytree(alone[1], folder / "begun-alone")
    jobs = [
        {"out": "ddp-micro", "micro_clips": 1},
        {"out": "fsdp-micro", "parallel": "fsdp", "micro_clips": 1, "recompute": True},
        {"out": "begun-alone"},
        {"out": "stopped", "parallel": "fsdp", "micro_clips": 1, "send": signal.SIGTERM},
        {"out": "gathers-bfloat16", "parallel": "fsdp", "gather": "bfloat16"},
        {"out": "gathers-float32", "parallel": "fsdp", "gather": "float32"},
        {"out": "broken", "broken": 1},
        {"out": "stuck", "stuck_s": 9},
        {"out": "dead", "send": signal.SIGKILL},
    ]
    said = many.run_together(lake, folder, jobs)
    names = [job["out"] for job in jobs]
    return folder, *(dict(zip(names, lines, strict=False)) for lines in said)


def losses(out):
    return [json.loads(line)["loss"] for line in (out / "steps.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", ["ddp", "fsdp"])
def test_two_processes_have_the_losses_of_one(alone, pair, name):
    assert losses(pair[0] / name) == pytest.approx(losses(alone[0]), abs=1e-5)
    assert pair[1][name] == pair[2][name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ddp-micro", "fsdp-micro", "begun-alone"])
def test_the_same_losses_as_one_process(alone, together, name):
    assert losses(together[0] / name) == pytest.approx(losses(alone[0]), abs=1e-5)
    assert together[1][name] == together[2][name]
    assert together[1][name]["devices"] == 2


@pytest.mark.slow
def test_checkpoints_of_shards_are_whole(alone, together):
    ours, theirs = (
        checkpoint.load(folder / f"checkpoint-{STEPS - 1}.pth") for folder in (together[0] / "fsdp-micro", alone[0])
    )
    for key in ("model", "optimizer"):
        assert shapes(ours[key]) == shapes(theirs[key])
    moments = [state["optimizer"]["state"][0]["exp_avg"] for state in (ours, theirs)]
    assert torch.allclose(*moments, atol=1e-5)


def shapes(value):
    if isinstance(value, dict):
        return {key: shapes(item) for key, item in value.items()}
    return list(value.shape) if isinstance(value, torch.Tensor) else value


@pytest.mark.slow
def test_a_signal_to_one_process_ends_both_and_one_alone_goes_on(lake, alone, together, tmp_path):
    folder, *said = together
    assert [lines["stopped"] for lines in said] == [{"ended": "SystemExit", "says": "143"}] * 2
    out = shutil.copytree(folder / "stopped", tmp_path / "out")
    assert checkpoint.load(out / checkpoint.LAST)["step"] == len(losses(out)) < STEPS
    many.run(lake, out)
    assert losses(out) == pytest.approx(losses(alone[0]), abs=1e-5)


@pytest.mark.slow
def test_weights_sent_as_bfloat16_train_as_those_sent_whole(together):
    sent = {gather: losses(together[0] / f"gathers-{gather}") for gather in ("bfloat16", "float32")}
    assert len(sent["float32"]) == 20
    assert sent["bfloat16"] == pytest.approx(sent["float32"], rel=0.01)
    assert sent["bfloat16"] != sent["float32"]
    kept = checkpoint.load(checkpoint.newest(together[0] / "gathers-bfloat16"))
    assert {tensor.dtype for tensor in kept["model"].values()} == {torch.float32}


@pytest.mark.slow
def test_clips_of_another_process_are_named(together):
    first, second = (lines["broken"] for lines in together[1:])
    assert first["ended"] == second["ended"] == "NotFiniteError"
    assert first["says"].startswith("step 0: the loss is nan; clips of the batch: ")
    named = first["says"].partition("clips of the batch: ")[2].partition("; ")[0]
    assert len(named.split(", ")) == many.CLIPS // 2
    assert second["says"].startswith("step 0: the loss is nan; the first process names the clips; the learning rate")


@pytest.mark.slow
def test_nobody_waits_for_ever(together):
    assert together[2]["stuck"]["ended"] == "ConnectionError"
    assert "lost another one, which ended or hangs (Timed out waiting 3000ms" in together[2]["stuck"]["says"]


@pytest.mark.slow
def test_a_dead_process_is_told_and_leaves_a_whole_checkpoint(together):
    folder, first, second = together
    assert "dead" not in second
    assert first["dead"]["ended"] == "ConnectionError"
    assert first["dead"]["says"].startswith("process 0 of 2 has lost another one")
    assert checkpoint.load(checkpoint.newest(folder / "dead"))["step"] == 3
