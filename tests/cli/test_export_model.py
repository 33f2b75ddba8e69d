"""Runs as others take them: each form is loaded as a stranger loads it, and is the checkpoint."""

import json
import shutil
import subprocess

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from h2a_curation.videomae.convert import files
from h2a_curation.videomae.convert.fill import classifier_from
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.presets import preset
from h2a_curation.videomae.pretrain.train import pretrain
from tests.cli.test_finetune import command
from tests.videomae.finetune.colours import write_set
from tests.videomae.pretrain.test_train import CPU
from tests.videomae.world import write_lake

FORMS = ["official.pth", "official.safetensors", "transformers"]


@pytest.fixture
def tuned(h2a_here, tmp_path):
    """The folder of a fine-tuning run, whose classes have the names of colours."""
    listing = write_set(tmp_path / "data", train=4, val=2)
    done = h2a_here(*command(listing, listing.parent, tmp_path / "run"))
    assert done.code == 0, done.err
    return tmp_path / "run"


def test_a_fine_tuned_run_in_every_form(h2a_here, tuned, tmp_path):
    out = tmp_path / "model"
    done = h2a_here("export-model", tuned, "--out", out, "--licence", "cc-by-nc-4.0", "--name", "Colours")
    assert (done.code, done.err) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == sorted([*FORMS, "README.md", "run"])
    weights = checkpoint.load(tuned / "checkpoint-0.pth")["model"]
    official = checkpoint.load(out / "official.pth")["model"]
    plain = load_file(out / "official.safetensors")
    assert weights.keys() == official.keys() == plain.keys()
    assert all(torch.equal(weights[key], official[key]) and torch.equal(weights[key], plain[key]) for key in weights)
    clips = torch.randint(0, 256, (2, 4, 64, 64, 3), dtype=torch.uint8)
    of_run, _, _ = classifier_from(tuned / "checkpoint-0.pth")
    for form in FORMS:
        taken, fitting, found = classifier_from(out / form)
        assert not fitting.fresh
        assert torch.equal(taken(clips), of_run(clips))
    assert found.class_names == ["0", "1", "2"]
    assert "README.md, with top-1 on list, val " in done.out


def test_the_card_tells_results_recipe_data_and_limits(h2a_here, tuned, tmp_path):
    out = tmp_path / "model"
    h2a_here("export-model", tuned, "--out", out, "--licence", "cc-by-nc-4.0", "--name", "Colours")
    card = (out / "README.md").read_text()
    head, _, page = card.removeprefix("---\n").partition("---\n")
    assert yaml.safe_load(head)["license"] == "cc-by-nc-4.0"
    tested = json.loads((tuned / "test" / "summary.json").read_text())["splits"]["val"]
    low, high = tested["intervals"]["top1"]
    assert f"| list, val | {tested['num_videos']} | {tested['top1']:.1%} ({low:.1%} to {high:.1%}) |" in page
    settings = json.loads((tuned / "summary.json").read_text())["settings"]
    assert settings["videos"] in page
    for heading in ("# Colours", "## Files", "## Results", "## How it was made", "## Classes", "## Limits"):
        assert f"\n{heading}\n" in page
    assert (tuned / "recipe.yaml").read_text().rstrip() in page
    assert (out / "run" / "log.txt").read_text() == (tuned / "log.txt").read_text()
    assert (out / "run" / "test" / "summary.json").exists()


def test_a_pretrained_run_says_what_was_not_measured(h2a_here, tmp_path):
    write_lake(tmp_path / "lake", ["train"] * 4 + ["val"] * 2)
    pretrain(tmp_path / "lake", "v1", preset("micro"), tmp_path / "run", runtime=CPU)
    done = h2a_here("export-model", tmp_path / "run", "--out", tmp_path / "model", "--licence", "mit")
    assert done.code == 0, done.err
    page = (tmp_path / "model" / "README.md").read_text()
    assert "pre-trained without labels on version v1" in page
    assert "What it is worth for recognising actions was not measured here" in page
    assert "## Classes" not in page
    assert files.read(tmp_path / "model" / "transformers").layout == "huggingface"
    assert "with no result of a test" in done.out


