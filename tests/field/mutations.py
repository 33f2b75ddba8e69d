"""Small real files of many containers and codecs, and copies of them that somebody has damaged, by a seed."""

import random
from collections.abc import Iterator
from pathlib import Path

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
    draw = random.Random(seed)
    contents = [(file, file.read_bytes()) for file in files]
    for n in range(num):
        file, content = draw.choice(contents)
        name, change = draw.choice(CHANGES)
        yield f"{n:04}-{name}-{file.stem}{file.suffix}", change(content, draw, draw.choice(contents)[1])


def _flip(content: bytes, draw: random.Random, _: bytes) -> bytes:
    """Some bits, anywhere or near the head, where the index is."""
    changed = bytearray(content)
    most = draw.choice((len(changed), min(len(changed), 512)))
    for _ in range(draw.choice((1, 4, 32))):
        changed[draw.randrange(most)] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _truncate(content: bytes, draw: random.Random, _: bytes) -> bytes:
    return content[: draw.randrange(1, len(content))]


def _splice(content: bytes, draw: random.Random, other: bytes) -> bytes:
    """The head of one file and the tail of another."""
    return content[: draw.randrange(1, len(content))] + other[draw.randrange(len(other)) :]


def _zero(content: bytes, draw: random.Random, _: bytes) -> bytes:
    """A hole, as an interrupted download leaves it."""
    start = draw.randrange(len(content))
    hole = content[start : start + draw.choice((16, 512, 4096))]
    return content[:start] + bytes(len(hole)) + content[start + len(hole) :]


def _largest(content: bytes, draw: random.Random, _: bytes) -> bytes:
    """A field that says more than there is: sizes, counts, pictures."""
    start = draw.randrange(max(1, min(len(content), 2048) - 4))
    return content[:start] + b"\x7f\xff\xff\xff" + content[start + 4 :]


CHANGES = (("flip", _flip), ("cut", _truncate), ("splice", _splice), ("zero", _zero), ("large", _largest))
