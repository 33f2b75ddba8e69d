"""Small real files of many containers and codecs, and copies of them that somebody has damaged, by a seed."""

from collections.abc import Iterator
from pathlib import Path

from bench import damaged_files
from tests.videos import H264, make, moving

SOUND = ("-f", "lavfi", "-i", "sine=d=1")
KINDS: dict[str, tuple[str, ...]] = {
    "a.mp4": (*H264, "-bf", "2", "-c:a", "aac", "-movflags", "+faststart"),
    "b.mov": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le"),
    "c.mkv": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-c:a", "aac"),
    "d.webm": ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"),
    "e.webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"),
    "f.avi": ("-c:v", "mpeg4", "-c:a", "mp3"),
    "g.flv": (*H264, "-c:a", "aac"),
    "h.mpg": ("-c:v", "mpeg2video", "-c:a", "mp2"),
    "i.mkv": ("-c:v", "ffv1", "-c:a", "flac"),
    "j.3gp": ("-c:v", "mpeg4", "-c:a", "aac"),
}
"""What ffmpeg is told, by the name of the file."""


def originals(folder: Path) -> list[Path]:
    """A second of a moving picture with sound, in each kind."""
    folder.mkdir(exist_ok=True)
    return [make(folder / name, *moving(1, "96x128", 12), *SOUND, *codec) for name, codec in KINDS.items()]


def mutated(files: list[Path], num: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`num` damaged files, each with a name that says what was done; the same seed gives the same bytes."""
    return ((name, content) for _, name, content in damaged_files.mutated(files, num, seed))
