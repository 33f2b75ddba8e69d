"""What every benchmark ends with: a table with ratios, goals that hold or fail, a line of JSON, a record in RESULTS.md.

A number alone says little of another machine; so a figure names the figure of the same run that it is compared with.
"""

import argparse
import json
import operator
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
_COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq}
_RESULTS_HEAD = "# Results of benchmarks\n\nAppended by `python -m bench.NAME --record`; newest last.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number that a benchmark measured."""

    name: str
    value: float
    unit: str
    """`s`, `GiB`, `x`, ... or empty for a share."""
    goal: str = ""
    """Such as `>= 1.3` or `< 60`; empty where there is nothing to hold."""
    baseline: str = ""
    """Name of the figure of the same run by which this one is divided in the table."""

    def __post_init__(self) -> None:
        if self.goal:
            _goal(self.goal)

    @property
    def holds(self) -> bool:
        """Whether the goal is met; true where there is none. A value that is not a number meets none."""
        if not self.goal:
            return True
        compare, limit = _goal(self.goal)
        return bool(_COMPARE[compare](self.value, limit))


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser with what all benchmarks take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON in the last line")
    parser.add_argument("--record", action="store_true", help="append the figures to bench/RESULTS.md")
    return parser


def finish(bench: str, figures: Sequence[Figure], given: argparse.Namespace) -> int:
    """Print, record, and return the exit status: 1 where a goal fails."""
    Console(stderr=given.json).print(as_table(bench, figures))
    if given.record:
        record(ROOT / "bench" / "RESULTS.md", bench, figures)
    if given.json:
        print(as_json(bench, figures))
    return 0 if all(f.holds for f in figures) else 1


def as_table(bench: str, figures: Sequence[Figure]) -> Table:
    """One row a figure, with its ratio to the baseline that it names."""
    values = {f.name: f.value for f in figures}
    table = Table(title=f"bench {bench}")
    for column in ("figure", "value", "ratio", "goal", ""):
        table.add_column(column, justify="right" if column in ("value", "ratio") else "left")
    for f in figures:
        ratio = f"{f.value / values[f.baseline]:.2f} x {f.baseline}" if f.baseline else ""
        outcome = "" if not f.goal else "[green]holds[/]" if f.holds else "[red]FAILS[/]"
        table.add_row(f.name, f"{f.value:,.4g} {f.unit}".rstrip(), ratio, f.goal, outcome)
    return table


def as_json(bench: str, figures: Sequence[Figure]) -> str:
    """One line: {"bench": NAME, "figures": {NAME: {"value", "unit", "goal", "holds"}}}."""
    content = {f.name: {"value": f.value, "unit": f.unit, "goal": f.goal, "holds": f.holds} for f in figures}
    return json.dumps({"bench": bench, "figures": content})


def record(file: Path, bench: str, figures: Sequence[Figure]) -> None:
    """Append date, machine, commit, command and figures to the ledger."""
    values = {f.name: f.value for f in figures}
    lines = [
        f"\n## {bench}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n",
        f"{_machine()}; commit {_commit()}; `{_command()}`\n",
        "| figure | value | ratio | goal | |",
        "|---|---|---|---|---|",
    ]
    for f in figures:
        ratio = f"{f.value / values[f.baseline]:.2f} x {f.baseline}" if f.baseline else ""
        outcome = "" if not f.goal else "holds" if f.holds else "FAILS"
        lines.append(f"| {f.name} | {f.value:.4g} {f.unit} | {ratio} | {f.goal} | {outcome} |")
    head = "" if file.exists() else _RESULTS_HEAD
    with file.open("a") as results:
        results.write(head + "\n".join(lines) + "\n")


def _goal(text: str) -> tuple[str, float]:
    match = re.fullmatch(r"(>=|<=|==|>|<) *(-?\d+(?:\.\d+)?)", text)
    if not match:
        raise ValueError(f"a goal is a comparison and a number, such as '>= 1.3', not '{text}'")
    return match[1], float(match[2])


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else []
    name = models[0] if models else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _commit() -> str:
    """Of the tree at hand; a tree with changes says so, since its figures cannot be had again from the commit."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True).stdout
    return (head.stdout.strip() or "none") + (" with changes" if changed.strip() else "")


def _command() -> str:
    spec = sys.modules["__main__"].__spec__
    return shlex.join(["python", "-m", spec.name if spec else Path(sys.argv[0]).stem, *sys.argv[1:]])
