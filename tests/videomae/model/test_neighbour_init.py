import pytest
import torch

from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
from h2a_curation.videomae.model.neighbour_init import look_at_neighbours
from h2a_curation.videomae.presets import PRESETS, preset


def test_the_first_heads_look_at_the_four_neighbours_that_are_visible():
    config = preset("tiny").model
    model = MaskedAutoencoder(config)
    look_at_neighbours(model)
    seen = []
    attention = model.decoder.blocks[0].attn
    attention.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    patches = torch.randint(0, 256, (1, config.num_tokens, config.patch_dim), dtype=torch.uint8)
    every = torch.arange(config.num_tokens)[None]
    model(patches, every, every)
    n = config.num_tokens
    q, k, _ = (
        torch.nn.functional.linear(seen[0], attention.qkv.weight, attention._bias()).view(2 * n, 3, 4, -1).unbind(1)
    )
    weights = torch.einsum("qhd,khd->hqk", q, k).mul(q.shape[-1] ** -0.5).softmax(-1)
    for head, offset in enumerate((1, -1, 8, -8)):
        masked_to_visible = weights[head, n:, :n]
        assert masked_to_visible.sum(dim=1).mean() > 0.9
        assert masked_to_visible.diagonal(offset).mean() > 0.5


def test_only_four_heads_can_look_at_four_neighbours():
    with pytest.raises(ValueError, match="takes 4 decoder heads, not 1"):
        look_at_neighbours(MaskedAutoencoder(preset("micro").model))


def test_official_sizes_start_as_in_the_official_code():
    assert [name for name, p in PRESETS.items() if p.recipe.neighbour_start] == ["tiny", "little"]
