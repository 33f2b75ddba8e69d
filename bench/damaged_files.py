"""Small generated videos of many codecs and containers, and copies of them that are damaged, by a seed."""

import random
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from h2a_curation.video.transcode import ffmpeg_program

_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "2", "-g", "24")
_X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-x265-params", "log-level=none:keyint=24")
CODECS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "h264": (
        ("a.mp4", (*_X264, "-c:a", "aac", "-movflags", "+faststart")),
        ("a.mkv", (*_X264, "-c:a", "aac")),
        ("a.flv", (*_X264, "-c:a", "aac")),
        ("a.ts", (*_X264, "-c:a", "mp2")),
    ),
    "hevc": (
        ("b.mp4", (*_X265, "-c:a", "aac", "-movflags", "+faststart")),
        ("b.mkv", (*_X265, "-c:a", "aac")),
    ),
    "vp8": (
        (
            "c.webm",
            ("-c:v", "libvpx", "-b:v", "600k", "-deadline", "good", "-cpu-used", "5", "-g", "24", "-c:a", "libopus"),
        ),
    ),
    "vp9": (
        ("d.webm", ("-c:v", "libvpx-vp9", "-b:v", "600k", "-deadline", "realtime", "-cpu-used", "8", "-g", "24")),
        ("d.mp4", ("-c:v", "libvpx-vp9", "-b:v", "600k", "-deadline", "realtime", "-cpu-used", "8", "-g", "24")),
    ),
    "av1": (("e.mp4", ("-c:v", "libsvtav1", "-preset", "12", "-crf", "35", "-g", "24", "-pix_fmt", "yuv420p")),),
    "mpeg4": (
        ("f.avi", ("-c:v", "mpeg4", "-q:v", "4", "-bf", "1", "-c:a", "mp3")),
        ("f.3gp", ("-c:v", "mpeg4", "-q:v", "4", "-c:a", "aac")),
    ),
    "mpeg2video": (("g.mpg", ("-c:v", "mpeg2video", "-q:v", "4", "-bf", "2", "-c:a", "mp2")),),
    "mjpeg": (("h.mov", ("-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le")),),
    "ffv1": (("i.mkv", ("-c:v", "ffv1", "-c:a", "flac")),),
    "theora": (("j.ogv", ("-c:v", "libtheora", "-q:v", "6", "-c:a", "libvorbis")),),
    "wmv2": (("k.asf", ("-c:v", "wmv2", "-q:v", "4", "-c:a", "wmav2")),),
}
"""For each codec, files by name and what ffmpeg is told to write them."""


def originals(folder: Path, codec: str) -> list[Path]:
    """Two seconds of moving pictures with sound, in each container of a codec."""
    return [_made(folder / name, told) for name, told in CODECS[codec]]


def mutated(files: Sequence[Path], num: int, seed: int) -> Iterator[tuple[Path, str, bytes]]:
    """`num` damaged copies, each with its original and a name that says what was done; a seed gives the same bytes."""
    draw = random.Random(seed)
    contents = [(file, file.read_bytes()) for file in files]
    for n in range(num):
        file, content = draw.choice(contents)
        name, change = draw.choice(CHANGES)
        yield file, f"{n:04}-{name}-{file.stem}{file.suffix}", change(content, draw, draw.choice(contents)[1])


def _made(file: Path, told: tuple[str, ...]) -> Path:
    pictures = ("-f", "lavfi", "-i", "testsrc2=s=160x120:r=24:d=2,noise=alls=6:allf=t:all_seed=7")
    inputs = (*pictures, "-f", "lavfi", "-i", "sine=d=2")
    # On one thread, and without libvpx's way of working faster on a slow machine, the bytes are the same every time.
    command = [ffmpeg_program(), "-nostdin", "-y", "-loglevel", "error", *inputs, *told, "-threads", "1", str(file)]
    subprocess.run(command, check=True)
    return file


def _flip(content: bytes, draw: random.Random, _other: bytes) -> bytes:
    """Some bits, anywhere or near the head, where the index is."""
    changed = bytearray(content)
    most = draw.choice((len(changed), min(len(changed), 512)))
    for _ in range(draw.choice((1, 4, 32))):
        changed[draw.randrange(most)] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _truncate(content: bytes, draw: random.Random, _other: bytes) -> bytes:
    return content[: draw.randrange(1, len(content))]


def _splice(content: bytes, draw: random.Random, other: bytes) -> bytes:
    """The head of one file and the tail of another."""
    return content[: draw.randrange(1, len(content))] + other[draw.randrange(len(other)) :]


def _zero(content: bytes, draw: random.Random, _other: bytes) -> bytes:
    """A hole, as an interrupted download leaves it."""
    start = draw.randrange(len(content))
    hole = content[start : start + draw.choice((16, 512, 4096))]
    return content[:start] + bytes(len(hole)) + content[start + len(hole) :]


def _largest(content: bytes, draw: random.Random, _other: bytes) -> bytes:
    """A field that says more than there is: sizes, counts, pictures."""
    start = draw.randrange(max(1, min(len(content), 2048) - 4))
    return content[:start] + b"\x7f\xff\xff\xff" + content[start + 4 :]


Change = Callable[[bytes, random.Random, bytes], bytes]
CHANGES: tuple[tuple[str, Change], ...] = (
    ("flip", _flip),
    ("cut", _truncate),
    ("splice", _splice),
    ("zero", _zero),
    ("large", _largest),
)
"""What may happen to a file: `change(content, draw, another file's content)`."""
