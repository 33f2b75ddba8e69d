"""Tells a cut from what else changes much from one picture to the next: light, noise, held frames, glitches, speed.

A detector that sums hue, saturation and value takes noise for a cut: in dark or grey pictures hue means nothing. And it
compares a change with that of the frames beside it, which may be copies of one picture. So each place where there may
be a cut is asked four questions about the world:

- **Does the picture change?** Its mean change in red, green and blue is above what noise and encoders do.
- **Does it change once?** What moves, moves on: the change is a multiple of those around it, held frames left out.
- **Is it another picture?** Light changes levels and leaves shapes, as the correlation of the two pictures tells: it
  falls, and by the same multiple more than where things move.
- **Does it stay?** After a flash or a glitch the picture is back within less than a scene.
"""

from collections import deque
from collections.abc import Iterator
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from h2a_curation.measure.cut import CutRules

Picture = NDArray[np.uint8]
"""[height, width, colour]"""

_HELD_SHARE = 0.15
"""A change below this share of another is none beside it: the frame is held and encoded anew, or little moves. 0.05 to
0.25 do the same."""
_HELD_S = 0.3
"""What moves shows a new picture at least as often; what stays for longer is a slide, or a scene. 0.2 to 1 do the
same."""
_AROUND_S = 1.0
"""Seconds that are looked at on either side of a change, or a scene's least length where that is longer."""
_NUM_AROUND = 4
"""Changes on either side that a change is compared with; 2 to 8 do nearly the same."""
_FEW = 3
"""With fewer changes around it there is a transition of a few frames, as where one shows both scenes, and no motion. 1
to 5 do the same."""
_SAME_SHAPES = 0.05
"""Two pictures whose shapes change less, 1 less their correlation, show the same in other light; 0.03 to 0.1 do the
same."""
_STILL_LEVELS = 0.8
"""A frame that changes less does not tell how shapes change where something moves; 0.1 to 0.8 do the same."""
_BACK_SHARE = 0.5
"""A picture that is nearer than this share of the change to one before it is the same one again; 0.3 to 0.8 do the
same."""
_DETECTOR_LAG = 2
"""Frames after which AdaptiveDetector proposes a cut."""
_SURE_LEVELS = 20.0
"""A change above this may be a cut whether a detector proposes it or not: in noise of hue, or where one frame blends
both scenes, it sees none. 18 to 24 do the same; at 15, panels that a screen recording shows or hides are cuts too."""
_MOST_FRAMES = 120
"""Pictures that are kept on either side, at most: two seconds at 60 frames a second."""
_FLAT_LEVELS = 1.0
"""A picture with less contrast has no shapes, but noise."""


class CutGuard:
    """Sees each picture once, in the order of showing, and says which of the proposed cuts are cuts."""

    def __init__(self, rules: CutRules) -> None:
        self._rules = rules
        self._times_s: list[float] = []
        self._changes: list[float] = []
        self._pictures: deque[Picture] = deque()
        """The newest pictures, of which the last is that of the last time."""
        self._maybe: list[int] = []
        self.cuts: list[int] = []
        """Frames that begin a new scene, in order, as far as what came after them has been seen."""

    def see(self, time_s: float, picture: Picture) -> None:
        """The next picture."""
        change = _difference(self._pictures[-1], picture) if self._pictures else 0.0
        self._pictures.append(picture)
        self._times_s.append(max(time_s, self._times_s[-1]) if self._times_s else time_s)
        self._changes.append(change)
        if change >= _SURE_LEVELS:
            self.propose(len(self._changes) - 1)
        newest = len(self._changes) - 1
        while self._maybe and newest - self._maybe[0] > _DETECTOR_LAG and not self._is_near(self._maybe[0], newest):
            self._settle()
        oldest = self._maybe[0] if self._maybe else max(0, newest - _DETECTOR_LAG)
        while (first := newest + 1 - len(self._pictures)) < oldest - 1 and not self._is_near(first, oldest):
            self._pictures.popleft()

    def propose(self, frame: int) -> None:
        """A detector takes this frame, which was among the newest, for the first of a scene."""
        if self._changes[frame] >= self._rules.min_change_levels and frame not in self._maybe:
            self._maybe = sorted([*self._maybe, frame])

    def end(self) -> None:
        """There are no more pictures."""
        while self._maybe:
            self._settle()

    def _settle(self) -> None:
        frame = self._maybe.pop(0)
        if self._happens_once(frame) and self._is_another(frame) and not self._comes_back(frame):
            self.cuts.append(frame)

    def _happens_once(self, frame: int) -> bool:
        """Whether the change is a multiple of what changes around it."""
        others = [self._changes[other] for other in self._moved(frame, _HELD_SHARE * self._changes[frame])]
        return len(others) < _FEW or self._changes[frame] >= self._rules.cut_ratio * median(others)

    def _is_another(self, frame: int) -> bool:
        """Whether shapes change, by a multiple of what they do around it, and not light alone."""
        others = [self._shape_change(other) for other in self._moved(frame, _STILL_LEVELS)]
        return self._shape_change(frame) >= max(_SAME_SHAPES, self._rules.cut_ratio * median(others or [0.0]))

    def _moved(self, frame: int, least: float) -> Iterator[int]:
        """The nearest frames on either side that change by more, as far as they follow one another as a film's do."""
        for step in (-1, 1):
            num, last, other = 0, frame, frame + step
            while num < _NUM_AROUND and 1 <= self._place(other) < len(self._pictures) and self._is_near(frame, other):
                if self._apart_s(other, last) > _HELD_S:
                    break
                if self._changes[other] > least:
                    num, last = num + 1, other
                    yield other
                other += step

    def _shape_change(self, frame: int) -> float:
        at = self._place(frame)
        return 1 - _correlation(self._pictures[at - 1], self._pictures[at])

    def _comes_back(self, frame: int) -> bool:
        """Whether a picture soon after resembles one shortly before."""
        near = _BACK_SHARE * self._changes[frame]
        befores, afters = list(self._within(frame, -1)), list(self._within(frame, 1))
        return any(_difference(before, after) < near for before in befores for after in afters)

    def _within(self, frame: int, step: int) -> Iterator[Picture]:
        """The pictures of less than a scene on one side of a cut."""
        other = frame if step > 0 else frame - 1
        while 0 <= self._place(other) < len(self._pictures) and self._apart_s(frame, other) <= self._rules.min_scene_s:
            yield self._pictures[self._place(other)]
            other += step

    def _place(self, frame: int) -> int:
        """The place of a frame's picture among those that are kept."""
        return frame - len(self._times_s) + len(self._pictures)

    def _is_near(self, frame: int, other: int) -> bool:
        """Whether one frame is looked at to judge the other."""
        most_s = max(_AROUND_S, self._rules.min_scene_s)
        return abs(frame - other) <= _MOST_FRAMES and self._apart_s(frame, other) <= most_s

    def _apart_s(self, frame: int, other: int) -> float:
        return abs(self._times_s[frame] - self._times_s[other])


def _difference(one: Picture, other: Picture) -> float:
    """Mean absolute difference in levels, over pixels and colours."""
    return float(cv2.norm(one, other, cv2.NORM_L1)) / one.size


def _correlation(one: Picture, other: Picture) -> float:
    """Correlation of two pictures, each colour less its mean: 1 where one is the other in other light."""
    first, second = (picture.astype(np.float32) for picture in (one, other))
    first -= first.mean((0, 1))
    second -= second.mean((0, 1))
    contrast = max(float(first.std()), _FLAT_LEVELS) * max(float(second.std()), _FLAT_LEVELS)
    return float((first * second).mean()) / contrast
