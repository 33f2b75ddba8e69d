"""Finds the longest scene of a file: PySceneDetect's AdaptiveDetector proposes where scenes end, `cut_guard` judges.

The detector is fed by our own decoder, frame by frame: PySceneDetect's backends convert whole pictures before they
shrink them, truncate damaged files silently, and place cuts by frame number, which variable frame rates make wrong.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.metadata import version
from itertools import pairwise
from statistics import median

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.facts import Scene, SceneToCut
from h2a_curation.video.container import Source, decoder_fingerprint, make_strict, opened, video_stream
from h2a_curation.video.cut_guard import CutGuard
from h2a_curation.video.entry import parted
from h2a_curation.video.frame_notes import FrameNotes

VERSION = 2
"""Of how a scene is found, beside the programs and settings in its fingerprint. Files are cut anew when it rises.
Raise it when the same input gives another output: tests/measure/test_goldens.py says so when it does."""

_SHORT_SIDE_PX = 64
"""Changes are those of small pictures, whose averages hide noise: 14 real clips have the same cuts at 256."""
_PROPOSED_LEVELS = 15.0
"""Least change that the detector proposes as a cut, in its own mean of hue, saturation and value: its default."""
_FILM_S = 0.25
"""Seconds from frame to frame of the film by which it is told whether a scene moves, as of the signal `motion`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """What one decode of a file tells of its scenes."""

    times_s: list[float] = field(default_factory=list)
    """When each frame is shown, in order."""
    cuts: list[int] = field(default_factory=list)
    """Frames that begin a new scene."""
    moves: list[tuple[float, float]] = field(default_factory=list)
    """Time of each frame of a film of few frames a second, and its change from the one before, in grey levels."""


def longest_scene(file: Source, rules: CutRules) -> SceneToCut | None:
    """The longest scene that moves, the first of equals; None when the file does not decode to its end."""
    try:
        seen = _seen(file, rules)
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        return None
    if seen is None:
        return None
    scene = longest(seen.film(), rules)
    return None if scene is None else seen.notes.to_cut(scene, seen.notes.timeline())


def cut_times_s(file: str, rules: CutRules) -> list[float]:
    """Seconds from the file's first frame to each cut; of cuts that no scene parts, the first.

    Raises av.FFmpegError when the file does not decode to its end.
    """
    seen = _seen(file, rules)
    film = Film() if seen is None else seen.film()
    starts_s = [0.0, *(film.times_s[cut] - film.times_s[0] for cut in film.cuts)]
    return [
        later for n, (earlier, later) in enumerate(pairwise(starts_s)) if not n or later - earlier >= rules.min_scene_s
    ]


def scenes_fingerprint() -> str:
    """The programs and the settings, beside the rules, that a scene depends on."""
    return f"scenes@{_SHORT_SIDE_PX}px+scenedetect-{version('scenedetect-headless')}+{decoder_fingerprint()}"


def longest(film: Film, rules: CutRules) -> Scene | None:
    """The scene that becomes the clip. What lies between two cuts and is shorter than a scene belongs to none.

    >>> longest(Film(times_s=[0.0, 0.5, 1.0, 1.5], cuts=[1]), CutRules())
    Scene(start_s=0.5, end_s=2.0, num_scenes=2)
    """
    times_s = film.times_s
    if len(times_s) < 2:
        return None
    frame_s = (times_s[-1] - times_s[0]) / (len(times_s) - 1)
    edges = [times_s[0], *(times_s[cut] for cut in film.cuts), times_s[-1] + frame_s]
    pieces = list(pairwise(edges))
    scenes = [piece for piece in pieces if _seconds(piece) >= rules.min_scene_s] or [max(pieces, key=_seconds)]
    moving = [piece for piece in scenes if _seconds(piece) >= rules.min_moving_s and _moves(film, piece, rules)]
    start_s, end_s = max(moving or scenes, key=_seconds)
    return Scene(start_s=start_s - times_s[0], end_s=end_s - times_s[0], num_scenes=len(scenes))


def _seconds(piece: tuple[float, float]) -> float:
    return piece[1] - piece[0]


def _moves(film: Film, piece: tuple[float, float], rules: CutRules) -> bool:
    """Whether the median change of the film within a scene is that of a picture that moves."""
    start_s, end_s = piece
    changes = [change for time_s, change in film.moves if start_s + _FILM_S <= time_s < end_s]
    return bool(changes) and median(changes) >= rules.min_scene_motion


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one decode of a file gave."""

    notes: FrameNotes
    cuts: list[int]
    moves: list[tuple[int, float]]
    """Number of each frame of the film, and its change."""

    def film(self) -> Film:
        """The same by the frames' true times, which are known at the end alone."""
        times_s = self.notes.timeline().times_s
        return Film(
            times_s=times_s,
            cuts=sorted({*self.cuts, *self.notes.turns}),
            moves=[(times_s[frame], change) for frame, change in self.moves],
        )


def _seen(file: Source, rules: CutRules) -> _Seen | None:
    """Decode the file; None where it has no pictures. Raises av.FFmpegError when it does not decode to its end."""
    from scenedetect import AdaptiveDetector, FrameTimecode

    detector = AdaptiveDetector(adaptive_threshold=rules.cut_ratio, min_content_val=_PROPOSED_LEVELS, min_scene_len=1)
    guard, moves = CutGuard(rules), _Moves()
    with opened(file) as container:
        stream = video_stream(container)
        if stream is None:
            return None
        make_strict(stream, skip_loop_filter="all")
        before, shown = parted(container.demux(stream))
        notes = FrameNotes(container, stream, begins_late=bool(before))
        frames = (frame for packet in shown for frame in packet.decode())
        for index, (frame, picture) in enumerate(_small_pictures(stream, frames)):
            time_s = notes.add(frame)
            # The detector only subtracts its timecodes: frame numbers at any constant rate do.
            proposed = detector.process_frame(FrameTimecode(index, Fraction(25)), picture)
            guard.see(time_s, picture)
            for cut in proposed:
                guard.propose(cut.frame_num)
            moves.see(index, time_s, picture)
        guard.end()
    return _Seen(notes, guard.cuts, moves.found)


class _Moves:
    """Takes a frame every now and then, and compares it with the one taken before."""

    def __init__(self) -> None:
        self._last: tuple[float, NDArray[np.uint8]] | None = None
        self.found: list[tuple[int, float]] = []

    def see(self, index: int, time_s: float, picture: NDArray[np.uint8]) -> None:
        if self._last is None or time_s >= self._last[0] + _FILM_S:
            grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
            if self._last is not None:
                self.found.append((index, float(cv2.norm(self._last[1], grey, cv2.NORM_L1)) / grey.size))
            self._last = time_s, grey


def _small_pictures(
    stream: VideoStream, frames: Iterable[VideoFrame]
) -> Iterator[tuple[VideoFrame, NDArray[np.uint8]]]:
    """Each frame, and its picture made small, in the order of showing."""
    width, height = stream.codec_context.width, stream.codec_context.height
    scale = min(1.0, _SHORT_SIDE_PX / min(width, height))
    size = {"width": max(2, round(width * scale)), "height": max(2, round(height * scale))}
    shrink = VideoReformatter()
    for frame in frames:
        small = shrink.reformat(frame, **size, format="bgr24", interpolation="AREA", threads=1)
        yield frame, np.asarray(small.to_ndarray(), np.uint8)
