"""Floating point operations of a training step, as utilisation counts them: what the loss asks for, and no more.

A matrix product of n x k and k x m numbers is 2nkm operations; all else (norms, softmax, GELU) is left out, as
torch.utils.flop_counter leaves it out. A block of width d and hidden width h, of whose n tokens m go on, takes

    2n(2d^2) + 2m(2d^2 + 2dh) + 4nmd

forward, and twice that backward. m is n but in the decoder's last block, of which only what counts in the loss goes on.
Patches have no gradient, so their embedding costs only once more. Recomputed activations do not count: utilisation
would rise by doing work twice.
"""

from h2a_curation.videomae.presets import ModelConfig


def step_flops(config: ModelConfig, samples: int, encoder_mask: float, decoder_mask: float) -> float:
    """Forward and backward of `samples` clips, with the share of tokens hidden from the encoder and the decoder's.

    `samples` are views: clips times repeated augmentation.
    """
    visible, decoded = num_tokens_seen(config, encoder_mask, decoder_mask)
    counted = num_tokens_counted(config, encoder_mask, decoder_mask)
    width, inner, ratio = config.width, config.decoder_width, config.mlp_ratio
    embedding = 2 * visible * config.patch_dim * width
    encoder = config.depth * _block(visible, visible, width, ratio)
    bridge = 2 * visible * width * inner
    length = visible + decoded
    decoder = (config.decoder_depth - 1) * _block(length, length, inner, ratio)
    last = _block(length, counted, inner, ratio)
    head = 2 * counted * inner * config.patch_dim
    return float(samples * (2 * embedding + 3 * (encoder + bridge + decoder + last + head)))


def classifier_flops(config: ModelConfig, views: int, num_classes: int) -> float:
    """One pass of a fine-tuned encoder over so many views of a clip, forward alone: it sees all tokens."""
    embedding = 2 * config.num_tokens * config.patch_dim * config.width
    blocks = config.depth * _block(config.num_tokens, config.num_tokens, config.width, config.mlp_ratio)
    return float(views * (embedding + blocks + 2 * config.width * num_classes))


def num_tokens_seen(config: ModelConfig, encoder_mask: float, decoder_mask: float) -> tuple[int, int]:
    """Tokens of a clip that the encoder sees, and that the decoder predicts; a decoder mask of 0 predicts the rest."""
    slices, rows, columns = config.window
    visible = slices * (rows * columns - int(encoder_mask * rows * columns))
    if not decoder_mask:
        return visible, config.num_tokens - visible
    return visible, config.num_tokens - slices * (rows // 2) * (columns // 2) * int(4 * decoder_mask)


def num_tokens_counted(config: ModelConfig, encoder_mask: float, decoder_mask: float) -> int:
    """Predicted tokens that the encoder did not see, which make up the loss; their mean where masks vary in that."""
    visible, decoded = num_tokens_seen(config, encoder_mask, decoder_mask)
    hidden = config.num_tokens - visible
    return round(hidden * decoded / config.num_tokens) if decoder_mask else hidden


def _block(num_tokens: int, num_kept: int, width: int, mlp_ratio: float) -> int:
    hidden = int(width * mlp_ratio)
    keys_and_values = 2 * num_tokens * 2 * width**2
    rest = 2 * num_kept * (2 * width**2 + 2 * width * hidden)
    return keys_and_values + rest + 4 * num_tokens * num_kept * width
