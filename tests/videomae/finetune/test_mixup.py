import numpy as np
import pytest
import torch

from h2a_curation.videomae.finetune.mixup import ALONE, Mix, draw_mix, mixed_targets, mixed_videos, soft_target_errors
from h2a_curation.videomae.rules import MixingRules

VIDEOS = torch.arange(4.0)[:, None, None, None, None].expand(4, 2, 6, 8, 3)
LABELS = torch.tensor([0, 1, 2, 0])


def mixes(num=200, **rules):
    return [draw_mix(MixingRules(**rules), 6, 8, np.random.RandomState(seed)) for seed in range(num)]


def test_a_sample_is_blended_with_the_one_at_its_place_from_the_end():
    mixed = mixed_videos(VIDEOS, Mix(share=0.75))
    assert mixed[:, 0, 0, 0, 0].tolist() == [0.75, 1.25, 1.75, 2.25]
    targets = mixed_targets(LABELS, 3, 0.0, Mix(share=0.75))
    assert targets.tolist() == [[1, 0, 0], [0, 0.75, 0.25], [0, 0.25, 0.75], [1, 0, 0]]


def test_a_box_comes_from_the_partner_in_all_frames_and_the_share_is_what_is_left():
    mixed = mixed_videos(VIDEOS, Mix(share=0.75, box=(2, 1, 5, 4)))
    assert mixed[0, :, 1:4, 2:5].unique().tolist() == [3]
    assert (mixed[0] == 3).sum() == 2 * 9 * 3
    for mix in mixes(mixup=0):
        left, top, right, bottom = mix.box
        assert 0 <= left <= right <= 8
        assert 0 <= top <= bottom <= 6
        assert mix.share == pytest.approx(1 - (right - left) * (bottom - top) / 48)


def test_what_is_off_is_never_drawn():
    assert all(mix.box is None for mix in mixes(cutmix=0))
    assert all(mix.box is not None for mix in mixes(mixup=0))
    assert set(mixes(mixup=0, cutmix=0)) == set(mixes(mixup_probability=0)) == {ALONE}
    shares = [mix == ALONE for mix in mixes(mixup_probability=0.5)]
    assert 0.4 < np.mean(shares) < 0.6
    assert 0.6 < np.mean([mix.box is None for mix in mixes(switch_probability=0.3)]) < 0.8
    assert torch.equal(mixed_videos(VIDEOS, ALONE), VIDEOS)


def test_smoothed_targets_are_the_smoothed_loss():
    torch.manual_seed(1)
    logits = torch.randn(4, 3)
    ours = soft_target_errors(logits, mixed_targets(LABELS, 3, 0.1, ALONE)).mean()
    assert ours.item() == pytest.approx(
        torch.nn.functional.cross_entropy(logits, LABELS, label_smoothing=0.1).item(), abs=1e-6
    )
