"""Films whose frames carry their number, so that a test reads which frames of a file a clip shows, upright or not."""

import itertools
from pathlib import Path

import av
import numpy as np

SIZE = 256, 144
NUM_BITS = 8
COLOURS = np.array([[235, 235, 235], [180, 40, 40], [40, 150, 60], [50, 60, 180], [128, 128, 128], [40, 40, 40]], float)
"""RGB of the patches at the foot, left to right: none is at an end of the scale, where a wrong range is clipped."""


def film(file: Path, num_frames: int, size: tuple[int, int] = SIZE, first: int = 0) -> tuple[str, ...]:
    """Write frames as raw RGB, numbered from `first`; returns ffmpeg's input arguments, but for the rate."""
    with file.open("wb") as out:
        for number in range(first, first + num_frames):
            out.write(picture(number, size).tobytes())
    return "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-i", str(file)


def picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """[height, width, rgb]: on top the number's bits, its highest on the left; at the foot colours; a square that moves
    in between.
    """
    width, height = size
    shown = np.full((height, width, 3), 110, np.uint8)
    code = number ^ number >> 1  # Gray's: one bit changes from frame to frame, which is no change of scene
    for bit in range(NUM_BITS):
        shown[: height // 3, _span(bit, NUM_BITS, width)] = 220 if code >> (NUM_BITS - 1 - bit) & 1 else 30
    for n, colour in enumerate(COLOURS):
        shown[height * 2 // 3 :, _span(n, len(COLOURS), width)] = colour
    left = number * 3 % (width * 3 // 4)
    shown[height * 5 // 12 : height * 7 // 12, left : left + width // 8] = 170
    return shown


def numbers(file: Path) -> list[int]:
    """The numbers that a clip's frames carry, in the order of showing."""
    return [number(frame) for frame in frames(file)]


def number(shown: np.ndarray) -> int:
    """The number that one frame carries; -1 where its bits cannot be read, as in a picture that lies on its side."""
    strip = shown[shown.shape[0] // 12 : shown.shape[0] // 4].mean((0, 2))
    bits = [float(strip[_middle(bit, NUM_BITS, len(strip))].mean()) for bit in range(NUM_BITS)]
    if any(70 < bit < 180 for bit in bits):
        return -1
    read = 0
    for bit in bits:
        read = read << 1 | (bit > 125) ^ (read & 1)
    return read


def colour_error(shown: np.ndarray) -> float:
    """The largest difference of a channel of a patch, in levels of 255."""
    foot = shown[shown.shape[0] * 3 // 4 : shown.shape[0] * 11 // 12].astype(float)
    seen = [foot[:, _middle(n, len(COLOURS), foot.shape[1])].mean((0, 1)) for n in range(len(COLOURS))]
    return float(np.abs(np.array(seen) - COLOURS).max())


def frames(file: Path) -> list[np.ndarray]:
    """[height, width, rgb] of each frame, as the project's own look reads them."""
    with av.open(str(file)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def _span(n: int, of: int, width: int) -> slice:
    return slice(n * width // of, (n + 1) * width // of)


def _middle(n: int, of: int, width: int) -> slice:
    return slice((4 * n + 1) * width // (4 * of), (4 * n + 3) * width // (4 * of))


def joined(file: Path, *pieces: Path) -> Path:
    """The pieces one after the other, byte by byte, as an HLS client stores them."""
    file.write_bytes(bytes(itertools.chain.from_iterable(piece.read_bytes() for piece in pieces)))
    return file
