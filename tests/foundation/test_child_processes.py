"""A folder in which one stands is no place for code: not for the command, and not for any process that it starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.taxonomy.load import load_classes
from h2a_curation.video import transcode
from tests import videos
from tests.conftest import h2a
from tests.videomae.world import write_lake

NAMES = ("av", "json", "multiprocessing", "numpy", "pip", "runpy", "schemas", "socket", "torch", "uvicorn")
MODEL = f"local-dir:{data_folder() / 'sample_world'}"


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder that somebody sent, with modules beside its videos, which tell when they are imported."""
    folder = tmp_path / "received"
    for package in ("h2a_curation", "yt_dlp_plugins/extractor"):
        (folder / package).mkdir(parents=True)
    files = [folder / f"{name}.py" for name in NAMES]
    files += [folder / "h2a_curation" / "__init__.py", folder / "yt_dlp_plugins" / "extractor" / "theirs.py"]
    for file in files:
        file.write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write(__name__ + '\\n')\n")
    return folder


def ran(trap: Path) -> str:
    marker = trap.parent / "ran"
    return marker.read_text() if marker.exists() else ""


def test_trying_and_building_run_nothing_that_lies_beside_the_videos(trap):
    """One probes in a child of its own, the other in workers that are forked from a process that is not forked."""
    for hue in (0, 120):
        videos.make(trap / f"{hue}.mp4", *videos.moving(3.0, hue=hue), *videos.H264)
        (trap / f"{hue}.txt").write_text("#deadlift")
    [lift] = [c for c in load_classes() if c.id == "deadlift"]
    own = {"id": lift.id, "prompts": list(lift.prompts), "person_required": False}
    (trap / "own.yaml").write_text(yaml.safe_dump({"classes": [own]}))
    tried = h2a("try", "0.mp4", "--recipe", "sample-mini", cwd=trap)
    assert ("num_bytes" in tried.out, ran(trap)) == (True, ""), tried.err
    options = ("--classes", "own.yaml", "--model", MODEL, "--workers", "1")
    built = h2a("build", ".", "--lake", "../lake", *options, cwd=trap)
    assert ran(trap) == "", built.err
    counted = h2a("sql", "SELECT count(*) AS n FROM clip", "--lake", "../lake", "--format", "csv", cwd=trap)
    assert counted.out.split() == ["n", "2"], built.err


def test_training_runs_nothing_that_lies_in_the_folder(trap):
    write_lake(trap / "lake", ["train"] * 2 + ["val"], num_frames=34, width=48, height=48)
    command = ("pretrain", "--lake", "lake", "--version", "v1", "--preset", "micro", "--steps", 1)
    done = h2a(*command, cwd=trap)
    assert (done.code, ran(trap)) == (0, ""), done.err


def test_the_sample_site_runs_nothing_that_lies_in_the_folder(trap):
    code = """
from pathlib import Path
from urllib.request import urlopen
from h2a_curation.sample_world.site.serve import serve
from h2a_curation.sample_world.world.world import make_world
from h2a_curation.sample_world.classes import rendered_classes
world = make_world(0, "mini", [(c.id, list(c.seed_hashtags)) for c in rendered_classes()])
post = next(p for p in world.posts.values() if p.fault is None and p.file.damage == "none")
with serve(0, "mini", Path("cache").absolute()) as url:
    print(len(urlopen(f"{url}/media/{post.post_id}.mp4").read()) > 1000)
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=trap, capture_output=True, text=True, timeout=300)
    assert (done.stdout, ran(trap)) == ("True\n", ""), done.stderr


def test_a_child_finds_this_package_and_what_pythonpath_names_and_not_the_folder(trap, tmp_path):
    from h2a_curation.foundation import child_processes

    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "helper.py").write_text("def told(): print('helped')\n")
    (trap / "helper.py").write_text("def told(): print('trapped')\n")
    paths = [str(tmp_path / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        child_processes.command("helper", "told"), cwd=trap, env=env, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, ran(trap)) == ("helped\n", ""), done.stderr


def test_what_a_library_starts_leaves_the_folder_out_too(trap):
    code = """
import multiprocessing
from h2a_curation.foundation import child_processes
child_processes.keep_safe()
for way in ("spawn", "forkserver"):
    process = multiprocessing.get_context(way).Process(target=print, args=(way,))
    process.start()
    process.join()
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=trap, capture_output=True, text=True, timeout=120)
    assert (done.stdout.split(), ran(trap)) == (["spawn", "forkserver"], ""), done.stderr


@pytest.mark.parametrize("entry", ["", ".", "bin"])
def test_an_ffmpeg_that_lies_in_the_folder_is_not_called(trap, monkeypatch, entry):
    for folder in (trap, trap / "bin"):
        folder.mkdir(exist_ok=True)
        (folder / "ffmpeg").write_text("#!/bin/sh\n")
        (folder / "ffmpeg").chmod(0o755)
    monkeypatch.chdir(trap)
    monkeypatch.setenv("PATH", os.pathsep.join([entry, "/usr/bin", "/bin"]))
    transcode.ffmpeg_program.cache_clear()
    try:
        assert Path(transcode.ffmpeg_program()).is_absolute()
        assert not Path(transcode.ffmpeg_program()).is_relative_to(trap)
    finally:
        transcode.ffmpeg_program.cache_clear()
