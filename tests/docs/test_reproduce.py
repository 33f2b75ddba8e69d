"""The page that says how to make the paper's table: its hours are those of `h2a plan`."""

import json
import re
import shlex

import pytest

from tests.docs.test_docs import ROOT, lines

PAGE = (ROOT / "docs" / "reproduce.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (.+?) \| `(--.+?)` \| *(.*?) *\| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
ROWS = ROW.findall(PAGE)


def test_the_page_has_its_commands_and_rows():
    assert sum(line.id.startswith("reproduce.md") for line in lines("h2a")) > 10
    assert len(ROWS) == 9
    assert len(ROWS) == PAGE.count("| `--")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_hours_and_memory_are_those_of_the_plan(h2a_here, row):
    _, options, gib, hours, hours_of_24, cores = row

    def planned(*more):
        done = h2a_here("plan", *shlex.split(options), "--gpus", "8", "--gpu", "h100", *more, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    alone, with_24 = planned(), planned("--cores", "24")
    assert f"{alone['hours']:.1f}" == hours
    assert f"{with_24['hours']:.1f}" == hours_of_24
    assert str(alone["needed_cores"]) == cores
    if gib.strip():
        chosen = alone["chosen"]
        assert f"{(chosen['state_bytes'] + chosen['micro_clips'] * chosen['clip_bytes']) / 2**30:.0f}" == gib


def test_the_sum_of_hours_is_that_of_its_rows():
    def hours(name):
        return sum(float(row[4]) for row in ROWS if name in row[0] and "ViT-g" in row[0])

    once, per_split = hours("pretraining") + hours("Kinetics-400") + hours("Something"), hours("one split")
    [said] = re.findall(r"is about (\d+) hours", PAGE)
    assert abs(once + 3 * per_split - int(said)) < 1
