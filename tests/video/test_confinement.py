"""Files that strangers made reach nothing but themselves, whatever reads them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench import confinement as fuzz
from h2a_curation.foundation import confinement
from h2a_curation.foundation.confinement import READ, WRITE
from h2a_curation.jobs import build
from h2a_curation.measure.cut import CutRules
from h2a_curation.recipes import load
from h2a_curation.video import child, transcode
from h2a_curation.video.answers import DEFAULT_LIMITS, Limits
from tests.foundation.test_confinement import FOUND, REFUSED, REFUSING, needs
from tests.videos import H264, make, moving

GIB = 1 << 30


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    sound = ("-f", "lavfi", "-i", "sine=d=1.5")
    return make(tmp_path_factory.mktemp("videos") / "video.mp4", *moving(1.5), *sound, *H264, "-c:a", "aac")


@needs
def test_damaged_files_do_not_get_out_and_come_out_as_ever(tmp_path):
    """`python -m bench.confinement` is the same with 10,000."""
    seen = fuzz.fuzzed(fuzz.corpus(tmp_path), 120, 7, tmp_path, num_compared=120)
    assert seen.differing == []
    assert not seen.escapes
    assert seen.num_denied == 120 * len(fuzz.ATTEMPTS)
    assert seen.peak_bytes < fuzz.LIMITS.max_memory_bytes
    assert len({*seen.outcomes} & {"ok", "damaged", "truncated"}) == 3


WAY = """
import sys
from pathlib import Path
from h2a_curation.foundation import confinement
from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.frames import LookRules
from h2a_curation.video import child, transcode
from h2a_curation.video.answers import DEFAULT_LIMITS
{refusing}
file, folder = sys.argv[1], Path(sys.argv[2])
print(confinement.available(), bool(transcode.gap()))
print(child.probe_in_child(file, 60, 2 << 30).outcome)
scene = child.scene_in_child(file, CutRules(), limits=DEFAULT_LIMITS)
clip = transcode.cut(file, scene, CutRules(), folder=folder)
print(clip.num_frames, child.look_in_child(str(clip.file), LookRules(), limits=DEFAULT_LIMITS).frames_sha256)
"""


def way(video: Path, folder: Path, refusing: str = "") -> list[str]:
    """What a process says of the way from a file to a look, by line."""
    command = [sys.executable, "-c", WAY.format(refusing=refusing), str(video), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def usual(video, tmp_path_factory):
    return way(video, tmp_path_factory.mktemp("usual"))


@needs
@pytest.mark.parametrize(
    ("refused", "left"),
    [
        ("both", "none"),
        pytest.param("landlock", "seccomp", marks=pytest.mark.slow),
        pytest.param("seccomp", f"Landlock {FOUND.landlock}", marks=pytest.mark.slow),
    ],
)
def test_where_a_kernel_refuses_it_files_are_decoded_as_ever(video, usual, tmp_path, refused, left):
    assert usual[:2] == [f"{FOUND} False", "ok"]
    said = way(video, tmp_path, f"{REFUSING}\nrefuse({REFUSED[refused]})")
    assert said == [f"{left} True", *usual[1:]]


def copying(file: Path, into: Path) -> list[str]:
    """A command by which ffmpeg reads a file and writes another."""
    return [
        transcode.ffmpeg_program(),
        "-nostdin",
        "-y",
        "-loglevel",
        "error",
        "-i",
        str(file),
        "-c",
        "copy",
        str(into),
    ]


@needs
def test_ffmpeg_reads_and_writes_the_files_that_it_was_granted_alone(video, tmp_path):
    other, clip = tmp_path / "other.mp4", tmp_path / "clip.mp4"
    other.write_bytes(video.read_bytes())
    clip.touch()
    granted = {video: READ, clip: WRITE}
    assert transcode._ends_well(copying(video, clip), granted, DEFAULT_LIMITS)
    assert clip.stat().st_size
    for command in (copying(other, clip), copying(video, other), copying(video, tmp_path / "new.mp4")):
        assert not transcode._ends_well(command, granted, DEFAULT_LIMITS)
    assert other.read_bytes() == video.read_bytes()
    assert not (tmp_path / "new.mp4").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are set on Linux alone")
def test_a_limit_of_the_system_that_is_lower_stays():
    """Raising it takes rights of root: whoever lacks them got an error at each file."""
    with subprocess.Popen(["/bin/sh", "-c", "ulimit -v 2000000; echo; exec sleep 60"], stdout=subprocess.PIPE) as waits:
        assert waits.stdout.read(1)
        transcode._limit(waits.pid, Limits(max_memory_bytes=2 * GIB))
        limits = Path(f"/proc/{waits.pid}/limits").read_text()
        waits.kill()
    address_space = next(line for line in limits.splitlines() if line.startswith("Max address space"))
    assert address_space.split()[3:5] == ["2048000000", "2048000000"]


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux alone")
def test_files_are_decoded_under_a_lower_limit_of_the_system(video, usual, tmp_path):
    lowered = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2500 << 20, 2500 << 20))"
    assert way(video, tmp_path, lowered)[1:] == usual[1:]


def test_a_named_pipe_holds_nobody_up(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for file in (str(tmp_path / "pipe"), os.devnull, str(tmp_path)):
        assert child.probe_in_child(file, 60, 2 * GIB).outcome == "not_video"


def test_a_child_that_never_answers_is_a_row(video, monkeypatch):
    """A decoder that was taken over can switch its own timers off."""
    stopped = child._take("probe")
    os.kill(stopped.pid, signal.SIGSTOP)
    child._idle["probe"].put(stopped)
    monkeypatch.setattr(child, "_GRACE_S", 0.01)
    assert child.probe_in_child(str(video), 0.0005, 2 * GIB).outcome in ("too_much_memory", "timeout")


def test_an_answer_larger_than_a_task_may_be_is_not_read(video, monkeypatch):
    monkeypatch.setattr(child, "_MOST_WORDS", 10)
    with pytest.raises((child.UndecodableError, RuntimeError)):
        child.scene_in_child(str(video), CutRules(), limits=DEFAULT_LIMITS)


def test_a_build_says_what_holds_no_decoder(monkeypatch, capsys):
    monkeypatch.setattr(confinement, "available", lambda: confinement.InForce(0, seccomp=False))
    build._check(load("sample-mini"))
    assert capsys.readouterr().err.count("note: decoders of files are held by limits of time and memory alone") == 1
