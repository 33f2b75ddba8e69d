import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import socket
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from h2a_curation.videomae import presets
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.async_save import Saver
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.loop.watch import Watcher
from h2a_curation.videomae.presets import Overrides
from h2a_curation.videomae.pretrain.recipe import load
from h2a_curation.videomae.pretrain.train import pretrain

STEPS = 14
CPU = Runtime(device="cpu", threads=1)
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


def run(lake, out, progress=lambda *_: None, **changed):
    overrides = Overrides(
        **{"steps": STEPS} | {f.name: changed.pop(f.name) for f in fields(Overrides) if f.name in changed}
    )
    watcher = Watcher(progress=progress, say=changed.pop("say", print))
    chosen = load(named="micro", overrides=overrides, settings=changed.pop("settings", ()))
    return pretrain(lake, "v1", chosen, out, watcher=watcher, **{"seed": 0, "runtime": CPU} | changed)


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def undisturbed(lake, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    return run(lake, out), out


def test_a_run_leaves_all_that_it_should(undisturbed):
    result, out = undisturbed
    assert sorted(p.name for p in out.iterdir() if p.name != "tensorboard") == [
        "checkpoint-4.pth",
        "log.txt",
        "recipe.yaml",
        "reconstruction.png",
        "steps.jsonl",
        "summary.json",
    ]
    assert result.num_steps == STEPS
    assert result.final_loss < result.first_loss
    assert result.held_out_after < result.held_out_before
    assert result.held_out_ratio == result.held_out_after / result.held_out_mean_predictor
    assert 0.98 < result.held_out_mean_predictor < 1
    assert result.samples_s == pytest.approx(2 * result.clips_s)
    assert 0 < result.mfu < 1
    assert result.peak_memory_bytes > 2**20
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
    def kill(step, _num_steps, _live):
        if step == at:
            raise Killed

    with pytest.raises(Killed):
        run(lake, tmp_path, kill)
    assert_same(run(lake, tmp_path), tmp_path, *undisturbed)


def test_a_process_killed_at_any_step_goes_on_as_if_nothing_had_been(lake, tmp_path, undisturbed):
    process = multiprocessing.get_context("spawn").Process(target=run, args=(lake, tmp_path), daemon=True)
    process.start()
    num_steps, deadline_s = random.randrange(1, STEPS), time.monotonic() + 300
    while process.is_alive() and time.monotonic() < deadline_s:
        steps = tmp_path / "steps.jsonl"
        if steps.exists() and len(steps.read_text().splitlines()) >= num_steps:
            break
        time.sleep(0.001)
    process.kill()
    process.join()
    assert (tmp_path / "steps.jsonl").exists()
    assert_same(run(lake, tmp_path), tmp_path, *undisturbed)


def test_the_same_run_has_the_same_losses_bit_for_bit(lake, tmp_path, undisturbed):
    assert_same(run(lake, tmp_path), tmp_path, *undisturbed)


@pytest.mark.parametrize("micro_clips", [1, 2])
def test_accumulated_gradients_are_those_of_the_whole_batch(lake, tmp_path, micro_clips):
    runs = [
        run(lake, tmp_path / str(n), steps=10, batch_clips=4, runtime=replace(CPU, micro_clips=n))
        for n in (micro_clips, 4)
    ]
    ours, theirs = ([line["loss"] for line in rows(r.checkpoint.with_name("steps.jsonl"))] for r in runs)
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_micro_batches_go_on_from_the_whole(lake, tmp_path, undisturbed):
    def kill(step, _num_steps, _live):
        if step == 12:
            raise Killed

    with pytest.raises(Killed):
        run(lake, tmp_path, kill)
    result = run(lake, tmp_path, runtime=replace(CPU, micro_clips=1))
    assert result.held_out_after == pytest.approx(undisturbed[0].held_out_after, abs=1e-5)


def waited_for(file: Path) -> bool:
    until = time.monotonic() + 60
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.01)
    return file.exists()


