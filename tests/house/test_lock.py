"""requirements.lock has a hash for every file of what the project installs, in the versions that were tested."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from scripts.lock import CPU_BUILDS, LOCK, TREE, locked

ENTRY = re.compile(r"^([\w.-]+)==([^\s;]+)(.*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


@pytest.fixture(scope="module")
def entries():
    text = (TREE / LOCK).read_text(encoding="utf-8")
    found = {canonicalize_name(name): (version, rest) for name, version, rest in ENTRY.findall(text)}
    assert len(found) == len(re.findall(r"^\S+==", text, re.MULTILINE)), "each entry has a hash"
    return found


def test_the_lock_has_the_versions_that_were_tested(entries):
    text = (TREE / "constraints.txt").read_text(encoding="utf-8")
    pinned = {canonicalize_name(name): version for name, version in re.findall(r"(?m)^([\w.-]+)==(\S+)$", text)}
    both = entries.keys() & pinned.keys()
    assert len(both) > 150
    assert {name: entries[name][0] for name in both} == {name: pinned[name] for name in both}


def test_all_that_the_project_asks_for_is_locked(entries):
    project = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    for requirement in map(Requirement, asked):
        version, _ = entries[canonicalize_name(requirement.name)]
        assert Version(version) in requirement.specifier, f"{requirement} is newer than the lock: make lock"


def test_builds_for_processors_are_listed_beside_those_of_the_index(entries):
    [(torch, digests)] = CPU_BUILDS.items()
    version, hashes = entries["torch"]
    assert torch == f"torch=={version}"
    assert all(digest in hashes for digest in digests)
    assert hashes.count("--hash") > len(digests)
    with pytest.raises(ValueError, match="CPU builds"):
        locked("torch==9.9.9 \\\n    --hash=sha256:00\n")
