"""Every slow test has a target of make, and CI calls the targets."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
TARGETS = {
    name: line.partition(" -m slow ")[2].split()
    for name, line in re.findall(r"^(\w+): \.venv/\.dev.*\n\t(.* -m slow .*)$", MAKEFILE, re.MULTILINE)
}
"""By target, the folders and files of tests of which it runs the slow ones, and pytest's options."""
NOT_IN_CI = {"field", "fuzz"}
SLOW = sorted(
    file.relative_to(ROOT).as_posix()
    for file in (ROOT / "tests").rglob("test_*.py")
    if re.search(r"(?<!`)\bpytest\.mark\.slow\b", file.read_text(encoding="utf-8")) and file != Path(__file__)
)


@pytest.mark.parametrize("file", SLOW)
def test_a_slow_test_has_a_target(file):
    assert any(file == path or file.startswith(f"{path}/") for paths in TARGETS.values() for path in paths)


def test_ci_calls_every_target_of_slow_tests():
    called = set(re.findall(r"^make (\S+)$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE))
    assert len(TARGETS) > 3
    assert TARGETS.keys() - called == NOT_IN_CI
