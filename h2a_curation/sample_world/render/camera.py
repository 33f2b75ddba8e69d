"""How the camera moves, how the light falls, and what comes between: the nuisances of hand-held video."""

import cmath
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2a_curation.sample_world.render.backdrop import MARGIN
from h2a_curation.sample_world.render.body import random_colour
from h2a_curation.sample_world.render.pen import Colour, Image, Pen


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A slow drift from one view to another, with a shaking hand."""

    width_px: int
    height_px: int
    zoom: tuple[float, float]
    roll: tuple[float, float]
    shift: tuple[complex, complex]
    """Shift of the picture in frame heights, at the start and at the end of the shot."""
    shake: float
    phase: float
    duration_s: float

    def view(self, time_s: float) -> tuple[complex, complex]:
        """(turn, origin_px): canvas point p, as x + iy from the canvas's centre, is seen at origin + turn * p."""
        part = 0.5 - 0.5 * math.cos(math.pi * min(1.0, time_s / self.duration_s))
        zoom = self.zoom[0] + (self.zoom[1] - self.zoom[0]) * part
        roll = self.roll[0] + (self.roll[1] - self.roll[0]) * part
        shift = self.shift[0] + (self.shift[1] - self.shift[0]) * part
        hand = self.shake * complex(
            math.sin(5.1 * time_s + self.phase) + 0.5 * math.sin(11.7 * time_s + 2 * self.phase),
            math.sin(4.3 * time_s + 3 * self.phase) + 0.5 * math.sin(9.9 * time_s + self.phase),
        )
        origin = complex(self.width_px, self.height_px) / 2 + (shift + hand) * self.height_px
        return cmath.rect(zoom, roll), origin

    def warp(self, canvas: Image, time_s: float) -> Image:
        """The part of the canvas that is seen at this time."""
        turn, origin = self.view(time_s)
        centre = complex(canvas.shape[1], canvas.shape[0]) / 2
        start = origin - turn * centre
        matrix = np.array([[turn.real, -turn.imag, start.real], [turn.imag, turn.real, start.imag]])
        size = (self.width_px, self.height_px)
        return cv2.warpAffine(canvas, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)  # type: ignore[return-value]


def random_camera(rng: np.random.Generator, width_px: int, height_px: int, duration_s: float) -> Camera:
    """A quarter of the cameras stand still."""
    steady = bool(rng.random() < 0.25)
    reach = 0.0 if steady else 1.0
    slack = (MARGIN - 1) * 0.16
    aspect = width_px / height_px
    first = complex(rng.uniform(-1, 1) * aspect, rng.uniform(-1, 1)) * slack
    move = complex(rng.uniform(-1, 1) * aspect, rng.uniform(-1, 1)) * slack * reach
    zoom, roll = rng.uniform(0.96, 1.08), rng.normal(0, 0.03)
    return Camera(
        width_px=width_px,
        height_px=height_px,
        zoom=(zoom, zoom * (1 + reach * rng.uniform(-0.07, 0.1))),
        roll=(roll, roll + reach * rng.normal(0, 0.025)),
        shift=(first, first + move),
        shake=reach * rng.uniform(0.0, 0.006),
        phase=rng.uniform(0, math.tau),
        duration_s=duration_s,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """Brightness, tint, softness and grain."""

    gain: NDArray[np.float64]
    """For red, green and blue: brightness and the colour of the light."""
    gamma: float
    flicker: float
    phase: float
    blur_px: float
    grain: NDArray[np.uint8] | None
    grain_level: int
    """The mean of `grain`, taken off again."""

    def apply(self, frame: Image, time_s: float) -> Image:
        """The frame in this light; the given one stays as it is."""
        gain = self.gain * (1 + self.flicker * math.sin(2.1 * time_s + self.phase))
        levels = (np.arange(256) / 255) ** self.gamma
        table = np.clip(255 * levels[:, None] * gain[None, :], 0, 255).astype(np.uint8)[None]
        if self.blur_px > 0:
            frame = cv2.GaussianBlur(frame, (0, 0), self.blur_px)  # type: ignore[assignment]
        frame = cv2.LUT(frame, table)  # type: ignore[assignment]
        if self.grain is None:
            return frame
        step = int(time_s * 997) % 16
        height, width = frame.shape[:2]
        grain = self.grain[step : step + height, step : step + width]
        return cv2.addWeighted(frame, 1.0, grain, 1.0, -float(self.grain_level))  # type: ignore[return-value]


def random_light(rng: np.random.Generator, width_px: int, height_px: int) -> Light:
    """From dim to bright, warm or cold, clean or noisy."""
    strength = int(rng.integers(0, 9))
    grain = None
    if strength > 1:
        grain = rng.integers(0, 2 * strength + 1, (height_px + 16, width_px + 16, 1), np.uint8).repeat(3, axis=2)
    return Light(
        gain=rng.uniform(0.7, 1.35) * rng.uniform(0.82, 1.18, 3),
        gamma=rng.uniform(0.7, 1.3),
        flicker=rng.uniform(0.0, 0.05),
        phase=rng.uniform(0, math.tau),
        blur_px=float(rng.uniform(0.5, 1.4)) if rng.random() < 0.3 else 0.0,
        grain=grain,
        grain_level=strength,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Occluder:
    """Something near the lens that drifts across a part of the picture."""

    colour: Colour
    start: complex
    move: complex
    """Speed of the move, in frame widths and heights a second."""
    size: float
    upright: bool

    def draw(self, frame: Image, time_s: float) -> None:
        """Paint over the frame."""
        height, width = frame.shape[:2]
        at = self.start + self.move * time_s
        pen = Pen(frame, 0j, complex(width, 0))
        centre = complex(at.real, -at.imag * height / width)
        if self.upright:
            tall = height / width
            pen.limb(
                complex(at.real, -tall - 1), complex(at.real + 0.04, 1), self.size * 0.5, self.size * 0.5, self.colour
            )
        else:
            pen.disc(centre, self.size, self.colour)


def random_occluder(rng: np.random.Generator) -> Occluder | None:
    """One in three shots has one, near the left or right edge."""
    if rng.random() > 0.35:
        return None
    edge = complex(rng.choice([rng.uniform(-0.1, 0.18), rng.uniform(0.82, 1.1)]), rng.uniform(0.0, 1.0))
    return Occluder(
        colour=random_colour(rng),
        start=edge,
        move=complex(rng.normal(0, 0.03), rng.normal(0, 0.03)),
        size=rng.uniform(0.06, 0.2),
        upright=bool(rng.random() < 0.4),
    )
