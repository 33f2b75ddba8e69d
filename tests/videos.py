"""Small real videos, made by the ffmpeg that the project uses."""

import subprocess
from pathlib import Path

import av
import numpy as np

from h2a_curation.video.transcode import ffmpeg_program

CLIPS = Path(__file__).parents[2] / "shared" / "clips"
"""15 real clips with labels.csv, beside the checkout; absent on other machines."""

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def make(file: Path, *arguments: str) -> Path:
    """Run ffmpeg with these arguments, and return the file that it wrote."""
    command = [ffmpeg_program(), "-nostdin", "-y", "-loglevel", "error", "-threads", "1", *arguments, str(file)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return file


def moving(seconds: float, size: str = "96x160", rate: int = 24, hue: int = 0) -> tuple[str, ...]:
    """Input arguments of a moving test picture, of another colour for each hue (degrees)."""
    return ("-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds},hue=h={hue}")


def two_scenes(file: Path, first_s: float, second_s: float, *arguments: str) -> Path:
    """A moving picture, and after a hard cut a quite different one."""
    filters = "[1:v]negate,hflip,hue=h=120[b];[0:v][b]concat=n=2:v=1[v]"
    inputs = (*moving(first_s), "-f", "lavfi", "-i", f"mandelbrot=s=96x160:r=24,trim=duration={second_s}")
    return make(file, *inputs, "-filter_complex", filters, "-map", "[v]", *(arguments or H264))


def frames_at(file, times_s):
    """[time, height, width, rgb]: for each time, the frame that is on show then, the last one after the end."""
    with av.open(str(file)) as container:
        frames = list(container.decode(video=0))
    starts = [frame.time for frame in frames]
    shown = [max(0, int(np.searchsorted(starts, time_s, side="right")) - 1) for time_s in times_s]
    return np.stack([frames[n].to_ndarray(format="rgb24") for n in shown])
