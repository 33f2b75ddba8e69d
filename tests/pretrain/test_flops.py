import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from h2a_curation.pretrain.flops import num_tokens_seen, step_flops
from h2a_curation.pretrain.model import MaskedAutoencoder
from h2a_curation.pretrain.presets import preset


def counted(config, samples, encoder_mask, decoder_mask):
    """By torch, on the meta device, with attention written out."""
    visible, decoded = num_tokens_seen(config, encoder_mask, decoder_mask)
    with torch.device("meta"):
        model = MaskedAutoencoder(config).to("meta")
        patches = torch.zeros(samples, config.num_tokens, config.patch_dim, dtype=torch.uint8)
        seen, asked = (torch.zeros(samples, n, dtype=torch.long) for n in (visible, decoded))
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            model(patches, seen, asked).sum().backward()
    return counter.get_total_flops()


@pytest.mark.parametrize(
    ("name", "samples", "masks"),
    [("micro", 2, (0.9, 0.5)), ("tiny", 3, (0.25, 0.0)), ("vit_b", 2, (0.9, 0.5)), ("vit_g", 1, (0.9, 0.5))],
)
def test_the_formula_is_what_torch_counts(name, samples, masks):
    config = preset(name).model
    assert step_flops(config, samples, *masks) == counted(config, samples, *masks)


@pytest.mark.parametrize(
    ("name", "masks", "seen"),
    [
        ("vit_b", (0.9, 0.5), (160, 784)),
        ("vit_b", (0.9, 0.0), (160, 1408)),
        ("vit_g", (0.9, 0.5), (208, 1024)),
        ("vit_g", (0.9, 0.75), (208, 512)),
    ],
)
def test_tokens_are_those_of_the_masks(name, masks, seen):
    assert num_tokens_seen(preset(name).model, *masks) == seen
