"""Cuts a scene out of a file and encodes it anew: the same bytes every time for the same ffmpeg program.

ffmpeg runs as a program of its own: the system's, else the one that the package imageio-ffmpeg ships.
"""

import contextlib
import functools
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import ffmpeg
import imageio_ffmpeg

from h2a_curation.foundation.atomic_files import remove
from h2a_curation.foundation.machine import MachineError
from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.facts import ClipFile, Scene, UndecodableError
from h2a_curation.video.answers import DEFAULT_LIMITS, PATIENCE, Limits
from h2a_curation.video.child import geometry_in_child, rewrite_in_child
from h2a_curation.video.container import FORMATS, opened, shown_size, video_stream
from h2a_curation.video.geometry import Geometry, target_size

VERSION = 1
"""Of how a scene becomes a clip, beside the settings in its fingerprint. Files are cut anew when it rises.
Raise it when the same input gives another output: tests/measure/test_goldens.py says so when it does."""

_ENCODER = {
    "c:v": "libx264",
    "preset": "veryfast",
    "pix_fmt": "yuv420p",
    "sc_threshold": 0,
    "bf": 0,
    "threads": 1,
    "fps_mode": "passthrough",
    "enc_time_base": "1:90000",
    "video_track_timescale": 90000,
    "map_metadata": -1,
    "map_chapters": -1,
    "flags:v": "+bitexact",
    "fflags": "+bitexact",
    "movflags": "+faststart",
    "f": "mp4",
}
_SCALER = "bicubic+accurate_rnd+full_chroma_int+bitexact"


_FFMPEG_BYTES = 1 << 30
"""Address space of ffmpeg itself: the program, and the stacks and heaps of its threads."""
_NO_MEMORY = (b"Cannot allocate memory", b"alloc failed", b"malloc")

__all__ = ["MissingProgramError", "cut", "ffmpeg_fingerprint", "ffmpeg_program", "target_size"]


class MissingProgramError(MachineError):
    """A program that the machine must have is not there."""


@functools.cache
def ffmpeg_program() -> str:
    """The ffmpeg to call. Raises MissingProgramError when there is none.

    Entries of $PATH that mean the current folder (empty, `.`, `bin`) are passed over: a file there is nobody's program.
    """
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if found := shutil.which("ffmpeg", path=os.pathsep.join(filter(os.path.isabs, entries))):
        return found
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        raise MissingProgramError(
            "no ffmpeg found: install one, or reinstall imageio-ffmpeg, which ships one"
        ) from None


@functools.cache
def ffmpeg_fingerprint() -> str:
    """The program's version and every setting, beside the rules, that its output depends on."""
    try:
        said = subprocess.run([ffmpeg_program(), "-version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise MissingProgramError(f"{ffmpeg_program()} does not run: {error}") from None
    settings = ",".join(f"{name}={value}" for name, value in _ENCODER.items())
    return f"ffmpeg-{said.split()[2]}+{settings}+{_SCALER}"


def cut(file: str, scene: Scene, rules: CutRules, *, folder: Path, limits: Limits = DEFAULT_LIMITS) -> ClipFile | None:
    """Encode the scene to a new file in `folder`: H.264, short side as the rules say, no sound, time stamps kept.

    None when the file does not decode without an error from the scene's start to its end. UndecodableError where that
    goes over a limit.
    """
    found = geometry_in_child(file, rules.short_side_px, limits=limits)
    if found is None:
        return None
    if found["begins_late"]:
        with _from_keyframe(file, folder, limits) as entered:
            return cut(entered, scene, rules, folder=folder, limits=limits)
    clip = folder / f"{uuid.uuid4().hex}.mp4"
    facts = None
    try:
        if _ends_well(_command(file, scene, clip, Geometry(**found), rules), limits):
            facts = _described(clip)
    finally:
        if facts is None:
            remove(folder, clip)
    return facts


@contextlib.contextmanager
def _from_keyframe(file: str, folder: Path, limits: Limits) -> Iterator[str]:
    """The same pictures in another file, without what comes before the first keyframe."""
    entered = folder / f"{uuid.uuid4().hex}.mkv"
    try:
        rewrite_in_child(file, str(entered), limits=limits)
        yield str(entered)
    finally:
        remove(folder, entered)


def _ends_well(command: list[str], limits: Limits) -> bool:
    """Whether ffmpeg does it without an error. UndecodableError where it goes over a limit."""
    # A session of its own: ffmpeg would take the terminal's Ctrl-C, and a file would be taken for a damaged one.
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as ffmpeg:
        _limit(ffmpeg.pid, limits)
        try:
            _, said = ffmpeg.communicate(timeout=PATIENCE * limits.timeout_s)
        except subprocess.TimeoutExpired:
            ffmpeg.kill()
            raise UndecodableError("timeout", f"ffmpeg took {PATIENCE * limits.timeout_s:g} s") from None
        except BaseException:
            ffmpeg.kill()
            raise
    if ffmpeg.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise UndecodableError("timeout", f"not encoded within {limits.timeout_s:g} s of computing")
    if ffmpeg.returncode and any(words in said for words in _NO_MEMORY):
        raise UndecodableError("too_much_memory", f"ffmpeg wanted more than {limits.max_memory_bytes} bytes")
    return ffmpeg.returncode == 0


def _limit(pid: int, limits: Limits) -> None:
    """Limit a process that has just begun; it has read nothing of the file yet that would matter."""
    if sys.platform != "linux":  # nowhere else can a running process be limited from outside
        return
    cpu_s = math.ceil(limits.timeout_s)
    with contextlib.suppress(ProcessLookupError):  # it has ended
        resource.prlimit(pid, resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
        most = _FFMPEG_BYTES + limits.max_memory_bytes
        resource.prlimit(pid, resource.RLIMIT_AS, (most, most))


def _command(file: str, scene: Scene, clip: Path, geometry: Geometry, rules: CutRules) -> list[str]:
    """Trimmed after decoding, not by seeking: after a seek, streams without a clean entry point decode with errors.

    Both ends lie half a frame early, so that rounding neither adds the next scene's first frame nor drops one.
    """
    early_s = geometry.shift_s - geometry.frame_s / 2
    start_s, end_s = scene.start_s + early_s, scene.end_s + early_s
    width, height = geometry.size_px
    source = ffmpeg.input(
        file, t=f"{end_s:.6f}", format_whitelist=FORMATS, protocol_whitelist="file", threads=1, err_detect="explode"
    )
    video = source.video.filter("trim", start=f"{start_s:.6f}", end=f"{end_s:.6f}").filter("setpts", "PTS-STARTPTS")
    scaled = video.filter("scale", width, height, flags=_SCALER).filter("setsar", 1)
    keyframes = {"g": rules.gop_frames, "keyint_min": rules.gop_frames}
    output = scaled.output(str(clip), crf=rules.crf, **keyframes, **_ENCODER)
    limits = ["-nostdin", "-xerror", "-filter_threads", "1", "-loglevel", "error"]
    command: list[str] = output.global_args(*limits).compile(cmd=ffmpeg_program())
    return command


def _described(clip: Path) -> ClipFile | None:
    """Size and rate of a clip that we have just written; None when it is empty."""
    with opened(str(clip)) as container:
        stream = video_stream(container)
        if stream is None or stream.frames < 2 or stream.average_rate is None:
            return None
        width, height = shown_size(stream)
        return ClipFile(
            file=clip, width_px=width, height_px=height, fps=float(stream.average_rate), num_frames=stream.frames
        )
