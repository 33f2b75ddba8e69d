"""Draw shapes given in a figure's own units onto a frame, anti-aliased.

Points are complex numbers: x to the right, y up, the ground at 0, a grown person about 1 tall.
"""

import cmath
import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""[height, width, rgb]"""
Colour = tuple[int, int, int]

_SHIFT = 4
_SUBPIXELS = 1 << _SHIFT


class Pen:
    """A similarity transform from figure units to pixels, with the shapes that the world is made of."""

    def __init__(self, image: Image, origin_px: complex, turn: complex, *, mirrored: bool = False) -> None:
        """`origin_px` is where the figure's 0 lies; `turn` is pixels a unit, times the picture's rotation."""
        self.image = image
        self._origin_px = origin_px
        self._turn = turn
        self._mirrored = mirrored
        self.unit_px = abs(turn)

    def moved(self, to: complex, *, scale: float = 1.0, angle: float = 0.0) -> "Pen":
        """A pen whose 0 is this one's `to`, for a part with coordinates of its own; `angle` is in radians."""
        turn = self._turn * scale * cmath.rect(1.0, angle if self._mirrored else -angle)
        return Pen(self.image, self._px(to), turn, mirrored=self._mirrored)

    def _px(self, point: complex) -> complex:
        seen = -point if self._mirrored else point.conjugate()
        return self._origin_px + self._turn * seen

    def _fixed(self, points: Sequence[complex]) -> NDArray[np.int32]:
        pixels = [self._px(point) for point in points]
        return np.array([[round(p.real * _SUBPIXELS), round(p.imag * _SUBPIXELS)] for p in pixels], np.int32)

    def poly(self, points: Sequence[complex], colour: Colour) -> None:
        """Filled."""
        cv2.fillPoly(self.image, [self._fixed(points)], colour, cv2.LINE_AA, _SHIFT)

    def disc(self, centre: complex, radius: float, colour: Colour) -> None:
        """Filled, and never thinner than a pixel."""
        [[x, y]] = self._fixed([centre])
        size = max(_SUBPIXELS // 2, round(radius * self.unit_px * _SUBPIXELS))
        cv2.circle(self.image, (int(x), int(y)), size, colour, -1, cv2.LINE_AA, _SHIFT)

    def line(self, points: Sequence[complex], width: float, colour: Colour, *, closed: bool = False) -> None:
        """Through all points; never thinner than a pixel."""
        thickness = max(1, round(width * self.unit_px))
        cv2.polylines(self.image, [self._fixed(points)], closed, colour, thickness, cv2.LINE_AA, _SHIFT)

    def ring(self, centre: complex, radius: float, width: float, colour: Colour) -> None:
        """A circle that is not filled."""
        self.line(oval(centre, radius, radius), width, colour, closed=True)

    def limb(self, start: complex, end: complex, start_width: float, end_width: float, colour: Colour) -> None:
        """A tapered stroke with round ends."""
        along = end - start
        if abs(along) > 1e-6:
            side = along / abs(along) * 1j
            a, b = side * start_width / 2, side * end_width / 2
            self.poly((start + a, end + b, end - b, start - a), colour)
        self.disc(start, start_width / 2, colour)
        self.disc(end, end_width / 2, colour)

    def box(self, low: complex, high: complex, colour: Colour) -> None:
        """Filled, upright, from the lower left corner to the upper right one."""
        self.poly((low, complex(high.real, low.imag), high, complex(low.real, high.imag)), colour)


def oval(
    centre: complex, x_radius: float, y_radius: float, *, angle: float = 0.0, start: float = 0.0, end: float = math.tau
) -> list[complex]:
    """Points of an ellipse, or of its part between two angles in radians, turned by `angle`."""
    num_points = max(6, round(24 * (end - start) / math.tau))
    turn = cmath.rect(1.0, angle)
    steps = [start + (end - start) * i / num_points for i in range(num_points + 1)]
    return [centre + turn * complex(x_radius * math.cos(s), y_radius * math.sin(s)) for s in steps]


def shade(colour: Colour, gain: float) -> Colour:
    """The colour made darker (below 1) or lighter (above 1)."""
    red, green, blue = (min(255, max(0, round(channel * gain))) for channel in colour)
    return red, green, blue
