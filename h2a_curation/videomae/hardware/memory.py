"""Device memory of training, in bytes, from the shape of a model: what `h2a plan` adds up.

P parameters take 16P: float32 weights, gradients and AdamW's two moments. DDP holds them all on each device; FSDP
divides them, and holds whole the weights of the block at work and of the next, and the gradients of one, in the type
that is computed in.

bfloat16 is autocast's: each matrix product keeps a bfloat16 copy of its weights for the backward pass (2 bytes a
parameter; under FSDP the weights come as bfloat16 and go again), the residual stream stays float32. A block of width d
and hidden width h keeps, of each token,

    bfloat16  20d + 4h     the inputs of both norms (8d), their outputs (4d), q, k, v (6d), what attention gives (2d),
                           the MLP's hidden layer before and after GELU (4h)
    float32   32d + 8h     the same, all in 4 bytes

With recomputation it keeps its input alone, 4d, and of one block at a time the rest. Attention's logits are never
stored: true of fused attention on GPUs, not of float32 on a CPU. A pixel that is predicted takes 14 bytes in bfloat16,
12 in float32: the prediction, its target, and their difference.
"""

from h2a_curation.videomae.hardware.flops import num_tokens_counted, num_tokens_seen
from h2a_curation.videomae.presets import Dtype, ModelConfig

STATE_BYTES = 16
"""A parameter: weight, gradient and two moments, each in float32."""
CHECKPOINT_BYTES = 12
"""A parameter in a checkpoint: no gradient."""


def num_parameters(config: ModelConfig) -> int:
    """Number of weights of the whole pretraining model."""
    width, inner = config.width, config.decoder_width
    embedding = (config.patch_dim + 1) * width
    encoder = config.depth * _block_parameters(config, width) + 2 * width
    bridge = width * inner + inner
    decoder = config.decoder_depth * _block_parameters(config, inner) + 2 * inner
    return embedding + encoder + bridge + decoder + (inner + 1) * config.patch_dim


def state_bytes(config: ModelConfig, dtype: Dtype, *, num_devices: int, sharded: bool, recompute: bool) -> int:
    """Held by one device whatever the batch: weights, gradients, moments, and copies of weights."""
    count, block = num_parameters(config), _block_parameters(config, config.width)
    if not sharded or num_devices == 1:
        copies = 0 if dtype == "float32" else 2 * (block if recompute else count)
        return STATE_BYTES * count + copies
    whole = (4 if dtype == "float32" else 2) * (2 * block + block)
    return STATE_BYTES * count // num_devices + whole


def sample_bytes(config: ModelConfig, dtype: Dtype, encoder_mask: float, decoder_mask: float, recompute: bool) -> int:
    """Activations that one view of a clip adds, at the end of the forward pass."""
    visible, decoded = num_tokens_seen(config, encoder_mask, decoder_mask)
    counted = num_tokens_counted(config, encoder_mask, decoder_mask)
    width, inner = config.width, config.decoder_width
    encoder = visible * _token_bytes(config, width, dtype)
    decoder = (visible + decoded) * _token_bytes(config, inner, dtype)
    if recompute:
        inputs = 4 * (config.depth * visible * width + config.decoder_depth * (visible + decoded) * inner)
        blocks = inputs + max(encoder, decoder)
    else:
        blocks = config.depth * encoder + config.decoder_depth * decoder
    cast = 4 if dtype == "float32" else 2
    ends = (4 + cast) * (visible * width + counted * inner)  # both last norms: what goes in, and what comes out
    pixels = 2 * config.num_tokens * config.patch_dim + visible * config.patch_dim * cast  # the clip, its patches
    return blocks + ends + pixels + counted * config.patch_dim * (8 + (4 if dtype == "float32" else 6))


def classifier_bytes(config: ModelConfig, num_classes: int) -> int:
    """Weights of a fine-tuned encoder, in float32."""
    embedding = (config.patch_dim + 1) * config.width
    blocks = config.depth * _block_parameters(config, config.width)
    return 4 * (embedding + blocks + 2 * config.width + (config.width + 1) * num_classes)


def view_bytes(config: ModelConfig, dtype: Dtype) -> int:
    """Held for one view while an encoder looks at all its tokens without a gradient: one block's, and the pixels."""
    pixels = config.num_tokens * config.patch_dim * (1 + 4 + 4)  # bytes, floats, and those normalised
    return config.num_tokens * _token_bytes(config, config.width, dtype) + pixels


def _token_bytes(config: ModelConfig, width: int, dtype: Dtype) -> int:
    """Kept by one block for its backward pass, of one token."""
    hidden = int(width * config.mlp_ratio)
    return 32 * width + 8 * hidden if dtype == "float32" else 20 * width + 4 * hidden


def _block_parameters(config: ModelConfig, width: int) -> int:
    hidden = int(width * config.mlp_ratio)
    biases = 2 * width if config.qkv_bias else 0
    scales = 2 * width if config.layer_scale > 0 else 0
    return 4 * width**2 + 2 * width * hidden + hidden + 6 * width + biases + scales
