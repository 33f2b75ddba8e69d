"""Fine-tuning as a whole: it learns, it goes on after a kill as if nothing had been, and it leaves official files."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from h2a_curation.jobs.evaluate import Means, Sampled, Task, evaluate
from h2a_curation.jobs.finetune import TEST
from h2a_curation.videomae.convert.files import read
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.async_save import Saver
from h2a_curation.videomae.loop.rescue import Rescue
from tests.videomae.finetune.colours import CPU, FEW, run, write_set

KEYS = [
    "train_lr", "train_min_lr", "train_loss", "train_loss_scale", "train_weight_decay", "train_grad_norm",
    "val_loss", "val_acc1", "val_acc5", "epoch", "n_parameters",
]  # fmt: skip
ALL_ON = (
    *FEW, "drop_path=0.5", "head_dropout=0.3", "average_decay=0.8", "rand_operations=2", "erase_probability=0.5",
    "views=2", "clip_grad=1",
)  # fmt: skip


class Killed(BaseException):
    """What nothing in a run catches."""


@pytest.fixture(scope="module")
def listing(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("colours"))


@pytest.fixture(scope="module")
def undisturbed(listing, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    return (*run(listing, out, settings=ALL_ON), out)


def losses(out):
    return [json.loads(line)["loss"] for line in (out / "steps.jsonl").read_text().splitlines()]


def log(out):
    return [json.loads(line) for line in (out / "log.txt").read_text().splitlines()]


def test_a_small_model_learns_its_classes(listing, tmp_path):
    settings = ("epochs=4", "batch_clips=6", "warmup=1", "lr=0.02")
    result, tested = run(listing, tmp_path / "learnt", settings=settings)
    assert tested.figures["val"].top1 >= 0.9
    assert result.val_acc1 >= 90
    still = ("epochs=1", "batch_clips=18", "warmup=0", "lr=1e-9", "min_lr=0")
    assert run(listing, tmp_path / "still", settings=still)[1].figures["val"].top1 < 0.9


def test_the_log_has_the_official_keys_and_ends_with_the_test(undisturbed):
    _, tested, out = undisturbed
    *epochs, last = log(out)
    assert [list(row) for row in epochs] == [KEYS] * 3
    assert last == {"Final top-1": 100 * tested.figures["val"].top1, "Final Top-5": 100 * tested.figures["val"].top5}
    assert epochs[0]["train_min_lr"] == pytest.approx(epochs[0]["train_lr"] * 0.9**3)


def test_the_checkpoint_is_official_and_is_evaluated_as_it_is(listing, undisturbed, tmp_path):
    result, tested, out = undisturbed
    assert result.checkpoint.name == "checkpoint-2.pth"
    content = checkpoint.load(result.checkpoint)
    assert list(content)[:5] == ["model", "optimizer", "epoch", "args", "step"]
    assert content["epoch"] == 2
    assert list(content["model"])[:2] == ["patch_embed.proj.weight", "patch_embed.proj.bias"]
    assert list(content["model"])[-4:] == ["fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias"]
    assert content["model_ema"].keys() == content["model"].keys()
    assert [group["lr_scale"] for group in content["optimizer"]["param_groups"]] == pytest.approx(
        [0.9**3] * 2 + [0.9**2] * 2 + [0.9] * 2 + [1] * 2
    )
    assert read(result.checkpoint).said["num_heads"] == 2
    done = evaluate(
        Task(task=str(listing.with_name("val.csv")), data=listing.parent), [result.checkpoint], tmp_path,
        Sampled(stride=2), Means(device="cpu"), {}, lambda *_: None, lambda *_: None,
    )  # fmt: skip
    assert done.figures["val"].top1 == tested.figures["val"].top1
    assert (out / TEST / "evaluation.html").exists()


def test_the_best_checkpoint_is_that_of_the_best_epoch(undisturbed):
    result, _, out = undisturbed
    accuracies = [row["val_acc1"] for row in log(out)[:-1]]
    best = checkpoint.load(result.best)
    assert best["epoch"] == accuracies.index(max(accuracies))
    assert result.best_acc1 == max(accuracies)


@pytest.mark.parametrize("at", [2, 6])
def test_a_killed_run_goes_on_as_if_nothing_had_been(listing, undisturbed, tmp_path, at):
    def kill(done, _total, _live):
        if done == at:
            raise Killed

    with pytest.raises(Killed):
        run(listing, tmp_path, settings=ALL_ON, progress=kill)
    said = []
    result, tested = run(listing, tmp_path, settings=ALL_ON, said=said)
    assert any(line.startswith("goes on after step") for line in said)
    theirs, test, out = undisturbed
    assert losses(tmp_path) == losses(out)
    assert log(tmp_path) == log(out)
    assert tested.figures == test.figures
    for ours, name in ((result.checkpoint, theirs.checkpoint), (result.best, theirs.best)):
        one, other = checkpoint.load(ours), checkpoint.load(name)
        for part in ("model", "model_ema"):
            assert all(torch.equal(one[part][key], other[part][key]) for key in other[part])


def test_a_finished_run_is_not_run_again(listing, undisturbed):
    result, tested, out = undisturbed
    before = (out / "steps.jsonl").stat().st_mtime_ns
    again, tested_again = run(listing, out, settings=ALL_ON)
    assert (again, tested_again.figures) == (result, tested.figures)
    assert (out / "steps.jsonl").stat().st_mtime_ns == before


@pytest.mark.parametrize("mixing", [(), ("mixup=0", "cutmix=0")])
def test_passes_of_any_size_make_the_same_step(listing, tmp_path, mixing):
    settings = (*ALL_ON, *mixing, "epochs=1")
    sizes = (6, 2) if not mixing else (6, 1)
    runs = [tmp_path / str(size) for size in sizes]
    for size, out in zip(sizes, runs, strict=True):
        run(listing, out, settings=settings, runtime=replace(CPU, micro_clips=size))
    assert losses(runs[0]) == pytest.approx(losses(runs[1]), abs=1e-5)


def test_the_weights_of_pretraining_are_taken_and_the_rest_is_fresh(listing, tmp_path):
    from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
    from h2a_curation.videomae.presets import preset

    torch.manual_seed(1)
    torch.save({"model": MaskedAutoencoder(preset("micro").model).state_dict()}, tmp_path / "pretrained.pth")
    said = []
    settings = (*FEW, "epochs=1", "lr=1e-9", "min_lr=0", "image_px=32")
    run(listing, tmp_path / "out", settings=settings, scratch=None, start_from=tmp_path / "pretrained.pth", said=said)
    [line] = [line for line in said if line.startswith("begun with")]
    assert "left fresh (fc_norm, head)" in line
    ours = checkpoint.load(tmp_path / "out" / "checkpoint-0.pth")["model"]
    theirs = checkpoint.load(tmp_path / "pretrained.pth")["model"]
    assert torch.allclose(ours["blocks.1.mlp.fc1.weight"], theirs["encoder.blocks.1.mlp.fc1.weight"], atol=1e-6)
    assert ours["head.weight"].std() < 1e-4


@pytest.mark.parametrize("setting", ["drop_path=0.5", "head_dropout=0.5"])
def test_what_is_dropped_makes_another_run(listing, tmp_path, setting):
    settings = ("epochs=1", "batch_clips=6", "warmup=0", "lr=0.05", "head_scale=1")
    for name, more in (("plain", ()), ("dropping", (setting,))):
        run(listing, tmp_path / name, settings=(*settings, *more))
    assert losses(tmp_path / "plain")[0] != losses(tmp_path / "dropping")[0]


def test_a_best_checkpoint_takes_the_place_of_no_other(tmp_path):
    with Saver(tmp_path, keep=1) as saver:
        for name in ("checkpoint-0.pth", checkpoint.LAST, checkpoint.BEST):
            saver.save(name, {"step": 1})
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-0.pth", checkpoint.LAST, checkpoint.BEST}


def test_videos_that_do_not_decode_are_borne_counted_and_told(listing, tmp_path):
    shutil.copytree(listing.parent, tmp_path / "data")
    ours = tmp_path / "data" / "train.csv"
    for name in ("train-1-2.mp4", "val-0-1.mp4"):
        (tmp_path / "data" / name).write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"^train-1-2\.mp4: it cannot be read"):
        run(ours, tmp_path / "strict")
    said = []
    result, tested = run(ours, tmp_path / "lenient", settings=(*FEW, "max_bad_clips=1"), said=said)
    assert any("another clip stands in for one that fails: train-1-2.mp4" in line for line in said)
    assert (tmp_path / "lenient" / "bad-clips.txt").read_text().startswith("train-1-2.mp4")
    assert [row["val_unseen"] for row in log(tmp_path / "lenient")[:-1]] == [1, 1, 1]
    assert result.val_acc1 <= 100 * 8 / 9
    assert tested.num_lost == {"undecodable": 1}
    skipping = tmp_path / "skip.txt"
    skipping.write_text("train-1-2.mp4\n")
    run(ours, tmp_path / "skipping", rescue=Rescue(skip_clips=skipping), said=said)
    assert "data: list, 3 classes, 18 videos to learn from, 1 skipped, 9 to validate on" in said
