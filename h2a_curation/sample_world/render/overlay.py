"""Text over the picture, as short videos have it."""

import textwrap
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from h2a_curation.sample_world.render.body import random_colour
from h2a_curation.sample_world.render.pen import Colour, Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A picture of the text with its alpha, and where it goes."""

    rgb: NDArray[np.uint16]
    alpha: NDArray[np.uint16]
    top_px: int
    left_px: int

    def draw(self, frame: Image) -> None:
        """Paint over the frame."""
        height, width = self.alpha.shape[:2]
        part = frame[self.top_px : self.top_px + height, self.left_px : self.left_px + width]
        part[:] = (part * (255 - self.alpha) + self.rgb * self.alpha) // 255


def random_overlay(rng: np.random.Generator, text: str, width_px: int, height_px: int) -> Overlay | None:
    """Near the top or the bottom; None where there is no text."""
    if not text:
        return None
    size_px = round(width_px * rng.uniform(0.045, 0.075)) if width_px < height_px else round(height_px * 0.08)
    ink: Colour = (255, 255, 255) if rng.random() < 0.6 else random_colour(rng)
    box = random_colour(rng) if rng.random() < 0.4 else None
    sprite = text_sprite(text, size_px, width_px - 24, ink, box=box)[:height_px]
    height, width = sprite.shape[:2]
    place = rng.choice([rng.uniform(0.05, 0.16), rng.uniform(0.72, 0.86)])
    top = int(min(height_px - height, place * height_px))
    left = int((width_px - width) * rng.uniform(0.2, 0.8))
    return Overlay(
        rgb=sprite[..., :3].astype(np.uint16), alpha=sprite[..., 3:].astype(np.uint16), top_px=top, left_px=left
    )


def text_sprite(text: str, size_px: int, max_width_px: int, ink: Colour, *, box: Colour | None) -> NDArray[np.uint8]:
    """[height, width, rgba], wrapped to the width; outlined in black where there is no box behind it."""
    font = ImageFont.load_default(size_px)
    wrapped = "\n".join(textwrap.wrap(text, max(6, int(max_width_px / size_px / 0.56))))
    pad = max(2, size_px // 5)
    measure = ImageDraw.Draw(PillowImage.new("RGBA", (1, 1)))
    left, top, right, bottom = measure.multiline_textbbox((0, 0), wrapped, font=font, stroke_width=2)
    size = (min(int(right - left) + 2 * pad, max_width_px), int(bottom - top) + 2 * pad)
    picture = PillowImage.new("RGBA", size, (*box, 255) if box else (0, 0, 0, 0))
    ImageDraw.Draw(picture).multiline_text(
        (pad - left, pad - top), wrapped, ink, font, align="center", stroke_width=0 if box else 2, stroke_fill=(0, 0, 0)
    )
    return np.asarray(picture)
