from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from h2a_curation.report.contact_sheet import strip


def gray(level, width_px, height_px):
    return np.full((height_px, width_px, 3), level, np.uint8)


@pytest.mark.parametrize(
    ("size_px", "num_frames", "columns", "rows"),
    [
        ((90, 160), 4, 4, 1),
        ((90, 160), 3, 4, 1),
        ((160, 90), 4, 2, 2),
        ((160, 90), 3, 2, 2),
        ((160, 90), 1, 2, 1),
        ((100, 100), 4, 4, 1),
        ((2000, 20), 4, 2, 2),
    ],
)
def test_frames_stand_in_order(size_px, num_frames, columns, rows):
    levels = (20, 80, 180, 240)
    frames = [gray(level, *size_px) for level in levels[:num_frames]]
    sheet = np.asarray(Image.open(BytesIO(strip(frames, quality=95))))
    height_px, width_px, _ = sheet.shape
    cells = [(height_px * (2 * r + 1) // (2 * rows), width_px * (2 * c + 1) // (2 * columns))
             for r in range(rows) for c in range(columns)]  # fmt: skip
    seen = [int(sheet[cell][0]) for cell in cells[:num_frames]]
    assert seen == pytest.approx(levels[:num_frames], abs=4)


def test_the_same_frames_give_the_same_bytes():
    frames = [gray(9, 40, 30), gray(200, 40, 30)]
    assert strip(frames) == strip(frames)


@pytest.mark.parametrize("num_frames", [0, 5])
def test_one_to_four_frames(num_frames):
    with pytest.raises(AssertionError, match=f"{num_frames} frames"):
        strip([gray(1, 10, 10)] * num_frames)
