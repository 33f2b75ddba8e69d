"""The tutorial is what `make paper-miniature` runs, and its commands do what it says."""

import json
import re
import shlex

import pytest

from tests.docs.test_docs import ROOT

PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^h2a .*$", PAGE, re.MULTILINE)
MADE = "build/miniature"
LESS = {
    "finetune": ("--set", "epochs=2", "--set", "warmup_epochs=1"),
    "experiment": (
        "--arms", "curated,scratch", "--seeds", "1", "--labels", "1", "--set", "steps=4",
        "--finetune-set", "epochs=2", "--finetune-set", "warmup_epochs=1",
    ),
}  # fmt: skip
"""What is added to a command so that it takes seconds."""


def test_the_target_runs_the_commands_of_the_page():
    [recipe] = re.findall(r"^paper-miniature:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    in_target = [" ".join(line.split()) for line in recipe.replace("\\\n", " ").replace("$(BIN)/", "").splitlines()]
    assert in_target == COMMANDS


@pytest.mark.slow
def test_its_commands_run_one_after_the_other(h2a_here, mini, tmp_path):
    done = []
    for line in COMMANDS:
        if line.startswith("h2a quickstart"):
            continue  # this is what `mini` is
        placed = line.replace(f"{MADE}/quickstart", str(mini)).replace(MADE, str(tmp_path))
        words = shlex.split(placed)[1:]
        ended = h2a_here(*words, *LESS.get(words[0], ()))
        assert ended.code == 0, ended.err
        done.append(words[0])
    assert done == ["sql", "finetune", "finetune", "experiment", "export-model"]
    for name in ("finetuned", "scratch"):
        assert json.loads((tmp_path / name / "test" / "summary.json").read_text())
        assert (tmp_path / name / "test" / "evaluation.html").is_file()
    assert (tmp_path / "experiment" / "experiment.html").is_file()
    assert "top-1" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
