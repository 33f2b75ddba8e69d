"""The bench of the way from file to clip times what it says, on files that give a clip."""

import json
import sys

import pytest

from bench import clip_way
from tests.videos import make, two_scenes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A video in a folder within, a sound file that has a video's ending, and a text."""
    folder = tmp_path_factory.mktemp("way")
    (folder / "sub").mkdir()
    two_scenes(folder / "sub" / "two.mp4", 1, 1.5)
    make(folder / "sound.mp4", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac")
    (folder / "labels.csv").write_text("file\n")
    return folder


def run(monkeypatch, folder, *options):
    monkeypatch.setattr(sys, "argv", ["clip_way", str(folder), "--rounds", "1", *options])
    return clip_way.main()


def test_each_step_is_timed_beside_the_bare_thing(monkeypatch, folder, capsys):
    run(monkeypatch, folder, "--json")
    said = json.loads(capsys.readouterr().out.splitlines()[-1])["figures"]
    value = {name: figure["value"] for name, figure in said.items()}
    for step, bare in clip_way.PAIRS.items():
        assert value[f"{step}_by_{bare}"] == pytest.approx(value[f"{step}_s"] / value[f"{bare}_s"])
        assert value[f"{step}_s"] > 0
    way_s = value["probe_s"] + value["scene_s"] + value["cut_s"] + value["look_s"]
    assert value["way_by_ffmpeg"] == pytest.approx(way_s / value["ffmpeg_s"])


def test_the_bare_command_makes_the_clip_that_the_product_makes(folder, tmp_path):
    [way] = clip_way.ways([folder / "sub" / "two.mp4", folder / "sound.mp4"], tmp_path)
    clip_way.ffmpeg(way, tmp_path)
    assert clip_way.decode(tmp_path / "bare.mp4") == clip_way.decode(way.clip) == 36


def test_medians_of_files_are_added_up(monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr(clip_way, "_processor_s", lambda: next(now) ** 2)  # each later thing takes longer
    monkeypatch.setattr(clip_way, "contenders", lambda way, folder: {"cut": lambda: None})
    ways = [clip_way.Way(file=name, scene=None, clip=None, size_px=(2, 2)) for name in "ab"]
    spent = clip_way.seconds(ways, None, rounds=3)  # 1, 5, 9, 13, 17, 21: a has 1, 9, 17, b has 5, 13, 21
    assert spent == {"cut": 9 + 13}


def test_a_folder_without_videos_is_one_line(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, tmp_path) == 2
    assert "has no video that gives a clip" in capsys.readouterr().err
