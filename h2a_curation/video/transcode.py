"""Cuts a scene out of a file and encodes it anew: the same bytes every time for the same ffmpeg program.

ffmpeg runs as a program of its own: the system's, else the one that the package imageio-ffmpeg ships.
"""

import functools
import os
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

import av
import ffmpeg
import imageio_ffmpeg

from h2a_curation.foundation.atomic_files import remove
from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.facts import ClipFile, Scene
from h2a_curation.video.container import FORMATS, opened, shown_size, video_stream

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


class MissingProgramError(RuntimeError):
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


def cut(file: str, scene: Scene, rules: CutRules, *, folder: Path) -> ClipFile | None:
    """Encode the scene to a new file in `folder`: H.264, short side as the rules say, no sound, time stamps kept.

    None when the file does not decode without an error from the scene's start to its end.
    """
    try:
        geometry = _geometry(file, rules.short_side_px)
    except av.FFmpegError:
        return None
    if geometry is None:
        return None
    clip = folder / f"{uuid.uuid4().hex}.mp4"
    command = _command(file, scene, clip, geometry, rules)
    # A session of its own: ffmpeg would take the terminal's Ctrl-C, and a file would be taken for a damaged one.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, start_new_session=True)
    facts = _described(clip) if done.returncode == 0 else None
    if facts is None:
        remove(folder, clip)
    return facts


def target_size(width_px: int, height_px: int, short_side_px: int) -> tuple[int, int]:
    """Even width and height with a short side of at most `short_side_px`, never enlarged.

    >>> target_size(1080, 1920, 320), target_size(427, 240, 320)
    ((320, 568), (426, 240))
    """
    scale = min(1.0, short_side_px / min(width_px, height_px))

    def even(side_px: int) -> int:
        return max(2, int(side_px * scale / 2 + 0.5 if scale < 1 else side_px / 2) * 2)

    return even(width_px), even(height_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Geometry:
    size_px: tuple[int, int]
    """Width and height of the clip in pixels."""
    shift_s: float
    """From the container's start, from which ffmpeg counts, to the first picture, from which a scene counts."""
    frame_s: float


def _geometry(file: str, short_side_px: int) -> _Geometry | None:
    with opened(file) as container:
        stream = video_stream(container)
        frame = None if stream is None else next(container.decode(stream), None)
        if stream is None or frame is None or frame.time is None:
            return None
        return _Geometry(
            size_px=target_size(*shown_size(stream, frame), short_side_px),
            shift_s=frame.time - (container.start_time or 0) / av.time_base,
            frame_s=1 / float(stream.average_rate or 25),
        )


def _command(file: str, scene: Scene, clip: Path, geometry: _Geometry, rules: CutRules) -> list[str]:
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
