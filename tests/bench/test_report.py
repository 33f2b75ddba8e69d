import argparse
import json

import pytest
from rich.console import Console

from bench import report
from bench.report import Figure

FIGURES = [
    Figure(name="plain_s", value=2.0, unit="s"),
    Figure(name="ours_s", value=1.0, unit="s", goal="< 1.5", baseline="plain_s"),
]


@pytest.mark.parametrize(
    ("goal", "value", "holds"),
    [
        ("", 0.0, True),
        (">= 1.3", 1.3, True),
        (">= 1.3", 1.29, False),
        ("< 60", 60.0, False),
        ("<= 60", 60.0, True),
        ("> 0", 0.0, False),
        ("== 3", 3.0, True),
        ("< 60", float("nan"), False),
        (">= -1", -0.5, True),
    ],
)
def test_a_goal_holds_or_fails(goal, value, holds):
    assert Figure(name="n", value=value, unit="x", goal=goal).holds is holds


@pytest.mark.parametrize("goal", ["fast", "1.3", "=> 1", ">= 1 s"])
def test_a_goal_that_cannot_be_read_is_refused(goal):
    with pytest.raises(ValueError, match="a goal is a comparison and a number"):
        Figure(name="n", value=1.0, unit="x", goal=goal)


def test_the_last_line_is_json(capsys):
    assert report.finish("b", FIGURES, argparse.Namespace(json=True, record=False)) == 0
    content = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert content["bench"] == "b"
    assert content["figures"]["ours_s"] == {"value": 1.0, "unit": "s", "goal": "< 1.5", "holds": True}


def test_a_missed_goal_is_exit_status_1(capsys):
    missed = [*FIGURES, Figure(name="recall", value=0.5, unit="", goal=">= 0.8")]
    assert report.finish("b", missed, argparse.Namespace(json=False, record=False)) == 1
    assert "FAILS" in capsys.readouterr().out


def test_the_table_shows_ratios_to_the_baseline():
    console = Console(width=120, record=True)
    console.print(report.as_table("b", FIGURES))
    assert "0.50 x plain_s" in console.export_text()


def test_records_are_appended(tmp_path):
    ledger = tmp_path / "RESULTS.md"
    report.record(ledger, "first", FIGURES)
    report.record(ledger, "second", FIGURES)
    text = ledger.read_text()
    assert text.count("# Results of benchmarks") == 1
    assert text.index("## first, ") < text.index("## second, ")
    assert "| ours_s | 1 s | 0.50 x plain_s | < 1.5 | holds |" in text
    assert "commit " in text
