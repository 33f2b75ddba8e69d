import pytest
import torch

from h2a_curation.videomae.model.autoencoder import Block, MaskedAutoencoder, token_indices
from h2a_curation.videomae.model.drop_path import drop_rates, kept_branches, scaled
from h2a_curation.videomae.presets import ModelConfig

CONFIG = ModelConfig(
    image_px=32, num_frames=4, width=24, depth=2, num_heads=2, decoder_width=16, decoder_depth=2, decoder_num_heads=1
)


def test_rates_rise_along_a_straight_line_and_the_first_block_always_stays():
    assert drop_rates(0.3, 4) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert drop_rates(0.3, 1) == [0]
    assert (kept_branches(torch.rand(50, 1, 2), [0.0]) == 1).all()


def test_a_branch_is_left_out_as_often_as_its_rate_says_and_is_else_enlarged():
    torch.manual_seed(1)
    kept = kept_branches(torch.rand(20_000, 2, 2), [0.0, 0.4])
    assert kept[:, 1].unique().tolist() == pytest.approx([0, 1 / 0.6])
    assert (kept[:, 1] == 0).float().mean() == pytest.approx(0.4, abs=0.02)
    assert kept.mean() == pytest.approx(1, abs=0.02)


def test_each_branch_of_each_sample_is_left_out_by_itself():
    torch.manual_seed(2)
    block, x = Block(24, 2, CONFIG), torch.randn(3, 5, 24)
    kept = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    out = block(x, None, kept)
    assert torch.equal(out[0], x[0])
    assert torch.equal(out[1], block(x)[1])
    assert torch.equal(out[2], (x + 2 * block.mlp(block.norm2(x)))[2])


@pytest.mark.parametrize("recompute", [False, True])
def test_encoder_and_decoder_have_blocks_of_their_own(recompute):
    torch.manual_seed(3)
    model = MaskedAutoencoder(CONFIG, recompute=recompute)
    patches = model.patchify(torch.randint(0, 256, (2, 4, 32, 32, 3), dtype=torch.uint8))
    visible = torch.tensor([[True] * 4 + [False] * 4] * 2)
    places = patches, token_indices(visible), token_indices(~visible), None
    whole = model(*places)
    assert torch.equal(model(*places, torch.ones(2, 4, 2)), whole)
    for block in range(4):
        kept = torch.ones(2, 4, 2)
        kept[1, block, 0] = 0
        out = model(*places, kept)
        assert torch.equal(out[0], whole[0])
        assert not torch.allclose(out[1], whole[1], atol=1e-4)


def test_what_stays_is_enlarged_exactly_in_bfloat16_too():
    branch, kept = torch.ones(1, 2, 3, dtype=torch.bfloat16), torch.tensor([1 / 0.7])
    assert scaled(branch, kept).unique().tolist() == pytest.approx([1 / 0.7], rel=1e-6)
