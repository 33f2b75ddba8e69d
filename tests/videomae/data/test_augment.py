import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from h2a_curation.videomae.data.augment import Box, crop_and_resize, fast_crop_and_resize, multi_scale_box, shrink_for

sides = st.integers(16, 700)


@given(width=sides, height=sides, size=st.sampled_from([64, 96, 224]), seed=st.integers(0, 999))
def test_a_crop_lies_within_the_frame(width, height, size, seed):
    box = multi_scale_box(width, height, (size, size), random.Random(seed))
    assert 0 <= box.left <= width - box.width
    assert 0 <= box.top <= height - box.height
    assert min(width, height) * 0.66 - 3 <= box.width <= max(min(width, height), size)


@given(width=sides, height=sides, target=st.tuples(*[st.sampled_from([32, 64, 96, 224])] * 2), seed=st.integers(0, 99))
def test_a_crop_for_a_picture_that_is_not_square_lies_within_the_frame(width, height, target, seed):
    box = multi_scale_box(width, height, target, random.Random(seed))
    assert 0 <= box.left <= width - box.width
    assert 0 <= box.top <= height - box.height


def official_box(width, height, target, rng):
    """The official draw, written from its description: each side snaps to its own target, and the box may begin
    outside."""
    sides = [int(min(width, height) * scale) for scale in (1, 0.875, 0.75, 0.66)]
    heights, widths = ([wanted if abs(side - wanted) < 3 else side for side in sides] for wanted in target)
    w, h = rng.choice([(widths[j], heights[i]) for i in range(4) for j in range(4) if abs(i - j) <= 1])
    right, down = (width - w) // 4, (height - h) // 4
    places = [(0, 0), (4, 0), (0, 4), (4, 4), (2, 2), (0, 2), (4, 2), (2, 4), (2, 0), (1, 1), (3, 1), (1, 3), (3, 3)]
    x, y = rng.choice(places)
    return x * right, y * down, w, h


@given(width=sides, height=sides, target=st.tuples(*[st.sampled_from([32, 64, 96, 224])] * 2), seed=st.integers(0, 99))
def test_crops_are_the_official_ones_for_every_shape_of_picture(width, height, target, seed):
    box = multi_scale_box(width, height, target, random.Random(seed), parity=True)
    assert (box.left, box.top, box.width, box.height) == official_box(width, height, target, random.Random(seed))


def test_a_crop_of_the_target_size_keeps_its_pixels():
    frames = np.random.default_rng(0).integers(0, 256, (2, 40, 50, 3), dtype=np.uint8)
    cropped = crop_and_resize([Image.fromarray(f) for f in frames], Box(left=7, top=3, width=32, height=32), (32, 32))
    assert np.array_equal(cropped, frames[:, 3:35, 7:39])


@pytest.mark.parametrize(("width", "height"), [(340, 256), (426, 320), (320, 568), (300, 224), (200, 150)])
def test_the_fast_resize_gives_nearly_the_pixels_of_pil(width, height):
    """On noise, which tells filters apart as no picture does."""
    frames = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    boxes = {multi_scale_box(width, height, (224, 224), random.Random(seed)) for seed in range(40)}
    assert len({(box.width, box.height) for box in boxes}) >= 8
    for box in boxes:
        exact = crop_and_resize([Image.fromarray(f) for f in frames], box, (224, 224)).astype(int)
        fast = np.empty((2, 224, 224, 3), np.uint8)
        fast_crop_and_resize(frames, box, fast)
        difference = exact - fast
        assert np.abs(difference).max() <= 2
        assert abs(difference.mean()) < 0.3


@pytest.mark.parametrize(
    ("width", "height", "size", "shrink"), [(320, 568, 64, 3), (320, 568, 224, 1), (60, 80, 64, 1)]
)
def test_frames_are_shrunk_only_while_every_crop_stays_larger_than_the_target(width, height, size, shrink):
    assert shrink_for(width, height, (size, size)) == shrink
    assert shrink == 1 or min(width, height) / shrink * 0.66 >= size
