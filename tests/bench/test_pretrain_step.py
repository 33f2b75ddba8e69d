from functools import partial
from pathlib import Path

import pytest
import torch

from bench import golden, plain_golden, pretrain_step
from bench.sides import Side

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


def test_a_side_is_measured_in_a_process_of_its_own():
    side = Side(partial(pretrain_step.ours, "micro", "float32"), threads=1)
    taken = [side.step() for _ in range(2)]
    end = side.end()
    assert taken[0].loss > 0
    assert taken[0].seconds > 0
    assert 0 < end.peak_gib < 2
    assert end.matmul_flops_per_s > 0
