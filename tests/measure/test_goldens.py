"""What is measured today is what rows in lakes were measured with, or it has another version."""

import dataclasses
import json
import shutil

import pytest

from h2a_curation.measure import sense
from tests.measure import goldens
from tests.measure.goldens import MEASURED, as_json, complaint, difference

BLACK = MEASURED["signal black"]


@pytest.mark.parametrize("name", MEASURED)
def test_what_is_measured_changes_only_with_its_version(name, tmp_path):
    measured = MEASURED[name]
    output = as_json(measured.output(tmp_path))
    assert complaint(name, measured, goldens.load().get(name), output, measured.programs()) == ""


def test_the_goldens_are_of_what_is_measured_and_of_nothing_else():
    assert goldens.load().keys() == MEASURED.keys()
    assert {f"signal {signal.name}" for signal in sense.SIGNALS} <= MEASURED.keys()


@pytest.mark.parametrize(
    ("golden", "output", "programs", "says"),
    [
        ({"version": 1, "programs": "av-1", "output": {"x": 0.5}}, {"x": 0.5}, "av-1", ""),
        ({"version": 1, "programs": "av-1", "output": {"x": 0.5}}, {"x": 0.5}, "av-2", ""),
        ({"version": 1, "programs": "av-1", "output": {"x": 0.5}}, {"x": 0.6}, "av-1", "raise h2a_curation/measure/s"),
        ({"version": 1, "programs": "av-1", "output": {"x": 0.5}}, {"x": 0.6}, "av-2", "Programs differ"),
        ({"version": 2, "programs": "av-1", "output": {"x": 0.5}}, {"x": 0.5}, "av-1", "is version 1"),
        (None, {}, "", "no golden output yet"),
    ],
)
def test_a_complaint_says_whether_to_raise_a_version_or_to_write_a_golden(golden, output, programs, says):
    said = complaint("black", BLACK, golden, output, programs)
    assert says in said
    assert bool(said) == bool(says)
    assert not says or goldens.COMMAND in said


@pytest.mark.parametrize(
    ("golden", "output", "differs"),
    [
        ({"a": [1, 0.5]}, {"a": [1, 0.50004]}, False),
        ({"a": [1, 0.5]}, {"a": [1, 0.501]}, True),
        ({"a": [1, 0.5]}, {"a": [1]}, True),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": True}, {"a": 1}, True),
        ({"a": None}, {"a": 0.0}, True),
        ({"a": {"grey_levels": [100.0]}}, {"a": {"grey_levels": [102.0]}}, False),
        ({"a": {"grey_levels": [100.0]}}, {"a": {"grey_levels": [104.0]}}, True),
        ({"a": 1, "detected": [0.5]}, {"a": 1}, False),
        ({"a": 1, "detected": [0.5]}, {"a": 1, "detected": [0.6]}, True),
    ],
)
def test_outputs_differ_beyond_what_rounding_does(golden, output, differs):
    assert bool(difference(golden, output, 1e-4)) == differs


def test_a_golden_is_written_anew_for_a_raised_version_and_never_for_the_same(monkeypatch, tmp_path):
    file = tmp_path / "goldens.json"
    shutil.copy(goldens.FILE, file)
    monkeypatch.setattr(goldens, "FILE", file)
    before = file.read_text()
    changed = dataclasses.replace(BLACK, output=lambda folder: {"x": 1.0})
    monkeypatch.setattr(goldens, "MEASURED", {"signal black": changed})
    [refused] = goldens.write()
    assert "raise" in refused
    assert json.loads(file.read_text())["signal black"] == json.loads(before)["signal black"]
    monkeypatch.setattr(goldens, "MEASURED", {"signal black": dataclasses.replace(changed, version=lambda: 2)})
    assert goldens.write() == []
    assert json.loads(file.read_text())["signal black"] == {"version": 2, "programs": "", "output": {"x": 1.0}}
