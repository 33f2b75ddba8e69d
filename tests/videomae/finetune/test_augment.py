import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from h2a_curation.videomae.finetune.augment import as_pictures, augmented, normalised
from h2a_curation.videomae.finetune.crops import erase, random_crop
from h2a_curation.videomae.finetune.generators import of_key, of_seed
from h2a_curation.videomae.finetune.rand_augment import OPERATIONS, operated, rand_augment
from h2a_curation.videomae.rules import AugmentationRules

FRAMES = np.random.RandomState(1).randint(0, 256, (3, 40, 60, 3), dtype=np.uint8)
PLAIN = AugmentationRules(rand_operations=0, flip=False, erase_probability=0)
WHOLE = replace(PLAIN, crop_area=(1.0, 1.0), crop_aspect=(1.5, 1.5))


def test_with_all_off_a_clip_is_only_normalised():
    pixels = augmented(as_pictures(FRAMES), (40, 60), WHOLE, of_seed(1))
    assert torch.allclose(pixels, normalised(torch.from_numpy(FRAMES).float() / 255), atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_half_of_the_clips_are_mirrored(seed):
    plain = augmented(as_pictures(FRAMES), (40, 60), WHOLE, of_seed(seed))
    flipped = augmented(as_pictures(FRAMES), (40, 60), replace(WHOLE, flip=True), of_seed(seed))
    mirrored = np.random.RandomState(seed).uniform(size=2)[1] < 0.5
    assert torch.equal(flipped, plain.flip(2) if mirrored else plain)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_does_the_same_to_all_frames_of_a_clip(name):
    picture = Image.fromarray(FRAMES[0])
    changed = operated([picture] * 3, name, AugmentationRules(), random.Random(3))
    assert len({frame.tobytes() for frame in changed}) == 1
    assert changed[0].size == picture.size


def test_a_clip_is_changed_by_half_of_the_operations_drawn():
    picture, rules = [Image.fromarray(FRAMES[0])], AugmentationRules(rand_operations=1)
    same = [rand_augment(picture, rules, random.Random(i), np.random.RandomState(i)) == picture for i in range(300)]
    assert 0.4 < np.mean(same) < 0.62


def test_crops_lie_within_the_frame_and_the_middle_is_taken_where_none_fits():
    rules = AugmentationRules()
    for seed in range(300):
        box = random_crop(40, 60, rules, random.Random(seed), np.random.RandomState(seed))
        assert 0 <= box.left < box.left + box.width <= 60
        assert 0 <= box.top < box.top + box.height <= 40
    for height, width in ((400, 10), (10, 400)):
        box = random_crop(
            height, width, replace(rules, crop_area=(1.0, 1.0)), random.Random(1), np.random.RandomState(1)
        )
        assert max(box.width / box.height, box.height / box.width) <= 1.4
        assert (box.left, box.top) == ((width - box.width) // 2, (height - box.height) // 2)


def test_noise_fills_one_box_of_all_frames_and_differs_between_them():
    pixels = torch.zeros(3, 30, 30, 3)
    erase(pixels, AugmentationRules(erase_probability=1), of_seed(5))
    places = [frame.abs().sum(2).nonzero() for frame in pixels]
    assert torch.equal(places[0], places[1])
    assert 0 < len(places[0]) < 30 * 30 / 2
    assert not torch.equal(pixels[0], pixels[1])
    erase(untouched := torch.zeros(3, 30, 30, 3), AugmentationRules(erase_probability=0), of_seed(5))
    assert not untouched.any()


def test_a_key_decides_all_that_is_drawn():
    rules = replace(AugmentationRules(), erase_probability=1.0)
    ours, again, other = (augmented(as_pictures(FRAMES), (32, 32), rules, of_key(key)) for key in ("a", "a", "b"))
    assert torch.equal(ours, again)
    assert not torch.equal(ours, other)


@pytest.mark.parametrize("limits", [{"crop_area": (0.5, 0.2)}, {"crop_aspect": (2.0, 1.0)}])
def test_limits_in_the_wrong_order_are_refused(limits):
    with pytest.raises(ValueError, match="the least comes first"):
        AugmentationRules(**limits)
