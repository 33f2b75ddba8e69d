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
from dataclasses import replace
from pathlib import Path

import ffmpeg
import imageio_ffmpeg

from h2a_curation.foundation import confinement
from h2a_curation.foundation.atomic_files import remove
from h2a_curation.foundation.machine import MachineError
from h2a_curation.foundation.media_formats import FORMATS
from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.facts import ClipFile, SceneToCut, UndecodableError
from h2a_curation.video.answers import DEFAULT_LIMITS, PATIENCE, Limits
from h2a_curation.video.child import rewrite_in_child
from h2a_curation.video.colour import is_hdr
from h2a_curation.video.container import opened, shown_size, video_stream
from h2a_curation.video.filters import SCALER, filtered

VERSION = 2
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
_FFMPEG_BYTES = 1 << 30
"""Address space of ffmpeg itself: the program, and the stacks and heaps of its threads."""
_NO_MEMORY = (b"Cannot allocate memory", b"alloc failed", b"malloc")


_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store")
"""Folders that programs are linked against; none has anything of a user's."""
_OF_ANY_PROGRAM = {
    **{Path(folder): confinement.RUN for folder in _LIBRARIES},
    Path("/etc/ld.so.cache"): confinement.READ,
    Path(os.devnull): confinement.READ | confinement.WRITE,
}


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
    settings = ",".join(f"{name}={value}" for name, value in _ENCODER.items())
    lacks = "" if has_zimg() else "+no-zimg"
    return f"ffmpeg-{_version_said().split()[2]}+{settings}+{SCALER}{lacks}"


@functools.cache
def runs_confined() -> bool:
    """Whether the program starts where it reaches its libraries alone: one that is a script may need other programs."""
    start = functools.partial(subprocess.run, [ffmpeg_program(), "-version"], capture_output=True)
    try:
        return confinement.confined(start, _paths()).returncode == 0
    except OSError:
        return False


def gap() -> str:
    """What to tell somebody whose decoders are held by less than they could; nothing where all are confined."""
    if (gap := confinement.gap()) or runs_confined():
        return gap
    return f"{ffmpeg_program()} does not start confined and reads files freely: install an ffmpeg that is no script"


def _paths() -> dict[Path, int]:
    """What the program itself reaches, with Landlock's rights."""
    program = Path(ffmpeg_program()).resolve()
    return {program: confinement.RUN, program.parents[1] / "lib": confinement.RUN} | _OF_ANY_PROGRAM


def has_zimg() -> bool:
    """Whether the program was built with what converts between dynamic ranges and gamuts."""
    return "--enable-libzimg" in _version_said().split()


@functools.cache
def _version_said() -> str:
    try:
        return subprocess.run([ffmpeg_program(), "-version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise MissingProgramError(f"{ffmpeg_program()} does not run: {error}") from None


def cut(
    file: str, scene: SceneToCut, rules: CutRules, *, folder: Path, limits: Limits = DEFAULT_LIMITS
) -> ClipFile | None:
    """Encode the scene to a new file in `folder`: H.264, short side as the rules say, no sound, time stamps kept.

    None when the file does not decode without an error from the scene's start to its end. UndecodableError where that
    goes over a limit, gives another number of frames than the scene has, or where the program lacks what HDR needs.
    """
    if is_hdr(scene.pictures.colour) and not has_zimg():
        raise UndecodableError("hdr", f"{scene.pictures.colour.transfer}: this ffmpeg is built without zimg")
    if scene.pictures.begins_late:
        pictures = replace(scene.pictures, stream=0, begins_late=False, may_be_joined=False)
        with _from_keyframe(file, folder, limits) as entered:
            return cut(entered, replace(scene, pictures=pictures), rules, folder=folder, limits=limits)
    clip = folder / f"{uuid.uuid4().hex}.mp4"
    facts = None
    try:
        clip.touch(exist_ok=False)
        reached = {Path(file).resolve(): confinement.READ, clip: confinement.WRITE}
        if _ends_well(_command(file, scene, clip, rules), reached, limits):
            facts = _described(clip, scene.end_frame - scene.first_frame)
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


def _ends_well(command: list[str], reached: dict[Path, int], limits: Limits) -> bool:
    """Whether ffmpeg does it without an error, reaching these files alone, and no network.

    UndecodableError where it goes over a limit.
    """

    # A session of its own: ffmpeg would take the terminal's Ctrl-C, and a file would be taken for a damaged one.
    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [command[0], "-y", *command[1:]],  # what it writes is there already: it may make no file
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    with confinement.confined(start, _paths() | reached) if runs_confined() else start() as ffmpeg:
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
        _lower(pid, resource.RLIMIT_CPU, cpu_s, cpu_s + 1)
        most = _FFMPEG_BYTES + limits.max_memory_bytes
        _lower(pid, resource.RLIMIT_AS, most, most)


def _lower(pid: int, what: int, soft: int, hard: int) -> None:
    """Limit a process, but never above what the system allows it: that takes rights of root."""
    _, most = resource.prlimit(pid, what)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.prlimit(pid, what, (soft, hard))


def _command(file: str, scene: SceneToCut, clip: Path, rules: CutRules) -> list[str]:
    """Filters are set up once: set up anew for each new size of a picture, they would count frames anew."""
    source = ffmpeg.input(
        file,
        format_whitelist=FORMATS,
        protocol_whitelist="file",
        threads=1,
        err_detect="explode",
        reinit_filter=0,
        **({} if scene.pictures.has_one_size else {"noautorotate": None}),
    )
    video = filtered(source[str(scene.pictures.stream)], scene, rules, has_zimg=has_zimg())
    keyframes = {"g": rules.gop_frames, "keyint_min": rules.gop_frames}
    output = video.output(str(clip), crf=rules.crf, **keyframes, **_ENCODER)
    # What -xerror refuses beside errors of decoding is a break of counters, which is no damage where pieces meet.
    strict = ["-max_error_rate", "0"] if scene.pictures.may_be_joined else ["-xerror"]
    limits = ["-nostdin", *strict, "-copyts", "-filter_threads", "1", "-loglevel", "error"]
    command: list[str] = output.global_args(*limits).compile(cmd=ffmpeg_program())
    return command


def _described(clip: Path, num_frames: int) -> ClipFile | None:
    """Size and rate of a clip that we have just written; None when it is empty.

    UndecodableError where it has not so many frames: every frame of the scene is in the clip, or there is none.
    """
    with opened(str(clip)) as container:
        stream = video_stream(container)
        if stream is None or stream.frames < 2 or stream.average_rate is None:
            return None
        if stream.frames != num_frames:
            raise UndecodableError("damaged", f"ffmpeg decodes {stream.frames} of the scene's {num_frames} frames")
        width, height = shown_size(stream)
        return ClipFile(
            file=clip, width_px=width, height_px=height, fps=float(stream.average_rate), num_frames=stream.frames
        )
