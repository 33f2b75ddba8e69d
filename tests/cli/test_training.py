"""`h2a convert` and `h2a plan` as a user runs them."""

import json

import pytest
import torch

from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
from h2a_curation.videomae.presets import preset


@pytest.fixture
def micro(tmp_path):
    path = tmp_path / "checkpoint-19.pth"
    torch.save({"model": MaskedAutoencoder(preset("micro").model).state_dict(), "optimizer": {}}, path)
    return path


def test_convert_says_what_it_read_and_wrote(h2a_here, micro, tmp_path):
    ran = h2a_here("convert", micro, tmp_path / "hf")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == f"read {micro}: official pretraining"
    assert "VideoMAEForPreTraining, width 48, depth 2, num_heads 2, decoder_num_heads 1, image_px 64" in ran.out
    assert ran.out.splitlines()[-1] == "left out optimizer"
    assert h2a_here("convert", tmp_path / "hf", tmp_path / "encoder.pth", "--encoder").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["convert", "no-such.pth", "hf"], "no-such.pth"),
        (["convert", "{micro}", "hf", "--set", "heads=3"], "--set heads=3: write FIELD=NUMBER"),
        (["convert", "{micro}", "hf", "--set", "num_heads=5"], "5 heads do not divide a width of 48"),
        (["convert", "{micro}", "{micro}"], "already there"),
        (["plan", "--preset", "vit_x"], "no preset 'vit_x'; known: "),
        (["plan", "--preset", "vit_g", "--gpu", "tpu"], "no GPU 'tpu'; known: a10, "),
        (["plan", "--preset", "vit_g", "--gpus", "60"], "cannot be divided among 60 devices"),
    ],
)
def test_mistakes_end_in_one_line(h2a_here, micro, tmp_path, arguments, words):
    ran = h2a_here(*(a.format(micro=micro) for a in arguments), cwd=tmp_path)
    assert ran.code in (1, 2)
    assert (ran.out, ran.err.count("\n")) == ("", 1)
    assert words in ran.err


def test_plan_as_a_table_and_as_json(h2a_here):
    ran = h2a_here("plan", "--preset", "vit_g", "--gpus", 64, "--price-per-hour", 2)
    assert (ran.code, ran.err) == (0, "")
    assert "steps              41,400, of which 138 make an epoch" in ran.out
    assert "options            --parallel ddp --micro-clips 32" in ran.out
    made = json.loads(h2a_here("plan", "--preset", "vit_g", "--gpus", 64, "--json").out)
    assert (made["num_parameters"], made["chosen"]["parallel"], made["cost"]) == (1_026_306_560, "ddp", None)


def test_an_evaluation_on_paper(h2a_here):
    ran = h2a_here("plan", "--preset", "vit_g", "--task", "k400", "--cores", 1, "--price-per-hour", 2)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("vit_g on k400, 8 x h100, bfloat16\nvideos             20,000 of 15 views each\n")
    assert "all views of a video fit at once" in ran.out
    made = json.loads(h2a_here("plan", "--preset", "vit_b", "--task", "ssv2", "--videos", 100, "--json").out)
    assert (made["num_videos"], made["num_views"], made["task"]) == (100, 6, "ssv2")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--task", "sports1m"], "no plan for --task sports1m; known: k400, ucf101, hmdb51, ssv2"),
        (["--task", "k400", "--videos", "0"], "the number of videos must be at least 1"),
        (["--videos", "5"], "--videos goes with --task: pretraining counts --clips"),
    ],
)
def test_what_is_no_evaluation_is_refused_in_a_line(h2a_here, options, says):
    ran = h2a_here("plan", "--preset", "vit_b", *options)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert says in ran.err
