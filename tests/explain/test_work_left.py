import shutil

import pytest

from h2a_curation import recipes
from h2a_curation.explain.work_left import num_frames_to_embed, work_left
from h2a_curation.lake import lake as lakes
from h2a_curation.measure import cut, perceptual_hash
from h2a_curation.video import probe, sample_frames, transcode
from tests.field.builds import CLASSES, built, folder, told, video


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A lake of two good files and one that is none, with its recipe."""
    place = tmp_path_factory.mktemp("place")
    brought = folder(place)
    for n in range(2):
        video(brought / f"{n}.mp4", hue=90 * n)
    (brought / "page.mp4").write_text("<html>gone</html>")
    told(brought / "page.mp4")
    built(place)
    return place


def left(place):
    lake, recipe = lakes.open_lake(place / "lake"), recipes.load(str(place / "mine.yaml"))
    return {work.what: work for work in work_left(lake, recipe)}


def raised(monkeypatch, *modules):
    for module in modules:
        monkeypatch.setattr(module, "VERSION", module.VERSION + 1)


def test_of_a_finished_lake_nothing_is_left(place):
    assert left(place) == {}


def test_a_raised_probe_is_every_file_anew_and_costs_their_decoding(place, monkeypatch):
    raised(monkeypatch, probe)
    [work] = left(place).values()
    assert (work.what, work.unit, work.num, work.num_anew) == ("probe", "files", 3, 3)
    assert work.video_s == pytest.approx(4)
    assert work.cpu_s == pytest.approx(2 * 48 * 96 * 160 / 1e6 * 0.004)


@pytest.mark.parametrize("module", [transcode, cut])
def test_a_raised_cut_leaves_what_was_seen_of_its_clips(place, monkeypatch, module):
    raised(monkeypatch, module)
    [work] = left(place).values()
    assert (work.what, work.num, work.num_anew) == ("cut", 2, 2)


def test_a_raised_look_is_every_clip_anew(place, monkeypatch):
    raised(monkeypatch, sample_frames, transcode)
    works = left(place)
    assert {(what, work.num, work.num_anew) for what, work in works.items()} == {
        ("cut", 2, 2), ("fingerprint", 2, 2), ("frame_embedding", 2, 2), ("motion", 2, 2), ("black", 2, 2),
    }  # fmt: skip
    assert num_frames_to_embed(works.values(), recipes.load(str(place / "mine.yaml"))) == 16
    assert works["motion"].video_s == pytest.approx(4)


def test_what_was_never_measured_is_not_anew(place, tmp_path):
    lake = tmp_path / "lake"
    shutil.copytree(place / "lake", lake)
    for stage in ("probe", "cut", "hash"):
        shutil.rmtree(lake / "parts" / stage)
    shutil.copy(place / "mine.yaml", tmp_path)
    (tmp_path / "classes.yaml").write_text(CLASSES)
    shutil.copytree(place / "brought", tmp_path / "brought")
    works = left(tmp_path)
    assert {what: (work.num, work.num_anew) for what, work in works.items()} == {"probe": (3, 0), "cut": (3, 0)}


def test_the_command_says_it_and_does_nothing(place, monkeypatch, h2a_here):
    raised(monkeypatch, probe, perceptual_hash)
    before = sorted(place.rglob("*"))
    command = ("build", place / "brought", "--recipe", place / "mine.yaml", "--lake", place / "lake", "--dry-run")
    ran = h2a_here(*command)
    assert ran.code == 0
    words = [line.split() for line in ran.out.splitlines()]
    assert ["probe", "3", "files", "3", "0.1", "min", "0.0", "min"] in words
    assert ["fingerprint", "2", "clips", "2", "0.1", "min", "0.0", "min"] in words
    assert "Nothing was done" in ran.out
    assert sorted(place.rglob("*")) == before


def test_without_a_lake_it_is_one_line(tmp_path, place, h2a_here):
    ran = h2a_here(
        "build", place / "brought", "--recipe", place / "mine.yaml", "--lake", tmp_path / "none", "--dry-run"
    )
    assert ran.code == 2
    assert not (tmp_path / "none").exists()
