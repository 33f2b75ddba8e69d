import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from h2a_curation.measure.frames import LookRules
from h2a_curation.measure.perceptual_hash import FLAT, HashRules, hash_clips, perceptual_hashes
from h2a_curation.video.sample_frames import look as look_at
from tests.measure.looks import look
from tests.videos import CLIPS, make


def distances(one, other):
    return [(a ^ b).bit_count() for a, b in zip(one, other, strict=True)]


def test_a_row_holds_the_exact_hash_and_one_perceptual_hash_a_frame():
    [row] = hash_clips([("c1", look())], HashRules(), model="h")
    assert (row.clip_id, row.model, row.frames_sha256, len(row.phash)) == ("c1", "h", "aa", 2)


@settings(deadline=None, max_examples=40)
@given(arrays(np.uint8, (1, 9, 70, 3)))
def test_any_picture_has_a_64_bit_hash_that_its_brightness_does_not_change(frames):
    [value] = perceptual_hashes(frames // 2, HashRules())
    assert 0 <= value < 1 << 63
    assert perceptual_hashes(frames // 2 + np.uint8(50), HashRules()) == [value]


@pytest.mark.parametrize("level", [0, 16, 255])
def test_a_frame_without_a_picture_is_flat(level):
    noise = np.random.default_rng(0).integers(0, 3, (1, 320, 240, 3), np.uint8)
    assert perceptual_hashes(np.clip(noise + np.uint8(min(level, 250)), 0, 255), HashRules()) == [FLAT]


@settings(deadline=None, max_examples=40)
@given(st.integers(33, 500), st.integers(33, 500))
def test_the_hash_is_of_the_picture_and_not_of_its_size(height, width):
    y, x = np.mgrid[0:1:480j, 0:1:270j]
    picture = (np.sin(9 * x + 4 * y * y) * np.cos(7 * y) * 100 + 128).astype(np.uint8)
    rows, columns = np.linspace(0, 479, height).round().astype(int), np.linspace(0, 269, width).round().astype(int)
    both = [np.repeat(p[None, :, :, None], 3, axis=3) for p in (picture, picture[np.ix_(rows, columns)])]
    assert distances(*(perceptual_hashes(frames, HashRules()) for frames in both))[0] <= 6


@pytest.mark.skipif(not CLIPS.exists(), reason="../shared/clips is absent")
def test_copies_are_near_and_other_clips_far(tmp_path):
    names = ["basketball.mp4", "cat.mp4", "yoga.mp4"]
    first = {name: make(tmp_path / name, "-i", str(CLIPS / name), "-t", "1.5", "-an") for name in names}
    worse = ("-vf", "scale=200:-2", "-c:v", "libx264", "-crf", "33", "-an")
    again = {name: make(tmp_path / f"again_{name}", "-i", str(file), *worse) for name, file in first.items()}
    hashes = {
        file: perceptual_hashes(look_at(str(file), LookRules()).frames, HashRules())
        for file in (*first.values(), *again.values())
    }
    for name in names:
        assert np.median(distances(hashes[first[name]], hashes[again[name]])) <= 4
        for other in names:
            if other != name:
                assert np.median(distances(hashes[first[name]], hashes[again[other]])) >= 20
