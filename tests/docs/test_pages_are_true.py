"""What the pages name in running text is there: files, names in them, commands, options, targets, modules, numbers."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2a_curation.taxonomy.load import load_classes
from tests.docs.cli_reference import commands
from tests.docs.test_docs import PAGES, ROOT, TARGETS

OF_THE_PAST = {"CHANGELOG.md"}
"""Pages that tell what was, as decisions do: a file named there may be gone."""
FOLDERS = ("bench", "data", "docs", "flows", "h2a_curation", "schemas", "tests", ".ci", ".github")
ROOMS = sorted(path.name for path in (ROOT / "h2a_curation").iterdir() if path.is_dir() and path.name != "__pycache__")
OF_OTHERS = frozenset(
    [
        "--all",
        "--background",
        "--cookies",
        "--cookies-from-browser",
        "--enable-gpl",
        "--extractor-args",
        "--index-url",
        "--js-runtimes",
        "--limit",
        "--nnodes",
        "--nproc-per-node",
        "--param",
        "--pool",
        "--type",
        "--use_cls",
        "--write-info-json",
    ]
)
"""Options of yt-dlp, pip, torchrun, prefect, ffmpeg's build and the official code that our pages name."""


def spans(text: str) -> Iterator[str]:
    """Code in running text, fenced blocks left out: those are run by test_docs."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for span in re.findall(r"`([^`]+)`", prose):
        yield " ".join(span.split())


def missing_file(span: str, page: Path) -> bool:
    """Whether the span names a file of the project, in full or from a room on, that is not there."""
    path, _, name = span.partition(": ")
    path, _, test = path.partition("::")
    first = path.split("/")[0]
    if re.search(r"[\s<>*{}$=()\[\],]", path) or "://" in path:
        return False
    is_module = path.endswith(".py")
    if not is_module and (first not in (*FOLDERS, *ROOMS) or "/" not in path):
        return False
    places = [ROOT / path, ROOT / "h2a_curation" / path, page.parent / path]
    if is_module and "/" not in path:
        places += [*(ROOT / "h2a_curation").rglob(path), *(ROOT / "tests").rglob(path), *(ROOT / "bench").glob(path)]
    found = [place for place in places if place.exists()]
    if not found:
        return True
    wanted = test or (name if re.fullmatch(r"\w+", name) else "")
    return bool(wanted) and not re.search(rf"\b{wanted}\b", found[0].read_text(encoding="utf-8"))


def missing_command(span: str) -> bool:
    """Whether the span is a command, a make target or a module of ours that does not exist, or lacks the option."""
    try:
        words = shlex.split(span)
    except ValueError:
        return False
    if words[:1] == ["make"] and len(words) == 2 and re.fullmatch(r"[a-z-]+", words[1]):
        return words[1] not in TARGETS
    if words[:2] == ["python", "-m"] and len(words) > 2 and words[2].split(".")[0] in FOLDERS:
        return "NAME" not in words[2] and importlib.util.find_spec(words[2]) is None
    if words[:1] != ["h2a"] or len(words) == 1 or not re.fullmatch(r"[a-z]+", words[1]):
        return False
    known = commands()
    groups = {name.split()[1] for name in known if len(name.split()) == 3}
    if words[1] in groups and (len(words) == 2 or not re.fullmatch(r"[a-z]+", words[2])):
        return False
    name = next((" ".join(words[:n]) for n in (3, 2) if " ".join(words[:n]) in known), None)
    if name is None:
        return True
    options = {option for param in known[name].params for option in param.opts}
    return any(word.split("=")[0] not in options for word in words if word.startswith("--"))


def missing_option(span: str) -> bool:
    """Whether the span is an option that no command has."""
    if not re.match(r"--[a-z]", span):
        return False
    options = {option for command in commands().values() for param in command.params for option in param.opts}
    return re.split(r"[ =]", span)[0] not in options | OF_OTHERS | BENCH_OPTIONS


BENCH_OPTIONS = {
    option
    for file in [*(ROOT / "bench").glob("*.py"), *(ROOT / "tests").rglob("*.py")]
    for option in re.findall(r"add_argument\(\s*\"(--[a-z-]+)\"", file.read_text(encoding="utf-8"))
}
LIVE = [
    page
    for page in [*PAGES, *(ROOT / "bench").glob("README.md")]
    if page.name not in OF_THE_PAST and page.parent.name != "decisions"
]


@pytest.mark.parametrize("page", LIVE, ids=lambda p: p.name)
def test_files_commands_and_options_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    wrong = [s for s in spans(text) if missing_file(s, page) or missing_command(s) or missing_option(s)]
    assert not wrong, f"{page.name} names what is not there: {wrong}"


@pytest.mark.parametrize(
    ("span", "is_wrong"),
    [
        ("decide/screen.py", False),
        ("decide/no_such_rule.py", True),
        ("schemas/acquire.py: SETTLED", False),
        ("schemas/acquire.py: UNSETTLED", True),
        ("docs/sql.md", False),
        ("docs/no-such-page.md", True),
        ("no_such_module.py", True),
        ("h2a build --recipe x", False),
        ("h2a build --no-such-option", True),
        ("h2a conquer", True),
        ("h2a classes lint", False),
        ("make test", False),
        ("make coffee", True),
        ("python -m bench.mining --full-scale", False),
        ("python -m bench.no_such_bench", True),
        ("--recipe FILE", False),
        ("--no-such-option", True),
        ("lakes/mine", False),
        ("SELECT 1", False),
    ],
)
def test_what_is_not_there_is_seen(span, is_wrong):
    page = ROOT / "README.md"
    assert (missing_file(span, page) or missing_command(span) or missing_option(span)) == is_wrong


def test_numbers_of_classes_are_those_of_the_files():
    classes = load_classes(None)
    labels = sorted(c.label for c in classes)
    groups = len(list((ROOT / "data" / "classes").glob("*.yaml")))
    assert labels == list(range(len(classes)))
    told = [
        (page.name, int(number))
        for page in LIVE
        for number in re.findall(r"\b(?:all|the|of) (\d{3}) (?:action )?classes", page.read_text(encoding="utf-8"))
    ]
    assert told
    assert [(name, number) for name, number in told if number != len(classes)] == []
    of_groups = [
        int(number) for page in LIVE for number in re.findall(r"in (\d+) groups", page.read_text(encoding="utf-8"))
    ]
    assert of_groups == [groups] * len(of_groups)
