"""A video in windows of its time, one after the other, with no more of it in memory than one window."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from h2a_curation.videomae.data.frames import Frames
from h2a_curation.videomae.data.videos import count_frames, decoded_frames, opened, told
from h2a_curation.videomae.data.views import Views, cropped, resized


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Some seconds of a video, and the frames that stand for them."""

    start_s: float
    end_s: float
    frames: Frames
    """[frame, height, width, rgb]: the middle of each."""


@dataclass(frozen=True, slots=True)
class _Taken:
    time_s: float
    end_s: float
    """When the next frame is on show that is taken, or the video ends."""
    picture: Frames


def windows(path: Path, num_frames: int, stride: int, target: tuple[int, int]) -> Iterator[Window]:
    """Windows of `num_frames` frames, `stride` apart, each of the size `target`; times count from the first frame.

    What is left at the end is in a last window that reaches back over the one before; a video that is shorter than one
    repeats its last frame, as a test's views do. ValueError for what cannot be decoded, and for frames of several
    sizes: then what came before has been given.
    """
    count_frames(path)
    waiting: list[_Taken] = []
    before: list[_Taken] = []
    for taken in _taken(path, stride, target):
        waiting.append(taken)
        if len(waiting) == num_frames:
            yield _window(waiting, num_frames, target)
            before, waiting = waiting, []
    if waiting:
        yield _window([*before, *waiting][-num_frames:], num_frames, target)
    elif not before:
        raise ValueError("it holds no frame that can be decoded")


def _taken(path: Path, stride: int, target: tuple[int, int]) -> Iterator[_Taken]:
    """Every stride-th frame, resized, as soon as it is known until when it is on show."""
    last: tuple[float, Frames] | None = None
    first_s, end_s, num_decoded, size = 0.0, 0.0, 0, (0, 0)
    try:
        each_s = _usual_s(path)
        for frame in decoded_frames(path):
            time_s, duration_s = _clock(frame.frame, num_decoded, each_s)
            if not num_decoded:
                first_s, size = time_s, (frame.frame.width, frame.frame.height)
            if (frame.frame.width, frame.frame.height) != size:
                raise ValueError("its frames are of several sizes")
            if num_decoded % stride == 0:
                if last is not None:
                    yield _Taken(last[0], time_s - first_s, last[1])
                last = time_s - first_s, resized(frame.to_ndarray(), target)
            end_s = time_s - first_s + duration_s
            num_decoded += 1
    except (av.FFmpegError, OSError) as broken:
        raise ValueError(f"frame {num_decoded} cannot be decoded: {told(broken)}") from broken
    if last is not None:
        yield _Taken(last[0], end_s, last[1])


def _clock(frame: av.VideoFrame, number: int, each_s: float) -> tuple[float, float]:
    """When a frame is on show and for how long, in seconds; `each_s` is for a file that does not tell."""
    if frame.duration and frame.time_base:
        each_s = float(frame.duration * frame.time_base)
    return (number * each_s if frame.time is None else frame.time), each_s


def _usual_s(path: Path) -> float:
    """How long a frame is on show by the file's own rate; 0 where it tells none."""
    with opened(path) as container:
        rate = container.streams.video[0].average_rate
    return float(1 / rate) if rate else 0.0


def _window(taken: list[_Taken], num_frames: int, target: tuple[int, int]) -> Window:
    pictures = [one.picture for one in taken]
    whole = np.stack(pictures + pictures[-1:] * (num_frames - len(pictures)))
    middle = Views(num_frames=num_frames, stride=1, sparse=False, num_segments=1, num_crops=1)
    [region] = middle.regions(whole.shape[1], whole.shape[2], target)
    return Window(start_s=taken[0].time_s, end_s=taken[-1].end_s, frames=cropped(whole, range(num_frames), region))