def test_a_full_disk_leaves_the_last_checkpoint(lake, tmp_path, undisturbed):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def fill(step, _num_steps, _live):
        if step == 12:  # the checkpoint of step 10 is written beside the training
            assert waited_for(tmp_path / checkpoint.LAST)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))

    try:
        with pytest.raises(OSError, match=r"checkpoint-4\.pth could not be written \(.+\); checkpoint-last\.pth is"):
            run(lake, tmp_path, fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(tmp_path.glob(".*tmp"))
    assert checkpoint.load(tmp_path / checkpoint.LAST)["step"] == 10
    assert_same(run(lake, tmp_path), tmp_path, *undisturbed)


def test_pictures_and_kept_checkpoints(lake, tmp_path, monkeypatch):
    micro = presets.PRESETS["micro"]
    often = replace(micro, recipe=replace(micro.recipe, picture_epochs=2, save_epochs=1))
    monkeypatch.setitem(presets.PRESETS, "micro", often)
    run(lake, tmp_path, runtime=replace(CPU, keep=2))
    assert sorted(p.name for p in tmp_path.glob("*.pth")) == ["checkpoint-3.pth", "checkpoint-4.pth"]
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == ["epoch-1.png", "epoch-3.png"]


@pytest.mark.parametrize(
    ("there", "keep", "left"),
    [
        ([], None, [3, 4, 5, 6, 7]),
        ([0, 1], None, [3, 4, 5, 6, 7]),
        (range(-6, 0), None, [*range(-6, 0), 3, 4, 5, 6, 7]),  # of a run that was begun when all were kept
        (range(-6, 0), 2, [6, 7]),
        ([-1], 0, range(-1, 8)),
    ],
)
def test_kept_checkpoints_are_the_newest_and_none_is_lost_unasked(tmp_path, there, keep, left):
    for epoch in there:
        checkpoint.save(tmp_path / f"checkpoint-{100 + epoch}.pth", {})
    with Saver(tmp_path, keep) as saver:
        for epoch in range(8):
            saver.save(f"checkpoint-{100 + epoch}.pth", {})
    assert [path.stem for path in checkpoint.numbered(tmp_path)] == [f"checkpoint-{100 + epoch}" for epoch in left]


def test_tensorboard_shows_loss_and_speed(lake, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run(lake, tmp_path, steps=5)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    losses = [event.value for event in events.Scalars("train/loss")]
    assert losses == pytest.approx([line["loss"] for line in rows(tmp_path / "steps.jsonl")])
    assert {"speed/clips_s", "speed/mfu", "train/grad_norm"} <= set(events.Tags()["scalars"])


def wandb_records(file):
    """The records of an offline run, which stand as protobuf in a log like LevelDB's: blocks of 32 KiB of chunks."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, parts = file.read_bytes(), 7, []
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        parts.append(data[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in (1, 4):  # a whole record, or its last chunk
            yield Record.FromString(b"".join(parts))
            parts = []


def test_wandb_has_the_curves_of_a_run_that_goes_on_and_asks_no_host(lake, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    # Even where the user's environment says to send.
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")

    def stop(step, _num_steps, _live):
        if step == 5:
            raise Killed

    with pytest.raises(Killed):
        run(lake, tmp_path, stop, settings=["save_steps=3"])
    run(lake, tmp_path, settings=["save_steps=3"])

    files = sorted(tmp_path.glob("wandb/offline-run-*/*.wandb"))
    assert len(files) == 2
    assert len({file.name for file in files}) == 1, "syncing makes one run of both, since they have one id"
    losses, noted = {}, set()
    for file in files:
        for record in wandb_records(file):
            noted |= {record.WhichOneof("record_type"), record.run.host}
            items = {"".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.history.item}
            if "train/loss" in items:
                losses[items["step"]] = items["train/loss"]
    assert losses == pytest.approx({line["step"]: line["loss"] for line in rows(tmp_path / "steps.jsonl")})
    assert not noted & {"environment", "files", socket.gethostname()}, "the machine is nobody's business"


@pytest.mark.parametrize(("number", "ending"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_saves_and_ends_the_run(lake, tmp_path, undisturbed, number, ending):
    def send(step, _num_steps, _live):
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


def without(settings, *place):
    """The settings of a run that was begun before this field existed."""
    *path, last = place
    inner = settings
    for name in path:
        inner = inner[name]
    del inner[last]
    return settings


@pytest.mark.parametrize(
    "place",
    [
        ("preset", "recipe", "exact_resize"),
        ("preset", "model", "layer_scale"),
        ("preset", "recipe", "save_minutes"),
        ("preset", "recipe", "max_bad_clips"),
        ("skipped",),
    ],
)
def test_a_run_begun_before_a_field_existed_goes_on_with_the_fields_default(lake, tmp_path, undisturbed, place):
    def kill(step, _num_steps, _live):
        if step == 12:
            assert waited_for(tmp_path / checkpoint.LAST)
            raise Killed

    with pytest.raises(Killed):
        run(lake, tmp_path, kill)
    content = checkpoint.load(tmp_path / checkpoint.LAST)
    without(content["args"], *place)
    checkpoint.save(tmp_path / checkpoint.LAST, content)
    assert_same(run(lake, tmp_path), tmp_path, *undisturbed)


def test_a_run_finished_before_a_field_existed_is_not_run_again(lake, tmp_path, undisturbed):
    out = shutil.copytree(undisturbed[1], tmp_path / "run")
    summary = json.loads((out / "summary.json").read_text())
    without(summary["settings"], "preset", "recipe", "exact_resize")
    (out / "summary.json").write_text(json.dumps(summary))
    again = run(lake, out, progress=lambda *_: pytest.fail("trained again"))
    assert again.held_out_after == undisturbed[0].held_out_after
    assert json.loads((out / "summary.json").read_text()) == summary


def test_a_result_that_lacks_a_field_is_made_again_without_a_step(lake, tmp_path, undisturbed):
    out = shutil.copytree(undisturbed[1], tmp_path / "run")
    summary = json.loads((out / "summary.json").read_text())
    del summary["mfu"]
    (out / "summary.json").write_text(json.dumps(summary))
    again = run(lake, out, progress=lambda *_: pytest.fail("trained again"))
    assert again.held_out_after == undisturbed[0].held_out_after
    assert json.loads((out / "summary.json").read_text())["mfu"] == again.mfu


def test_a_setting_that_an_older_run_did_otherwise_is_named(lake, tmp_path, undisturbed):
    out = shutil.copytree(undisturbed[1], tmp_path / "run")
    (out / "summary.json").unlink()
    [path] = out.glob("checkpoint-*.pth")
    content = checkpoint.load(path)
    without(content["args"], "preset", "recipe", "views")  # its default is 4, and the preset's is 2
    without(content["args"], "seed")  # it has no default
    checkpoint.save(path, content)
    with pytest.raises(
        ValueError, match=r"another preset, seed: .*preset\.recipe\.views is 4 there and 2 here, seed is unk"
    ):
        run(lake, out)


def test_a_setting_that_only_a_newer_program_knows_is_refused(lake, tmp_path, undisturbed):
    out = shutil.copytree(undisturbed[1], tmp_path / "run")
    (out / "summary.json").unlink()
    [path] = out.glob("checkpoint-*.pth")
    content = checkpoint.load(path)
    content["args"]["preset"]["recipe"]["momentum"] = 0.5
    checkpoint.save(path, content)
    with pytest.raises(ValueError, match=r"preset\.recipe\.momentum is 0\.5 there and unknown here"):
        run(lake, out)


def test_a_loss_that_is_no_number_stops_with_the_clips(lake, tmp_path, monkeypatch):
    micro = presets.PRESETS["micro"]
    wild = replace(micro, recipe=replace(micro.recipe, learning_rate=1e30))
    monkeypatch.setitem(presets.PRESETS, "micro", wild)
    with pytest.raises(FloatingPointError, match=r"clips of the batch: [0-9a-f]{64}, [0-9a-f]{64}"):
        run(lake, tmp_path, steps=20)


def test_no_steps_are_no_run(lake, tmp_path):
    with pytest.raises(ValueError, match="0 steps are no run"):
        run(lake, tmp_path, steps=0)


def test_frames_that_are_not_square_train_and_go_on(lake, tmp_path):
    """Twice as wide as high: crops, masks, positions, picture and checkpoint are of that shape."""
    wide = {"settings": ["model.image_width_px=128"]}

    def kill(done, _total, _live):
        if done == 12:
            raise Killed

    whole = run(lake, tmp_path / "whole", **wide)
    assert whole.final_loss < whole.first_loss
    assert whole.held_out_after < whole.held_out_before
    with Image.open(whole.picture) as shown:
        frames_across, frames_down = 4, 3 * 2  # of two clips: original, masked, reconstructed
        assert shown.width / frames_across == 2 * shown.height / frames_down
    with pytest.raises(Killed):
        run(lake, tmp_path / "killed", kill, **wide)
    assert_same(run(lake, tmp_path / "killed", **wide), tmp_path / "killed", whole, tmp_path / "whole")
