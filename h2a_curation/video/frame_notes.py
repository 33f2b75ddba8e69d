"""What one decode notes of each frame: when it is shown, how large, and how its colours are stored."""

import math
from bisect import bisect_left
from dataclasses import replace

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from h2a_curation.measure.facts import Pictures, Scene, SceneToCut
from h2a_curation.video.colour import colour_of
from h2a_curation.video.container import shown_size
from h2a_curation.video.timeline import Timeline, step_s, timeline

_MAX_GAP_S = {"mpegts": 10.0, "mpeg": 10.0}
"""Steps of time that are a jump of the clock, by format. These must tell the time every 0.7 s (ISO 13818-1, 2.7.4);
FFmpeg takes the same 10 s. In other formats a picture may stand for as long as it likes."""
JOINABLE = frozenset({"mpegts"})
"""Formats of which pieces, one after the other, are a file again, as of an HLS playlist. The counter of packets breaks
where two meet: FFmpeg calls the last packet before that corrupt, though nothing of it is missing."""
_SAME_SHAPE = 0.02
"""Share by which sides may differ in the same shape: sizes are even numbers, of 90 lines and more."""


class FrameNotes:
    """The notes of the frames of one stream, in the decoder's order."""

    def __init__(self, container: InputContainer, stream: VideoStream, *, begins_late: bool = False) -> None:
        """`begins_late`: packets come before the first keyframe, and are left out."""
        self._begins_late = begins_late
        self.stored_s: list[float | None] = []
        self.turns: list[int] = []
        """Numbers of frames from which on pictures have another shape: nothing can show both without bending one."""
        self._stream = stream
        self._may_be_joined = container.format.name in JOINABLE
        self._max_gap_s = _MAX_GAP_S.get(container.format.name, math.inf)
        self._usual_s = 1 / float(stream.average_rate or stream.guessed_rate or 25)
        self._clock_s = 0.0
        self._runs: list[tuple[int, tuple[int, int, int], Pictures]] = []
        """First frame of each stretch of one size, that size, and how it is to be cut."""

    def add(self, frame: VideoFrame) -> float:
        """Note the next frame. Returns the seconds since the first by a clock that never goes back: what can be told
        by now, where `timeline` tells it of all frames.
        """
        stored = frame.width, frame.height, frame.rotation
        if not self._runs or self._runs[-1][1] != stored:
            self._begin_run(frame, stored)
        last_s = self.stored_s[-1] if self.stored_s else None
        if self.stored_s:
            self._clock_s += step_s(last_s, frame.time, self._usual_s, self._max_gap_s)
        self.stored_s.append(frame.time)
        return self._clock_s

    def timeline(self) -> Timeline:
        """When the frames are shown."""
        return timeline(self.stored_s, self._usual_s, self._max_gap_s)

    @property
    def first(self) -> Pictures | None:
        """The first picture's kind; None where none was decoded."""
        return self._runs[0][2] if self._runs else None

    @property
    def num_sizes(self) -> int:
        """Different sizes of stored pictures."""
        return len({stored for _, stored, _ in self._runs})

    def to_cut(self, scene: Scene, frames: Timeline) -> SceneToCut:
        """The scene with all that the encoder must know; `frames` is the notes' timeline."""
        first = bisect_left(frames.times_s, scene.start_s)
        [*_, (_, _, pictures)] = (run for run in self._runs if run[0] <= first)
        return SceneToCut(
            start_s=scene.start_s,
            end_s=scene.end_s,
            num_scenes=scene.num_scenes,
            first_frame=first,
            end_frame=bisect_left(frames.times_s, scene.end_s),
            pictures=replace(
                pictures,
                begins_late=self._begins_late,
                has_one_size=self.num_sizes == 1,
                steady_fps=None if frames.is_stored else frames.fps,
            ),
        )

    def _begin_run(self, frame: VideoFrame, stored: tuple[int, int, int]) -> None:
        width_px, height_px = shown_size(self._stream, frame)
        if self._runs and not _have_one_shape((width_px, height_px), self._runs[-1][2]):
            self.turns.append(len(self.stored_s))
        pictures = Pictures(
            stream=self._stream.index,
            width_px=width_px,
            height_px=height_px,
            colour=colour_of(frame),
            rotation_deg=frame.rotation,
            may_be_joined=self._may_be_joined,
        )
        self._runs.append((len(self.stored_s), stored, pictures))


def _have_one_shape(size_px: tuple[int, int], other: Pictures) -> bool:
    return abs(size_px[0] * other.height_px / (size_px[1] * other.width_px) - 1) <= _SAME_SHAPE
