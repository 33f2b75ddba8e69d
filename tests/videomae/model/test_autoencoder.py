from dataclasses import replace

import pytest
import torch

from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder, token_indices
from h2a_curation.videomae.model.loss import counted_places, take_tokens
from h2a_curation.videomae.model.recomputed_gelu import gelu_then_linear
from h2a_curation.videomae.presets import ModelConfig, preset

SMALL = ModelConfig(
    image_px=32, num_frames=4, width=32, depth=2, num_heads=2, decoder_width=16, decoder_depth=1, decoder_num_heads=1
)


@pytest.mark.parametrize(
    ("name", "num_parameters", "of_encoder"),
    [
        ("vit_s", 24_029_376, 21_879_936),
        ("vit_b", 94_210_944, 86_227_200),
        ("vit_l", 317_782_016, 303_860_736),
        ("vit_h", 645_659_392, 631_607_040),
        ("vit_g", 1_026_306_560, 1_011_610_752),
    ],
)
def test_presets_have_the_official_number_of_parameters(name, num_parameters, of_encoder):
    with torch.device("meta"):
        model = MaskedAutoencoder(preset(name).model)
    assert sum(p.numel() for p in model.parameters()) == num_parameters
    assert sum(p.numel() for p in model.encoder.parameters()) == of_encoder


@pytest.mark.parametrize("name", ["vit_s", "vit_b", "vit_l", "vit_h", "vit_g"])
def test_presets_predict_the_official_number_of_tokens(name):
    config = preset(name).model
    num_visible, num_decoded = (208, 1024) if config.patch_px == 14 else (160, 784)
    with torch.device("meta"):
        model = MaskedAutoencoder(config).to("meta")
        patches = torch.zeros(2, config.num_tokens, config.patch_dim, dtype=torch.uint8)
        visible, decoded = (torch.zeros(2, n, dtype=torch.long) for n in (num_visible, num_decoded))
        counted = decoded[:, : num_decoded * 9 // 10]
        assert model(patches, visible, decoded).shape == (2, num_decoded, config.patch_dim)
        assert model(patches, visible, decoded, counted).shape == (2, counted.shape[1], config.patch_dim)


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(ValueError, match="no preset 'vit_x'; known: micro, tiny, little, vit_s, vit_b"):
        preset("vit_x")


def test_weights_start_as_in_the_official_code():
    model = MaskedAutoencoder(SMALL)
    block = model.encoder.blocks[0]
    bound = (6 / (32 + 96)) ** 0.5
    assert 0.9 * bound < block.attn.qkv.weight.abs().max() <= bound
    assert 0.01 < model.mask_token.abs().max() <= 0.02
    assert block.mlp.fc1.bias.abs().max() == 0
    assert model.encoder.patch_embed.proj.bias.abs().max() > 0
    assert model.encoder_to_decoder.weight.abs().max() <= 32**-0.5


def test_hidden_tokens_do_not_reach_the_prediction():
    model = MaskedAutoencoder(SMALL)
    video = torch.randint(0, 256, (1, 4, 32, 32, 3), dtype=torch.uint8)
    visible, decoded = torch.tensor([[0, 5]]), torch.tensor([[1, 2, 7]])
    patches = model.patchify(video)
    other = patches.clone()
    other[0, [1, 2, 3, 4, 6, 7]] = 0
    assert torch.equal(model(patches, visible, decoded), model(other, visible, decoded))


def test_computing_activations_again_changes_nothing():
    patches = torch.randint(0, 256, (1, 8, 1536), dtype=torch.uint8)
    visible, decoded = torch.tensor([[0, 5]]), torch.tensor([[1, 2, 7]])
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(0)
        model = MaskedAutoencoder(SMALL, recompute=recompute)
        model(patches, visible, decoded).square().mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert torch.equal(*gradients)


@pytest.mark.parametrize(
    "variant",
    [SMALL, replace(SMALL, qkv_bias=False, layer_scale=0.1), replace(SMALL, cosine_attention=True, decoder_depth=2)],
)
@pytest.mark.parametrize("recompute", [False, True])
def test_predicting_only_what_counts_changes_no_gradient(variant, recompute):
    torch.manual_seed(0)
    model = MaskedAutoencoder(variant, recompute=recompute)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    patches = torch.randint(0, 256, (2, 8, 1536), dtype=torch.uint8)
    visible, decoded = torch.tensor([[0, 5], [1, 4]]), torch.tensor([[1, 2, 5, 7], [0, 1, 3, 6]])
    counted = torch.tensor([[0, 1, 3], [0, 2, 3]])
    some = model(patches, visible, decoded, counted)
    some.square().sum().backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    same = take_tokens(model(patches, visible, decoded), counted)
    same.square().sum().backward()
    torch.testing.assert_close(some, same)
    torch.testing.assert_close(gradients, {n: p.grad for n, p in model.named_parameters()}, rtol=1e-4, atol=1e-4)


def test_places_that_count_are_ascending_and_fill_up_to_the_fullest_row():
    was_hidden = torch.tensor([[True, False, True, True], [False, True, False, True]])
    assert counted_places(was_hidden).tolist() == [[0, 2, 3], [0, 1, 3]]


def test_a_gelu_made_again_has_the_same_gradients():
    torch.manual_seed(0)
    layer, hidden = torch.nn.Linear(6, 4), torch.randn(2, 3, 6, requires_grad=True)
    gradients = []
    for out in (gelu_then_linear(hidden, layer), layer(torch.nn.functional.gelu(hidden))):
        gradients.append(torch.autograd.grad(out.square().sum(), [hidden, *layer.parameters()]))
    torch.testing.assert_close(*gradients)


def test_masks_that_leave_unequal_numbers_of_tokens_are_refused():
    assert token_indices(torch.tensor([[True, False, True], [False, True, True]])).tolist() == [[0, 2], [1, 2]]
    with pytest.raises(ValueError, match="equally many"):
        token_indices(torch.tensor([[True, False, True, True], [False, False, False, True]]))


def test_clips_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"takes clips of shape \(4, 32, 32, 3\), not \(4, 48, 32, 3\)"):
        MaskedAutoencoder(SMALL).patchify(torch.zeros(1, 4, 48, 32, 3, dtype=torch.uint8))
