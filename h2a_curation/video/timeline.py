"""When each frame of a file is shown, counted from its first, whatever its container says of times.

The decoder gives frames in the order of showing, so that a frame's number is its place; the stored time says only how
long each is on show. It may be absent (AVI), out of order (B-frames in AVI), or jump (timestamps that wrap or begin
anew, as in joined pieces of a stream).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np

_LEAST_STEP_S = 2 / 90_000
"""Least time between two frames: a clip counts time in 1/90,000 s, in which closer ones would be shown at once."""
_MAX_REORDER = 16
"""Places by which a stored order may differ from the true one: no codec has more frames than that waiting."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The frames' times."""

    times_s: list[float]
    """Rising, the first 0."""
    is_stored: bool
    """Whether these are the stored times, but for where they begin."""

    @property
    def fps(self) -> float | None:
        """Average frames a second; None for less than two frames."""
        return (len(self.times_s) - 1) / self.times_s[-1] if len(self.times_s) > 1 else None


def timeline(stored_s: Sequence[float | None], usual_s: float, max_gap_s: float = math.inf) -> Timeline:
    """The times of frames of which these are stored, in the decoder's order.

    `usual_s`: time from frame to frame where nothing tells; `max_gap_s`: what is longer is a jump of the clock.

    >>> timeline([3.0, 3.5, 4.0], 0.04)
    Timeline(times_s=[0.0, 0.5, 1.0], is_stored=True)
    >>> timeline([0.0, None, 0.5, 1.0, 0.75], 0.04)
    Timeline(times_s=[0.0, 0.25, 0.5, 0.75, 1.0], is_stored=False)
    >>> timeline([95443.5, 0.0, 0.5], 0.04)
    Timeline(times_s=[0.0, 0.5, 1.0], is_stored=False)
    """
    known = [n for n, time_s in enumerate(stored_s) if time_s is not None]
    if not known:
        return Timeline([n * usual_s for n in range(len(stored_s))], is_stored=False)
    times_s = _filled(stored_s, known, usual_s)
    if _rise(times_s, max_gap_s):
        return Timeline([time_s - times_s[0] for time_s in times_s], is_stored=len(known) == len(stored_s))
    in_order = sorted(range(len(times_s)), key=times_s.__getitem__)
    ordered_s = [times_s[n] for n in in_order]
    if max(abs(n - place) for place, n in enumerate(in_order)) <= _MAX_REORDER and _rise(ordered_s, max_gap_s):
        return Timeline([time_s - ordered_s[0] for time_s in ordered_s], is_stored=False)
    return Timeline(_without_jumps(times_s, usual_s, max_gap_s), is_stored=False)


def step_s(earlier_s: float | None, later_s: float | None, usual_s: float, max_gap_s: float = math.inf) -> float:
    """Time from one frame to the next: the usual one where the stored times tell none, or a jump.

    >>> step_s(1.0, 1.5, 0.04), step_s(1.0, None, 0.04), step_s(1.0, 0.5, 0.04)
    (0.5, 0.04, 0.04)
    """
    if earlier_s is None or later_s is None:
        return usual_s
    return later_s - earlier_s if _LEAST_STEP_S <= later_s - earlier_s <= max_gap_s else usual_s


def _filled(stored_s: Sequence[float | None], known: list[int], usual_s: float) -> list[float]:
    """All times: those that are absent lie evenly between their neighbours', and at the usual distance at the ends."""
    filled = np.interp(range(len(stored_s)), known, [stored_s[n] for n in known]).tolist()  # type: ignore[arg-type]
    for n in range(known[0]):
        filled[n] -= (known[0] - n) * usual_s
    for n in range(known[-1] + 1, len(filled)):
        filled[n] += (n - known[-1]) * usual_s
    return filled


def _rise(times_s: Sequence[float], max_gap_s: float) -> bool:
    return all(_LEAST_STEP_S <= later - earlier <= max_gap_s for earlier, later in pairwise(times_s))


def _without_jumps(times_s: Sequence[float], usual_s: float, max_gap_s: float) -> list[float]:
    """Each step that is none is as long as the others are."""
    steps = [later - earlier for earlier, later in pairwise(times_s)]
    good = [step for step in steps if _LEAST_STEP_S <= step <= max_gap_s]
    typical_s = median(good) if good else usual_s
    mended = [step if _LEAST_STEP_S <= step <= max_gap_s else typical_s for step in steps]
    return [0.0, *np.cumsum(mended).tolist()]