def test_a_class_named_by_somebody_else_says_nothing_to_a_page(h2a_here, tuned, tmp_path, monkeypatch):
    from h2a_curation.jobs import export_model

    monkeypatch.setattr(export_model, "_classes", lambda _run: ["<script>x</script>", "a | b\n# c", "[l](http://x)"])
    assert h2a_here("export-model", tuned, "--out", tmp_path / "model", "--licence", "mit").code == 0
    page = (tmp_path / "model" / "README.md").read_text()
    assert "<script>" not in page
    assert "\n# c" not in page
    assert "[l](" not in page


def test_the_best_epoch_carries_no_result_of_another(h2a_here, tuned, tmp_path):
    done = h2a_here("export-model", tuned, "--out", tmp_path / "model", "--licence", "mit", "--best")
    assert (done.code, done.err) == (0, "")
    assert "checkpoint-best.pth" in done.out
    assert "was not tested" in (tmp_path / "model" / "README.md").read_text()


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda run: shutil.rmtree(run), "it is no folder of a finished run"),
        (lambda run: (run / "summary.json").unlink(), "it is no folder of a finished run"),
        (lambda run: (run / "summary.json").write_text("{"), "is damaged, or of no run of training"),
        (lambda run: (run / "summary.json").write_text("[]"), "is damaged, or of no run of training"),
        (lambda run: (run / "checkpoint-0.pth").unlink(), "is not there: the run's folder is not whole"),
        (lambda run: (run / "checkpoint-0.pth").write_bytes(b"x" * 99), "is no readable checkpoint"),
        (lambda run: _name_outside(run), "no plain file name"),
    ],
)
def test_what_is_no_finished_run_is_one_line_and_leaves_nothing(h2a_here, tuned, tmp_path, break_it, says):
    break_it(tuned)
    done = h2a_here("export-model", tuned, "--out", tmp_path / "model", "--licence", "mit")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert says in done.err
    assert not (tmp_path / "model").exists()
    assert not list(tmp_path.glob(".model*"))


def _name_outside(run):
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, "checkpoint": "../../secret.pth"}))


def test_a_form_that_is_not_given_back_is_found(tuned, tmp_path, monkeypatch):
    from h2a_curation.videomae.convert import export

    def damaged(tensors, target, told):
        save_file({**tensors, "head.bias": tensors["head.bias"] + 1e-6}, target, told)

    monkeypatch.setattr(export, "save_file", damaged)
    tmp_path.joinpath("model").mkdir()
    with pytest.raises(ValueError, match=r"official\.safetensors gives back another head\.bias"):
        export.export_weights(tuned / "checkpoint-0.pth", tmp_path / "model")


def test_a_release_is_an_index_and_sums_that_hold(h2a_here, tuned, tmp_path):
    out = tmp_path / "release"
    done = h2a_here("release", f"first={tuned}", f"second={tuned}", "--out", out, "--licence", "mit")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1].startswith(f"{out}: ")
    assert {path.name for path in out.iterdir()} == {"first", "second", "README.md", "release.json", "SHA256SUMS"}
    checked = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=out, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "")
    listed = {line.partition("  ")[2] for line in (out / "SHA256SUMS").read_text().splitlines()}
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert listed == there - {"SHA256SUMS"}
    facts = json.loads((out / "release.json").read_text())
    assert [(one["name"], one["forms"]) for one in facts] == [("first", FORMS), ("second", FORMS)]
    assert "[first](first/README.md)" in (out / "README.md").read_text()


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        (["{run}"], "write NAME=RUN"),
        (["a={run}", "a={run}"], "each name once"),
        (["../a={run}"], "no plain file name"),
        (["a={run}", "b=no-such"], "no-such holds no summary.json"),
    ],
)
def test_a_release_of_what_is_no_run_leaves_nothing(h2a_here, tuned, tmp_path, runs, says):
    given = [one.format(run=tuned) for one in runs]
    done = h2a_here("release", *given, "--out", tmp_path / "release", "--licence", "mit", cwd=tmp_path)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert says in done.err
    assert not (tmp_path / "release").exists()
