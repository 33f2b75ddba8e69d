"""A clip at a glance: a few of its frames in one small JPEG."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NUM_FRAMES = 4
_WIDTH_PX = 441
_GAP_PX = 3
_WIDE = 1.2
"""From this width over height on, frames stand two by two: four in a row would be stamps."""


def strip(frames: Sequence[NDArray[np.uint8]], quality: int = 72) -> bytes:
    """JPEG, about 440 px wide and some 20 kB, of one to four frames [height, width, rgb] of one size.

    Upright frames stand in a row, wide ones two by two; where frames are missing, the ground shows.
    """
    assert 1 <= len(frames) <= NUM_FRAMES, f"{len(frames)} frames"
    height_px, width_px, _ = frames[0].shape
    columns = 2 if width_px / height_px > _WIDE else NUM_FRAMES
    cell_width = (_WIDTH_PX - (columns - 1) * _GAP_PX) // columns
    cell_height = max(1, round(cell_width * height_px / width_px))
    rows = -(-len(frames) // columns)
    size = (columns * (cell_width + _GAP_PX) - _GAP_PX, rows * (cell_height + _GAP_PX) - _GAP_PX)
    sheet = Image.new("RGB", size, (127, 127, 127))
    for i, frame in enumerate(frames):
        place = (i % columns * (cell_width + _GAP_PX), i // columns * (cell_height + _GAP_PX))
        sheet.paste(Image.fromarray(frame).resize((cell_width, cell_height), Image.Resampling.LANCZOS), place)
    out = BytesIO()
    sheet.save(out, "JPEG", quality=quality)
    return out.getvalue()
