"""The walls that ARCHITECTURE.md draws are there: an import through each of them is planted in a copy, and caught."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PLANTED = [
    ("h2a_curation/audit/score.py", "duckdb"),
    ("h2a_curation/taxonomy/lint.py", "open_clip"),
    ("h2a_curation/sources/base.py", "torch"),
    ("h2a_curation/decide/screen.py", "h2a_curation.taxonomy.model"),
    ("h2a_curation/pipeline/build.py", "prefect"),
    ("h2a_curation/catalog/views.py", "av"),
    ("h2a_curation/measure/hash.py", "h2a_curation.catalog.views"),
    ("h2a_curation/explain/trace.py", "h2a_curation.pipeline.build"),
    ("h2a_curation/explain/funnel.py", "h2a_curation.lake.parts"),
    ("h2a_curation/videomae/loop/schedule.py", "h2a_curation.videomae.pretrain.task"),
    ("h2a_curation/audit/sheet.py", "h2a_curation.sample_world.world.truth"),
    ("h2a_curation/mining/arms.py", "logging"),
    ("schemas/table.py", "h2a_curation.recipes"),
]
"""A file, and a module that it must not import: one for each wall."""


def checked(tree: Path) -> subprocess.CompletedProcess[str]:
    """What the import check says of a tree."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "400"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    tree = tmp_path_factory.mktemp("house")
    for package in ("flows", "h2a_curation", "schemas"):
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


@pytest.fixture(scope="module")
def said(copy) -> str:
    """What the check says of a copy with all the imports planted."""
    for file, module in PLANTED:
        with (copy / file).open("a") as module_file:
            module_file.write(f"\nimport {module}\n")
    (copy / "h2a_curation" / "new_room.py").write_text('"""A module that stands on no floor."""\n')
    done = checked(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    return " ".join(done.stdout.split())


def test_the_house_as_it_is_breaks_no_contract():
    done = checked(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("file", "module"), PLANTED)
def test_an_import_through_a_wall_is_caught(said, file, module):
    importer = file.removesuffix(".py").replace("/", ".")
    assert re.search(rf"{re.escape(f'{importer} -> {module}')}\b", said)


def test_a_module_on_no_floor_is_caught(said):
    assert "h2a_curation.new_room" in said


def test_a_room_is_a_folder_and_there_are_at_most_26():
    rooms = [path for path in (ROOT / "h2a_curation").iterdir() if path.is_dir() and path.name != "__pycache__"]
    loose = {path.name for path in (ROOT / "h2a_curation").glob("*.py")} - {"__init__.py", "recipes.py"}
    assert len(rooms) <= 26
    assert not loose, f"loose modules: {sorted(loose)}"
