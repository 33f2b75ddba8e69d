import argparse
import subprocess

import numpy as np
import pytest
import torch
from torch import nn

from h2a_curation.videomae.loop import checkpoint


def test_a_failing_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint-0.pth"
    checkpoint.save(path, {"step": 1})

    def full(state, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(path, {"step": 2})
    assert checkpoint.load(path) == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint-0.pth"]


def test_official_extras_are_read(tmp_path):
    path = tmp_path / "official.pth"
    torch.save({"args": argparse.Namespace(lr=0.1), "lr": np.float64(0.5)}, path)
    assert checkpoint.load(path) == {"args": argparse.Namespace(lr=0.1), "lr": 0.5}


class Bomb:
    def __reduce__(self):
        return subprocess.check_output, (["true"],)


@pytest.mark.parametrize(
    "write", [lambda f: torch.save(Bomb(), f), lambda f: f.write_bytes(b"no checkpoint at all"), lambda f: f.touch()]
)
def test_code_and_damage_are_refused(tmp_path, write):
    path = tmp_path / "x.pth"
    write(path)
    with pytest.raises(ValueError, match="no readable checkpoint"):
        checkpoint.load(path)


@pytest.mark.parametrize("wrap", [lambda t: t, lambda t: {"model": t}, lambda t: {"module": t}])
@pytest.mark.parametrize("prefix", ["", "_orig_mod."])
def test_all_official_wrappings_of_weights(wrap, prefix):
    assert checkpoint.weights(wrap({f"{prefix}bias": torch.zeros(2)})).keys() == {"bias"}


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({"weight": torch.zeros(3, 2)}, "lacks bias"),
        ({"weight": torch.zeros(3, 2), "bias": torch.zeros(4)}, "has another size of bias"),
        ({"weight": torch.zeros(3, 2), "bias": torch.zeros(3), "more": torch.zeros(1)}, "has besides more"),
    ],
)
def test_weights_of_another_model_are_refused(tensors, says):
    with pytest.raises(ValueError, match=f"f.pth is of another model: it {says}"):
        checkpoint.fill(nn.Linear(2, 3), tensors, "f.pth")


@pytest.mark.parametrize(
    ("names", "newest"),
    [
        ([], None),
        (["checkpoint-9.pth", "checkpoint-19.pth", "checkpoint-best.pth"], "checkpoint-19.pth"),
        (["checkpoint-9.pth", "checkpoint-last.pth", "notes.txt"], "checkpoint-last.pth"),
    ],
)
def test_the_newest(tmp_path, names, newest):
    for name in names:
        (tmp_path / name).touch()
    found = checkpoint.newest(tmp_path)
    assert (found and found.name) == newest
