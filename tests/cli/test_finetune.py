"""`h2a finetune`: what it takes, what it prints and leaves, and mistakes in one line before any training."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from h2a_curation.taxonomy.benchmarks import benchmark_classes
from h2a_curation.videomae.loop import checkpoint
from tests.videomae.evaluate import miniature
from tests.videomae.finetune.colours import FEW, video, write_set
from tests.videomae.world import write_lake

SHORT = ("epochs=1", "steps=2", "batch_clips=4", "warmup=0")


@pytest.fixture(scope="module")
def listing(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("colours"), train=4, val=2)


def command(task, data, out, *options, settings=SHORT, begun=("--scratch", "micro")):
    given = [word for one in settings for word in ("--set", one)]
    return ["finetune", "--task", task, "--data", data, "--out", out, "--device", "cpu", *begun, *given, *options]


def test_a_list_is_learnt_and_tested_and_the_same_command_again_tells_the_same(h2a_here, listing, tmp_path):
    done = h2a_here(*command(listing, listing.parent, tmp_path))
    assert done.code == 0, done.err
    assert f"checkpoint {tmp_path / 'checkpoint-0.pth'}" in done.out
    assert "val: top-1" in done.out
    assert "data: list, 3 classes, 12 videos to learn from, 6 to validate on" in done.err
    again = h2a_here(*command(listing, listing.parent, tmp_path))
    assert again.out == done.out
    assert (tmp_path / "log.txt").read_text().count("Final top-1") == 1


def test_a_split_of_ucf101_by_its_owners_lists_and_what_is_not_there_is_told(h2a_here, tmp_path):
    data, lists = tmp_path / "data", tmp_path / "data" / "ucfTrainTestlist"
    miniature.ucf101(data)
    names = benchmark_classes("ucf101")
    for split in (1, 2, 3):
        lines = []
        for label in (0, 50, 100):
            for i in range(2):
                name = f"{names[label]}/v_{names[label]}_g{10 * split + i}_c01.avi"
                lines.append(f"{name} {label + 1}")
                if i or label:
                    video(data / "UCF-101" / name, label % 3, split + label + i)
        (lists / f"trainlist0{split}.txt").write_text("\n".join(lines) + "\n")
    done = h2a_here(*command("ucf101", data, tmp_path / "out", "--split", "2"))
    assert done.code == 0, done.err
    assert "101 classes, 5 videos to learn from, 3 to validate on" in done.err
    assert (
        "1 of 6 videos to learn from are not there and are left out: ApplyEyeMakeup/v_ApplyEyeMakeup_g20_c01.avi"
        in done.err
    )
    assert "98 of 101 classes have no video to learn from" in done.err
    assert "2: top-1" in done.out
    assert len(checkpoint.load(tmp_path / "out" / "checkpoint-1.pth")["model"]["head.bias"]) == 101


def test_folders_of_frames_are_sampled_sparsely(h2a_here, tmp_path):
    listing = miniature.official_folders(tmp_path / "data")
    shutil.copy(listing, listing.with_name("train.csv"))
    train = listing.with_name("train.csv")
    done = h2a_here(*command(train, train.parent, tmp_path / "out", "--set", "sparse=true"))
    assert done.code == 0, done.err
    assert "3 videos are in both lists, such as f0: the figures flatter the model" in done.err
    settings = json.loads((tmp_path / "out" / "test" / "evaluation.json").read_text())["val"]
    assert (settings["sampling"], settings["num_segments"], settings["num_crops"]) == ("sparse", 2, 3)


def test_a_version_is_learnt_from_its_shards_and_tested_on_its_own_clips(h2a_here, tmp_path):
    write_lake(tmp_path / "lake", ["train"] * 4 + ["val"] * 2 + ["test"])
    done = h2a_here(*command("v1", tmp_path / "lake", tmp_path / "out"))
    assert done.code == 0, done.err
    assert "data: v1, 8 classes, 4 videos to learn from, 2 to validate on" in done.err
    assert "test: top-1" in done.out
    assert not list((tmp_path / "out").glob("*clips*"))


@pytest.mark.slow
def test_two_processes_learn_as_one(listing, tmp_path):
    settings = (*FEW, "drop_path=0.5", "head_dropout=0.3", "batch_clips=4", "epochs=2", "average_decay=0.5")
    together = {"two": (), "divided": ("--parallel", "fsdp")}
    for name, options in together.items():
        _in_two_processes(command(listing, listing.parent, tmp_path / name, *options, settings=settings))
    given = [str(word) for word in command(listing, listing.parent, tmp_path / "one", settings=settings)]
    subprocess.run([*PROGRAM, *given], check=True, capture_output=True, timeout=120)
    one = _losses(tmp_path / "one")
    weights = checkpoint.load(tmp_path / "one" / "checkpoint-1.pth")
    for name in together:
        assert _losses(tmp_path / name) == pytest.approx(one, abs=1e-5)
        other = checkpoint.load(tmp_path / name / "checkpoint-1.pth")
        for part in ("model", "model_ema"):
            assert all(torch.allclose(other[part][key], weights[part][key], atol=1e-5) for key in weights[part])
        logs = [json.loads((tmp_path / run / "log.txt").read_text().splitlines()[0]) for run in ("one", name)]
        assert logs[1] == pytest.approx(logs[0], abs=1e-4)


PROGRAM = [sys.executable, "-c", "from h2a_curation.cli import program; program()"]


def _losses(out: Path):
    return [json.loads(line)["loss"] for line in (out / "steps.jsonl").read_text().splitlines()]


def _in_two_processes(given):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    both = [
        subprocess.Popen(
            [*PROGRAM, *map(str, given)], env={**shared, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--scratch", "vit_x"), "no preset 'vit_x'"),
        (("--preset", "vit_b_k4"), "no preset 'vit_b_k4' for fine-tuning; known: vit_b_k400"),
        (
            ("--preset", "vit_b_k400"),
            "preset vit_b_k400 is for a vit_b of width 768 and depth 12, and micro has width 48",
        ),
        (("--set", "lr=-1"), "learning_rate must be above 0"),
        (("--set", "layer_decay=1.5"), "layer_decay must be above 0 and at most 1"),
        (("--set", "mixupp=1"), "unknown key 'mixupp'; did you mean 'mixup'?"),
        (("--set", "batch_clips=3", "--set", "views=1"), "3 clips with 1 views each are odd in number"),
        (("--set", "image_px=65"), "do not divide into patches"),
        (("--set", "crop_area=[0.9, 0.1]"), "the least comes first"),
        (("--micro-clips", "1", "--set", "views=1"), "mixup pairs clips: --micro-clips 1 is odd"),
        (("--task", "k401"), "is none of k400, ucf101, hmdb51, ssv2, no file, and no version in"),
        (("--data", "nowhere"), "nowhere"),
        (("--val-list", "nowhere.csv"), "nowhere.csv"),
        (("--device", "tpu"), "no device 'tpu'; known: cpu, cuda"),
    ],
)
def test_mistakes_end_in_one_line(h2a_here, listing, tmp_path, options, says):
    done = h2a_here(*command(listing, listing.parent, tmp_path / "out", *options))
    assert done.code == 2, done.err
    assert says in done.err
    assert "Traceback" not in done.err
    assert not list((tmp_path / "out").glob("checkpoint*"))


def test_one_beginning_is_named_and_no_more(h2a_here, listing, tmp_path):
    for begun in ((), ("--scratch", "micro", "--from", "a.pth")):
        done = h2a_here(*command(listing, listing.parent, tmp_path, begun=begun))
        assert (done.code, "give --from CHECKPOINT, or --scratch PRESET" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ({"train.csv": "a.mp4 0\nb.mp4\n"}, "train.csv, line 2: 'b.mp4' is neither"),
        (
            {"train.csv": "a.mp4 0\nb.mp4 1\n", "val.csv": "c.mp4 5\n"},
            "c.mp4 of the list to validate on has label 5, and there are 2",
        ),
        ({"train.csv": "a.mp4 0\na.mp4 1\n"}, "lists a.mp4 with two labels"),
        ({"train.csv": "nowhere.mp4 0\n"}, "none of the 1 videos to learn from is there"),
        ({"train.csv": "a.mp4 0\n", "val.csv": None}, "holds no val.csv or test.csv beside train.csv"),
        ({"train.csv": ""}, "holds no line"),
    ],
)
def test_a_list_that_is_wrong_is_named_with_its_line(h2a_here, listing, tmp_path, lists, says):
    for name, origin in (("a", "train-0-0"), ("b", "train-1-0"), ("c", "val-2-0")):
        shutil.copy(listing.parent / f"{origin}.mp4", tmp_path / f"{name}.mp4")
    for name, text in ({"val.csv": "c.mp4 0\n"} | lists).items():
        if text is not None:
            (tmp_path / name).write_text(text)
    done = h2a_here(*command(tmp_path / "train.csv", tmp_path, tmp_path / "out"))
    assert done.code == 2, done.err
    assert says in done.err


def test_another_benchmarks_list_is_refused(h2a_here, listing, tmp_path):
    for name in ("train.csv", "val.csv"):
        shutil.copy(listing.with_name(name), tmp_path)
    done = h2a_here(*command("hmdb51", tmp_path, tmp_path / "out"))
    assert done.code == 2
    assert "has labels up to 2, and hmdb51 has 51 classes: it is another benchmark's list" in done.err


def test_a_checkpoint_that_is_none_or_does_not_tell_its_heads_is_refused(h2a_here, listing, tmp_path):
    (tmp_path / "none.pth").write_bytes(b"no checkpoint")
    weights = miniature.checkpoint(tmp_path / "odd.pth", 5)
    for source, says in (
        (tmp_path / "none.pth", "is no readable checkpoint"),
        (weights, "the weights do not tell num_heads"),
    ):
        done = h2a_here(*command(listing, listing.parent, tmp_path / "out", begun=("--from", source)))
        assert done.code == 2, done.err
        assert says in done.err
    told = [word for name, number in miniature.TOLD.items() for word in ("--set", f"{name}={number}")]
    done = h2a_here(*command(listing, listing.parent, tmp_path / "out", *told, begun=("--from", weights)))
    assert done.code == 0, done.err
    assert "left fresh (head)" in done.err


def test_a_head_of_more_classes_is_cut_to_those_of_the_task(h2a_here, listing, tmp_path):
    first = h2a_here(*command(listing, listing.parent, tmp_path / "first"))
    assert first.code == 0, first.err
    wide, cut = tmp_path / "wide.pth", tmp_path / "map.json"
    kept = torch.load(tmp_path / "first" / "checkpoint-0.pth", weights_only=True)["model"]
    head = {name: torch.cat([kept[name] * 0 - 1, kept[name]]) for name in ("head.weight", "head.bias")}
    torch.save({"model": {**kept, **head}}, wide)

    def again(numbers, out, *options):
        cut.write_text(json.dumps(numbers))
        begun = ("--from", wide, "--head-map", cut, "--set", "num_frames=4")
        return h2a_here(*command(listing, listing.parent, tmp_path / out, *options, begun=begun))

    done = again([5, 4, 3], "cut", "--set", "lr=1e-9", "--set", "min_lr=1e-9")
    assert done.code == 0, done.err
    assert "left fresh" not in done.err
    learnt = torch.load(tmp_path / "cut" / "checkpoint-0.pth", weights_only=True)["model"]
    assert torch.allclose(learnt["head.bias"], kept["head.bias"].flip(0), atol=1e-6)
    for numbers, says in (([0, 1], "--head-map has 2 classes, and list has 3"), ([0, 1, 6], "its head has 6 classes")):
        refused = again(numbers, "refused")
        assert (refused.code, says in refused.err) == (2, True), refused.err
        assert not (tmp_path / "refused").exists()
    scratch = h2a_here(*command(listing, listing.parent, tmp_path / "refused", "--head-map", cut))
    assert (scratch.code, "it goes with --from" in scratch.err) == (2, True)
