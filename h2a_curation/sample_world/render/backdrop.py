"""What lies behind the figure. Any action may happen before any of these, in any colour."""

import cv2
import numpy as np

from h2a_curation.sample_world.render.body import random_colour
from h2a_curation.sample_world.render.pen import Colour, Image, Pen, oval, shade

MARGIN = 1.36
"""The canvas is larger than the frame, so that the camera can move."""


def backdrop(rng: np.random.Generator, width_px: int, height_px: int, ground_px: float) -> Image:
    """A canvas of MARGIN times the frame; `ground_px` is where the figure stands, from the canvas's top."""
    wide, high = round(width_px * MARGIN), round(height_px * MARGIN)
    canvas = _gradient(rng, wide, high)
    horizon = ground_px - rng.uniform(0.02, 0.3) * height_px
    pen = Pen(canvas, complex(wide / 2, horizon), complex(high, 0))
    paint = _SETTINGS[rng.integers(len(_SETTINGS))]
    paint(rng, pen, wide / high / 2)
    for _ in range(rng.integers(0, 5)):
        _thing(rng, pen, wide / high / 2)
    _texture(rng, canvas)
    if rng.random() < 0.5:
        canvas[:] = cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(0.8, 3.5)))
    return canvas


def _gradient(rng: np.random.Generator, wide: int, high: int) -> Image:
    corners = np.array([random_colour(rng, saturation=0.7) for _ in range(2)], np.float32)
    ends = np.stack([corners, corners * rng.uniform(0.8, 1.2)], axis=1)
    small = np.clip(ends, 0, 255).astype(np.uint8)
    return cv2.resize(small, (wide, high), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _texture(rng: np.random.Generator, canvas: Image) -> None:
    """Uneven light and grain, at two sizes."""
    for cells, strength in ((9, 24), (70, 11)):
        rough = rng.integers(0, 2 * round(strength * rng.random()) + 1, (cells, cells, 1), np.uint8).repeat(3, axis=2)
        smooth = cv2.resize(rough, (canvas.shape[1], canvas.shape[0]), interpolation=cv2.INTER_CUBIC)
        cv2.subtract(canvas, smooth, canvas)


def _floor(rng: np.random.Generator, pen: Pen, half: float) -> Colour:
    colour = random_colour(rng, saturation=0.7)
    pen.box(complex(-half, -1), complex(half, 0), colour)
    return colour


def _room(rng: np.random.Generator, pen: Pen, half: float) -> None:
    floor = _floor(rng, pen, half)
    pen.box(complex(-half, 0), complex(half, 0.02), shade(floor, 0.6))
    for _ in range(rng.integers(1, 4)):
        x, y = rng.uniform(-half, half), rng.uniform(0.12, 0.5)
        w, h = rng.uniform(0.06, 0.2), rng.uniform(0.08, 0.25)
        colour = random_colour(rng)
        pen.box(complex(x - 0.01, y - 0.01), complex(x + w + 0.01, y + h + 0.01), shade(colour, 0.4))
        pen.box(complex(x, y), complex(x + w, y + h), colour)
    if rng.random() < 0.5:
        for step in range(1, 9):
            pen.line((complex((step - 4.5) * 0.1, 0), complex((step - 4.5) * 0.5, -1)), 0.004, shade(floor, 0.75))


def _hall(rng: np.random.Generator, pen: Pen, half: float) -> None:
    floor = _floor(rng, pen, half)
    band = random_colour(rng)
    low = rng.uniform(0.1, 0.3)
    pen.box(complex(-half, low), complex(half, low + rng.uniform(0.03, 0.15)), band)
    for step in range(-4, 5):
        pen.line((complex(step * 0.14, 0), complex(step * 0.14, 0.8)), 0.008, shade(band, 0.6))
    for _ in range(rng.integers(1, 4)):
        y = rng.uniform(-0.4, -0.03)
        pen.line((complex(-half, y), complex(half, y + rng.uniform(-0.05, 0.05))), 0.01, shade(floor, 1.5))


def _field(rng: np.random.Generator, pen: Pen, half: float) -> None:
    hill = random_colour(rng, saturation=0.7)
    for _ in range(rng.integers(1, 4)):
        pen.poly(oval(complex(rng.uniform(-half, half), 0), rng.uniform(0.2, 0.6), rng.uniform(0.04, 0.25)), hill)
        hill = shade(hill, rng.uniform(0.8, 1.2))
    ground = _floor(rng, pen, half)
    for _ in range(rng.integers(2, 8)):
        x = rng.uniform(-half, half)
        tall = rng.uniform(0.08, 0.3)
        pen.limb(complex(x, 0), complex(x, tall), 0.02, 0.015, (84, 62, 44))
        crown = shade(ground, rng.uniform(0.5, 0.9))
        for side in (-0.03, 0.0, 0.03):
            pen.disc(complex(x + side, tall + 0.02 - abs(side)), 0.055, crown)
    for _ in range(rng.integers(0, 4)):
        x, y = rng.uniform(-half, half), rng.uniform(0.35, 0.7)
        for step in range(3):
            pen.disc(complex(x + 0.04 * step, y + 0.01 * (step % 2)), 0.035, (240, 240, 242))


def _street(rng: np.random.Generator, pen: Pen, half: float) -> None:
    x = -half
    while x < half:
        w, h = rng.uniform(0.08, 0.22), rng.uniform(0.15, 0.7)
        wall = random_colour(rng, saturation=0.5)
        pen.box(complex(x, 0), complex(x + w, h), wall)
        window = shade(wall, rng.choice([0.5, 1.6]))
        for row in range(int(h / 0.09)):
            for column in range(int(w / 0.05)):
                corner = complex(x + 0.015 + 0.05 * column, 0.03 + 0.09 * row)
                pen.box(corner, corner + 0.022 + 0.045j, window)
        x += w
    road = _floor(rng, pen, half)
    y = rng.uniform(-0.3, -0.08)
    for step in range(-4, 5):
        pen.line((complex(step * 0.15, y), complex(step * 0.15 + 0.07, y)), 0.01, shade(road, 1.7))


def _plain(rng: np.random.Generator, pen: Pen, half: float) -> None:
    if rng.random() < 0.5:
        _floor(rng, pen, half)
    for _ in range(rng.integers(0, 7)):
        spot = complex(rng.uniform(-half, half), rng.uniform(-0.3, 0.8))
        pen.disc(spot, rng.uniform(0.02, 0.12), random_colour(rng, saturation=0.8))


def _thing(rng: np.random.Generator, pen: Pen, half: float) -> None:
    """Something that stands about and means nothing."""
    x, colour = rng.uniform(-half, half), random_colour(rng)
    kind = rng.integers(4)
    if kind == 0:
        size = rng.uniform(0.04, 0.12)
        pen.box(complex(x, -0.04), complex(x + size, size - 0.04), colour)
    elif kind == 1:
        pen.disc(complex(x, rng.uniform(-0.1, 0.1)), rng.uniform(0.015, 0.05), colour)
    elif kind == 2:
        pen.limb(complex(x, -0.03), complex(x + rng.uniform(-0.04, 0.04), rng.uniform(0.2, 0.7)), 0.014, 0.012, colour)
    else:
        pen.line((complex(x, 0.12), complex(x + 0.16, 0.12)), 0.02, colour)
        for leg in (0.02, 0.14):
            pen.line((complex(x + leg, 0.12), complex(x + leg, -0.02)), 0.014, shade(colour, 0.7))


_SETTINGS = (_room, _hall, _field, _street, _plain)
