"""Floating point operations of a training step, as utilisation counts them: what the model asks for, not what a
machine does besides.

A matrix product of n x k and k x m numbers is 2nkm operations; all else (norms, softmax, GELU) is left out, as
torch.utils.flop_counter leaves it out. A block of width d and hidden width h over n tokens takes

    2n(4d^2 + 2dh) + 4n^2d

forward, and twice that backward. Patches have no gradient, so their embedding costs only once more. Recomputed
activations do not count: utilisation would rise by doing work twice.
"""

from h2a_curation.pretrain.presets import ModelConfig


def step_flops(config: ModelConfig, samples: int, encoder_mask: float, decoder_mask: float) -> float:
    """Forward and backward of `samples` clips, with the share of tokens hidden from the encoder and the decoder's.

    `samples` are views: clips times repeated augmentation.
    """
    visible, decoded = num_tokens_seen(config, encoder_mask, decoder_mask)
    width, inner = config.width, config.decoder_width
    embedding = 2 * visible * config.patch_dim * width
    encoder = config.depth * _block(visible, width, config.mlp_ratio)
    bridge = 2 * visible * width * inner
    decoder = config.decoder_depth * _block(visible + decoded, inner, config.mlp_ratio)
    head = 2 * decoded * inner * config.patch_dim
    return float(samples * (2 * embedding + 3 * (encoder + bridge + decoder + head)))


def num_tokens_seen(config: ModelConfig, encoder_mask: float, decoder_mask: float) -> tuple[int, int]:
    """Tokens of a clip that the encoder sees, and that the decoder predicts; a decoder mask of 0 predicts the rest."""
    slices, rows, columns = config.window
    visible = slices * (rows * columns - int(encoder_mask * rows * columns))
    if not decoder_mask:
        return visible, config.num_tokens - visible
    return visible, config.num_tokens - slices * (rows // 2) * (columns // 2) * int(4 * decoder_mask)


def _block(num_tokens: int, width: int, mlp_ratio: float) -> int:
    hidden = int(width * mlp_ratio)
    return 2 * num_tokens * (4 * width**2 + 2 * width * hidden) + 4 * num_tokens**2 * width
