"""`make new-source` in a copy of the tree: what it writes is clean, says what to fill in, and works when it is."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import new_source

ROOT = Path(__file__).parents[2]
NAME = "clip_site"
FILLED = """
    import json

    from tests.loopback import Answer
    from tests.sources.platform import JSON

    def page(start, posts):
        said = {"caption": "leg day #Squat", "creator": CREATOR}
        items = [said | {"id": str(i), "url": f"{through(site.url)}/media/{i}.mp4"} for i in posts]
        body = json.dumps({"posts": items, "more": start + 10 < NUM_POSTS and bool(posts)}).encode()
        return lambda _: Answer(body=body, headers=JSON)

    for start in range(0, NUM_POSTS, 10):
        listed = range(start, min(start + 10, NUM_POSTS))
        site.answers[f"/search?tag=squat&start={start}&count=10"] = page(start, listed)
    site.answers["/search?tag=surfing&start=0&count=10"] = page(0, [])
"""
"""What somebody writes into the case in place of the line that fails: the site as the skeleton knows it."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    copy = tmp_path_factory.mktemp("tree")
    for folder in ("h2a_curation", "schemas", "tests", "yt_dlp_plugins", "data", "scripts"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "Makefile"):
        shutil.copy(ROOT / file, copy)
    return copy


def run(tree, *command):
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def begun(tree):
    before = {file: file.read_bytes() for file in tree.rglob("*.py")}
    code, said = run(tree, "scripts/new_source.py", NAME)
    assert code == 0, said
    return [file.relative_to(tree) for file in tree.rglob("*.py") if before.get(file) != file.read_bytes()]


def contract(tree, *more):
    tests = ("tests/sources/test_contract.py", "tests/sources/test_hostile.py")
    return run(tree, "-m", "pytest", "-p", "no:cacheprovider", "-k", NAME, *more, *tests)


def test_a_source_touches_three_files(begun):
    assert {str(file) for file in begun} == {
        f"h2a_curation/sources/{NAME}.py", "h2a_curation/sources/registry.py", f"tests/sources/cases/{NAME}.py",
    }  # fmt: skip


@pytest.mark.slow
def test_what_is_written_is_clean(tree, begun):
    for check in (["ruff", "check"], ["ruff", "format", "--check"]):
        code, said = run(tree, "-m", *check, *map(str, begun))
        assert code == 0, said
    product = [str(file) for file in begun if file.parts[0] == "h2a_curation"]
    code, said = run(tree, "-m", "mypy", "--strict", "--cache-dir", str(tree / ".mypy_cache"), *product)
    assert code == 0, said


def test_a_recipe_may_name_it(tree, begun):
    load = f"from h2a_curation.sources import make_source; print(make_source({NAME!r}, {{'page_size': 7}}).name)"
    assert run(tree, "-c", load) == (0, f"{NAME}\n")


@pytest.mark.slow
def test_its_contract_fails_until_it_is_filled_in_and_then_holds(tree, begun):
    code, said = contract(tree, "-x")
    assert code == 1
    assert f"fill in tests/sources/cases/{NAME}.py: let `site` list 23 posts" in said
    case = tree / "tests" / "sources" / "cases" / f"{NAME}.py"
    case.write_text(case.read_text().replace("    pytest.fail(TO_FILL_IN, pytrace=False)\n", FILLED))
    code, said = contract(tree)
    assert code == 0, said
    [num_passed] = re.findall(r"(\d+) passed", said)
    assert int(num_passed) > 30, "promises of the interface, and faults"
    assert "skipped" not in said


def test_a_kind_without_a_case_fails_the_contract(tree, begun):
    case = tree / "tests" / "sources" / "cases" / f"{NAME}.py"
    kept = case.read_text()
    case.unlink()
    try:
        code, said = run(
            tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "has_a_case", "tests/sources/test_contract.py"
        )
    finally:
        case.write_text(kept)
    assert code == 1
    assert "write tests/sources/cases/<kind>.py" in said


@pytest.mark.parametrize("name", ["", "Clip", "7up", "a-b", "../x", "class", "x_"])
def test_a_name_that_cannot_be_is_refused(tree, name):
    with pytest.raises(ValueError, match="cannot name a module"):
        new_source.begin(name, tree)


@pytest.mark.parametrize("name", ["ytdlp", "table", "registry", "tiktok_research"])
def test_a_name_that_is_taken_is_refused(tree, name):
    before = (tree / "h2a_curation/sources/registry.py").read_bytes()
    with pytest.raises(ValueError, match="is there: choose another name"):
        new_source.begin(name, tree)
    assert (tree / "h2a_curation/sources/registry.py").read_bytes() == before
