import os

import pytest

from h2a_curation.lake import lake


def test_a_lake_is_made_once_and_keeps_its_salt(tmp_path):
    first = lake.create(tmp_path / "lake")
    assert lake.create(tmp_path / "lake") == first
    assert first.pseudonym("anna") == first.pseudonym("anna") != lake.create(tmp_path / "other").pseudonym("anna")


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="not empty"):
        lake.create(tmp_path)


def test_the_lake_is_found_by_flag_then_environment_then_place(tmp_path, monkeypatch):
    monkeypatch.delenv("H2A_LAKE", raising=False)
    a, b = lake.create(tmp_path / "a"), lake.create(tmp_path / "b")
    (a.path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(a.path / "deep" / "er")
    assert lake.find(None) == a
    monkeypatch.setenv("H2A_LAKE", os.fspath(b.path))
    assert lake.find(None) == b
    assert lake.find(a.path) == a


def test_no_lake_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.delenv("H2A_LAKE", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="--lake"):
        lake.find(None)
    with pytest.raises(ValueError, match="not a lake"):
        lake.find(tmp_path)


def test_a_received_lake_whose_leftovers_are_a_link_is_refused_and_nothing_is_swept(tmp_path):
    photos = tmp_path / "home" / "photos"
    photos.mkdir(parents=True)
    os.utime(photos, (1, 1))
    made = lake.create(tmp_path / "lake")
    (made.path / ".tmp").rmdir()
    (made.path / ".tmp").symlink_to(tmp_path / "home")
    with pytest.raises(ValueError, match="it was made to mislead: do not use it"):
        lake.create(tmp_path / "lake")
    assert photos.is_dir()


@pytest.mark.parametrize("clip_id", ["../../../etc/passwd", "/etc/passwd", "..", "", "a", "a" * 63 + "/"])
def test_a_clip_that_a_row_names_is_a_hash(tmp_path, clip_id):
    with pytest.raises(ValueError, match="which is no sha256"):
        lake.create(tmp_path / "lake").clip_file(clip_id)
