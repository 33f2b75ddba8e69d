"""CONTRIBUTING's "A rule" and "A signal", followed to the letter in a copy of the tree.

With all steps the tests that the section names go from red to green; without any one of them, one of these tests fails.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COPIED, LINKED = ("h2a_curation", "schemas", "tests", "docs"), ("data", "pyproject.toml")
MADE = {
    "docs": ("tests.docs.recipe_page",),  # the line of `make docs` that either change needs
    "golden": ("tests.measure.goldens", "signal brightness"),
}


@dataclass(frozen=True)
class Hunk:
    """A place of a file as the section shows it: the lines that are there, and those that shall be."""

    file: str
    before: str
    after: str

    def without(self, text: str) -> "Hunk":
        """The same, but that the last of these words was forgotten."""
        kept, found, rest = self.after.rpartition(text)
        assert found
        return replace(self, after=kept + rest)


def section(title: str) -> str:
    return re.search(rf"^## {title}\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)[1]


def hunks(title: str) -> list[Hunk]:
    """The places of the section's diff, in its order."""
    [diff] = re.findall(r"^```diff\n(.*?)^```", section(title), re.MULTILINE | re.DOTALL)
    found = []
    for of_file in re.split(r"^\+\+\+ ", diff, flags=re.MULTILINE)[1:]:
        file, _, rest = of_file.partition("\n")
        for place in re.split(r"^@@ .*\n", rest, flags=re.MULTILINE)[1:]:
            lines = place.splitlines()
            assert all(line[:1] in (" ", "+") for line in lines), f"neither there nor new: {lines}"
            before = "\n".join(line[1:] for line in lines if line.startswith(" "))
            found.append(Hunk(file, before, "\n".join(line[1:] for line in lines)))
    return found


def named_tests(title: str) -> list[str]:
    """The files of tests that the section names."""
    [line] = re.findall(r"^pytest (.*)$", section(title), re.MULTILINE)
    return shlex.split(line)


LIMIT, RULE, ROW = hunks("A rule")
MEASURE, LINE, TEST = hunks("A signal")
SCREEN, RULES, SENSE, GOLDENS, RECIPE_PAGE = (
    f"tests/{name}.py"
    for name in (
        "decide/test_screen",
        "decide/test_rules",
        "measure/test_sense",
        "measure/test_goldens",
        "docs/test_recipe_page",
    )
)
CHOSEN = (
    "post_rule or row_in_its_table or says_what_it_blames or fingerprint or brightness or goldens_are_of or recipe_page"
    " or (test_sense and not real)"
)
"""Those of the named tests that the changes can touch: the others decode videos and decide on lakes, for minutes."""


@dataclass(frozen=True)
class Followed:
    """A rule and a signal, with or without some of their steps: one tree serves both, since a process takes seconds."""

    steps: tuple[Hunk, ...]
    made: tuple[str, ...] = ()
    caught: tuple[tuple[str, str], ...] = ()
    """File and name of the tests that must fail, one or more for each step that is left out; empty: all are green."""


FOLLOWED = {
    "all steps": Followed((LIMIT, RULE, ROW, MEASURE, LINE, TEST), ("golden", "docs")),
    "the tests first": Followed(
        (ROW, TEST), (), ((SCREEN, "first_failing_post_rule_is_the_reason"), (SENSE, "brightness_is_a_mean"))
    ),
    "no limit; no line of the signal": Followed(
        (RULE, ROW, MEASURE, TEST),
        (),
        ((SCREEN, "first_failing_post_rule_is_the_reason"), (SENSE, "brightness_is_a_mean")),
    ),
    "no rule for the limit; no golden": Followed(
        (LIMIT, ROW, MEASURE, LINE, TEST),
        ("docs",),
        ((RECIPE_PAGE, "every_limit_gives_a_reason"), (SCREEN, "row_in_its_table"), (GOLDENS, "the_goldens_are_of")),
    ),
    "no LATER, unit, blame or row; no docs": Followed(
        (LIMIT.without(', metadata=LATER | unit("words")'), RULE.without(', blames="spam"'), MEASURE, LINE, TEST),
        ("golden",),
        (
            (RULES, "fingerprint"),
            (RECIPE_PAGE, "has_a_unit"),
            (SCREEN, "says_what_it_blames"),
            (SCREEN, "row_in_its_table"),
            (RECIPE_PAGE, "the_recipe_page_is_the_dataclasses"),
            (RECIPE_PAGE, "signals_of_the_sql_page"),
        ),
    ),
}


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def follow(folder: Path, followed: Followed) -> subprocess.CompletedProcess[str]:
    """Make the steps in a copy of the tree, and run the tests there."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    for step in followed.steps:
        file = folder / step.file
        text = file.read_text(encoding="utf-8")
        assert text.count(step.before) == 1, f"not once in {step.file}:\n{step.before}"
        file.write_text(text.replace(step.before, step.after), encoding="utf-8")
    for made in followed.made:
        done = python(folder, "-m", *MADE[made])
        assert done.returncode == 0, done.stdout + done.stderr
    files = dict.fromkeys([*named_tests("A rule"), *named_tests("A signal")])
    return python(folder, "-m", "pytest", *files, "-k", CHOSEN, "-q", "-p", "no:cacheprovider")


IN_MAKE_TEST = "all steps"
"""The others are in `make pages`: each is a process of its own that imports everything."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == IN_MAKE_TEST else pytest.mark.slow) for name in FOLLOWED]
)
def test_a_change_is_green_with_all_of_its_steps_and_red_without_any_one(tmp_path, name):
    ended, caught = follow(tmp_path / "tree", FOLLOWED[name]), FOLLOWED[name].caught
    assert ended.returncode == (1 if caught else 0), ended.stdout + ended.stderr
    for file, test in caught:
        assert re.search(rf"^FAILED {file}::\w*{test}", ended.stdout, re.MULTILINE), ended.stdout


@pytest.mark.parametrize("title", ["A rule", "A signal"])
def test_every_file_of_tests_that_a_section_names_catches_something(title):
    catching = {file for followed in FOLLOWED.values() for file, _ in followed.caught}
    assert {*named_tests(title)} <= catching


def test_what_the_sections_make_is_what_make_docs_makes():
    target = re.search(r"^docs:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert f"python -m {MADE['docs'][0]}\n" in target
    assert f'python -m {MADE["golden"][0]} "signal NAME"' in section("A signal")
