import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from h2a_curation.models import weights

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| ([A-Za-z0-9_.-]+)(?: ([0-9][\w.]*))?(?: \([^|]*\))? \|", PAGE, re.MULTILINE))
"""Version, or nothing, by package."""


def direct_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    return [re.fullmatch(r"([\w.-]+)(?:\[[^]]*\])?(?:==([\w.]+))?.*", line).groups() for line in lines]


@pytest.mark.parametrize(("package", "pin"), direct_dependencies())
def test_every_direct_dependency_is_listed_at_its_pin(package, pin):
    assert package in ROWS, f"add {package} to docs/licences.md: its licence, and what its wheel carries"
    assert not pin or ROWS[package] == pin, f"look at {package} {pin} again, and at docs/licences.md"


@pytest.mark.parametrize("model", weights.ALL, ids=lambda model: model.file)
def test_every_fetched_model_is_listed(model):
    assert f"`{model.file}` of {model.package} {model.version}" in PAGE


def test_nothing_is_listed_that_is_gone():
    assert set(ROWS) - {"package", "webdataset"} <= {package for package, _ in direct_dependencies()}
