from pathlib import Path

import pytest
import torch

from bench import golden, plain_golden, pretrain_step

FOLDER = Path(__file__).parents[3] / "shared" / "golden"


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.skipif(not FOLDER.exists(), reason="../shared/golden is not here")
def test_the_plain_reference_is_the_official_model(capsys):
    assert plain_golden.report(FOLDER)
    lines = capsys.readouterr().out.splitlines()
    expected = [n for n in golden.files(FOLDER) if n.startswith(("pretrain_", "train_traj_")) and "groups" not in n]
    assert len(lines) == len(expected) == 7


def test_both_sides_take_the_same_steps():
    plain, ours = pretrain_step.plain("micro"), pretrain_step.ours("micro", "float32")
    losses = [(plain(), ours()) for _ in range(4)]
    assert losses[3] < losses[0]
    assert all(a == pytest.approx(b, rel=1e-5) for a, b in losses)


def test_each_side_is_measured_in_a_process_of_its_own():
    figures = {f.name: f for f in pretrain_step.on_cpu("micro", rounds=1)}
    assert figures["float32_loss_apart"].holds
    assert figures["bfloat16_loss_apart"].holds
    assert 0 < figures["float32_gib"].value < 2
    assert figures["plain_s"].value > 0
