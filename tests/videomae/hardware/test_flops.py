import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from h2a_curation.videomae.data.masking import dual_masks
from h2a_curation.videomae.hardware.flops import num_tokens_counted, num_tokens_seen, step_flops
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
from h2a_curation.videomae.presets import preset


def counted(config, samples, encoder_mask, decoder_mask):
    """By torch, on the meta device, with attention written out."""
    numbers = (
        *num_tokens_seen(config, encoder_mask, decoder_mask),
        num_tokens_counted(config, encoder_mask, decoder_mask),
    )
    with torch.device("meta"):
        model = MaskedAutoencoder(config).to("meta")
        patches = torch.zeros(samples, config.num_tokens, config.patch_dim, dtype=torch.uint8)
        indices = [torch.zeros(samples, n, dtype=torch.long) for n in numbers]
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            model(patches, *indices).sum().backward()
    return counter.get_total_flops()


@pytest.mark.parametrize(
    ("name", "samples", "masks"),
    [("micro", 2, (0.9, 0.5)), ("tiny", 3, (0.25, 0.0)), ("vit_b", 2, (0.9, 0.5)), ("vit_g", 1, (0.9, 0.5))],
)
def test_the_formula_is_what_torch_counts(name, samples, masks):
    config = preset(name).model
    assert step_flops(config, samples, *masks) == counted(config, samples, *masks)


@pytest.mark.parametrize(
    ("name", "masks", "numbers"),
    [
        ("vit_b", (0.9, 0.5), (160, 784, 704)),
        ("vit_b", (0.9, 0.0), (160, 1408, 1408)),
        ("vit_g", (0.9, 0.5), (208, 1024, 920)),
        ("vit_g", (0.9, 0.75), (208, 512, 460)),
    ],
)
def test_tokens_are_those_of_the_masks(name, masks, numbers):
    config = preset(name).model
    assert (*num_tokens_seen(config, *masks), num_tokens_counted(config, *masks)) == numbers
    hidden, not_decoded = dual_masks(config.window, *masks, np.random.RandomState(0))
    assert ((~hidden).sum(), (~not_decoded).sum(), (hidden & ~not_decoded).sum()) == numbers
