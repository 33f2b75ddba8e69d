"""A head start for the small presets: decoder heads that look at the four patches around each from the first step.

From the official start a model of this size needs some thousand steps before its attention finds a neighbour; until
then its loss is that of predicting each patch's mean (measured on the sample world: still so after 2,000 steps of 16
samples). Starting attention as a set of shifts is known from ConViT (d'Ascoli et al. 2021) and from structured
initialisation (Zheng et al. 2024). All of it may be unlearnt; official presets do not use it.
"""

import torch
from torch import Tensor

from h2a_curation.videomae.model.autoencoder import Attention, Block, MaskedAutoencoder

SHARPNESS = 12.0
"""Attention logit of the patch aimed at; its neighbours get about 3 less."""
VISIBLE_LOGIT = 8.0
"""Logit that visible tokens get over masked ones, which have nothing to tell."""
VISIBLE_SIGNAL = 3.0
"""What the bridge writes into a column of its own for every visible token."""


@torch.no_grad()
def look_at_neighbours(model: MaskedAutoencoder) -> None:
    """Set queries and keys of the decoder's first block: its four heads look right, left, down and up."""
    width, num_columns = model.config.decoder_width, model.config.window[2]
    attention = _first_attention(model)
    offsets = (1, -1, num_columns, -num_columns)
    if attention.num_heads != len(offsets):
        raise ValueError(f"a start by neighbours takes {len(offsets)} decoder heads, not {attention.num_heads}")
    flag = width - 2  # the slowest sine of the position table: as good as 0 at every token
    _mark_visible(model, flag)
    queries, keys, _ = attention.qkv.weight.chunk(3)
    assert attention.q_bias is not None
    biases = attention.q_bias.chunk(len(offsets))
    parts = zip(offsets, queries.chunk(len(offsets)), keys.chunk(len(offsets)), biases, strict=True)
    for offset, query, key, bias in parts:
        _aim(query, key, offset, width)
        key[-1, flag] = 1.0
        bias[-1] = VISIBLE_LOGIT * len(query) ** 0.5


def _first_attention(model: MaskedAutoencoder) -> Attention:
    block = model.decoder.blocks[0]
    assert isinstance(block, Block)
    return block.attn


def _mark_visible(model: MaskedAutoencoder, flag: int) -> None:
    model.encoder.norm.weight[0] = 0.0
    model.encoder.norm.bias[0] = 1.0
    model.encoder_to_decoder.weight[flag] = 0.0
    model.encoder_to_decoder.weight[flag, 0] = VISIBLE_SIGNAL


def _aim(query: Tensor, key: Tensor, offset: int, width: int) -> None:
    """Make query . key largest `offset` tokens ahead: in each pair of sine and cosine a shift is a rotation."""
    head_dim = len(query)
    num_waves = head_dim // 2 - 1
    sine = 2 * torch.arange(num_waves)
    angle = offset / 10000 ** (sine / width)
    scale = (SHARPNESS * head_dim**0.5 / num_waves) ** 0.5
    query.zero_()
    key.zero_()
    query[sine, sine] = query[sine + 1, sine + 1] = scale
    key[sine, sine] = key[sine + 1, sine + 1] = scale * angle.cos()
    key[sine, sine + 1] = -scale * angle.sin()
    key[sine + 1, sine] = scale * angle.sin()
