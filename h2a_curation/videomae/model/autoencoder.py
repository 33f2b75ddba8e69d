"""The masked autoencoder of VideoMAE V2, on torch's fused attention. State-dict keys are the official ones."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from h2a_curation.videomae.model.drop_path import scaled
from h2a_curation.videomae.model.loss import patchify, take_tokens
from h2a_curation.videomae.model.positions import sinusoid_table
from h2a_curation.videomae.model.recomputed_gelu import gelu_then_linear
from h2a_curation.videomae.presets import TUBELET, ModelConfig

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MAX_LOG_SCALE = 4.6052
"""The official bound on cosine attention's scale: a rounded ln 100."""


class Attention(nn.Module):
    """Self-attention; by cosines, if asked, with a learnt scale for each head."""

    def __init__(self, dim: int, num_heads: int, *, qkv_bias: bool, cosine: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.scale = nn.Parameter(torch.full((num_heads, 1, 1), 10.0).log()) if cosine else None
        self.q_bias = nn.Parameter(torch.zeros(dim)) if qkv_bias else None
        self.v_bias = nn.Parameter(torch.zeros(dim)) if qkv_bias else None
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x_BND: Tensor, wanted_Bk: Tensor | None = None) -> Tensor:
        """Attend over all tokens; returns the same shape, or with `wanted_Bk` only those tokens, which still look
        at all.
        """
        b, n, d = x_BND.shape
        bias = self._bias()
        if wanted_Bk is None:
            qkv = functional.linear(x_BND, self.qkv.weight, bias)
            q, k, v = (each.transpose(1, 2) for each in qkv.view(b, n, 3, self.num_heads, -1).unbind(2))
        else:
            wanted = take_tokens(x_BND, wanted_Bk)
            of_q, of_kv = self.qkv.weight.tensor_split([d])
            bias_of_q, bias_of_kv = (None, None) if bias is None else bias.tensor_split([d])
            q = functional.linear(wanted, of_q, bias_of_q).view(b, -1, self.num_heads, d // self.num_heads)
            q = q.transpose(1, 2)
            kv = functional.linear(x_BND, of_kv, bias_of_kv)
            k, v = (each.transpose(1, 2) for each in kv.view(b, n, 2, self.num_heads, -1).unbind(2))
        if self.scale is None:
            out = functional.scaled_dot_product_attention(q, k, v)
        else:
            q = functional.normalize(q, dim=-1) * self.scale.clamp(max=MAX_LOG_SCALE).exp()
            k = functional.normalize(k, dim=-1)
            out = functional.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, scale=1.0)
        projected: Tensor = self.proj(out.transpose(1, 2).flatten(2))
        return projected

    def _bias(self) -> Tensor | None:
        """Keys have no bias."""
        if self.q_bias is None or self.v_bias is None:
            return None
        return torch.cat([self.q_bias, torch.zeros_like(self.v_bias), self.v_bias])


class Mlp(nn.Module):
    """Two matrices with an exact GELU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the two layers to each token; returns the same shape."""
        hidden = self.fc1(x)
        if hidden.dtype == self.fc2.weight.dtype and not torch.compiler.is_compiling():
            return gelu_then_linear(hidden, self.fc2)
        out: Tensor = self.fc2(functional.gelu(hidden))
        return out


class Norm(nn.LayerNorm):
    """A layer norm that computes in the type of what comes in, also with weights that FSDP gathered in bfloat16."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each token; returns the same shape."""
        return functional.layer_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps)


class Block(nn.Module):
    """Attention, then the MLP, each behind a norm and added to what came in."""

    def __init__(self, dim: int, num_heads: int, config: ModelConfig) -> None:
        super().__init__()
        scale = config.layer_scale
        self.gamma_1 = nn.Parameter(torch.full((dim,), scale)) if scale > 0 else None
        self.gamma_2 = nn.Parameter(torch.full((dim,), scale)) if scale > 0 else None
        self.norm1 = Norm(dim)
        self.attn = Attention(dim, num_heads, qkv_bias=config.qkv_bias, cosine=config.cosine_attention)
        self.norm2 = Norm(dim)
        self.mlp = Mlp(dim, int(dim * config.mlp_ratio))

    def forward(self, x: Tensor, wanted_Bk: Tensor | None = None, kept_B2: Tensor | None = None) -> Tensor:
        """Attention, then the two layers, each added to what came in; returns the same shape, or only the tokens of
        `wanted_Bk`. `kept_B2` says how much of each is added: see drop_path.py.
        """
        attended = self.attn(self.norm1(x), wanted_Bk)
        if wanted_Bk is not None:
            x = take_tokens(x, wanted_Bk)
        attended = attended if self.gamma_1 is None else self.gamma_1 * attended
        x = x + (attended if kept_B2 is None else scaled(attended, kept_B2[:, 0]))
        mixed = self.mlp(self.norm2(x))
        mixed = mixed if self.gamma_2 is None else self.gamma_2 * mixed
        out: Tensor = x + (mixed if kept_B2 is None else scaled(mixed, kept_B2[:, 1]))
        return out


class PatchEmbed(nn.Module):
    """The official 3-D convolution, whose kernel is its stride, as a matrix product over just the patches given."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        kernel = (TUBELET, config.patch_px, config.patch_px)
        self.proj = nn.Conv3d(3, config.width, kernel_size=kernel, stride=kernel)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD), persistent=False)

    def forward(self, patches_BnP: Tensor) -> Tensor:
        """[batch, n, width] of uint8 patches, or of floats that are normalised already."""
        normalised = patches_BnP
        if not patches_BnP.is_floating_point():
            pixels = patches_BnP.view(*patches_BnP.shape[:-1], -1, 3).float() / 255
            normalised = ((pixels - self.mean) / self.std).flatten(-2)
        weight = self.proj.weight.permute(0, 2, 3, 4, 1).flatten(1)
        return functional.linear(normalised, weight, self.proj.bias)


class Encoder(nn.Module):
    """Reads the visible patches."""

    positions: Tensor

    def __init__(self, config: ModelConfig, *, recompute: bool) -> None:
        super().__init__()
        self.recompute = recompute
        self.patch_embed = PatchEmbed(config)
        self.blocks = nn.ModuleList(Block(config.width, config.num_heads, config) for _ in range(config.depth))
        self.norm = Norm(config.width)
        self.register_buffer("positions", sinusoid_table(config.num_tokens, config.width), persistent=False)
        self.apply(_init)

    def forward(self, patches_BnP: Tensor, index_Bn: Tensor, kept_BL2: Tensor | None = None) -> Tensor:
        """[batch, n, width] features of uint8 patches that lie at these tokens."""
        x = self.patch_embed(patches_BnP) + self.positions[index_Bn]
        out: Tensor = self.norm(through(self.blocks, x, self.recompute, kept_BL2=kept_BL2))
        return out


class Decoder(nn.Module):
    """Predicts pixels at the end of its sequence."""

    positions: Tensor

    def __init__(self, config: ModelConfig, *, recompute: bool) -> None:
        super().__init__()
        self.recompute = recompute
        width, num_heads = config.decoder_width, config.decoder_num_heads
        self.blocks = nn.ModuleList(Block(width, num_heads, config) for _ in range(config.decoder_depth))
        self.norm = Norm(width)
        self.head = nn.Linear(width, config.patch_dim)
        self.register_buffer("positions", sinusoid_table(config.num_tokens, width), persistent=False)
        self.apply(_init)

    def forward(
        self, x_BND: Tensor, num_predicted: int, counted_Bk: Tensor | None = None, kept_BL2: Tensor | None = None
    ) -> Tensor:
        """[batch, num_predicted, patch_dim], of the last tokens; with `counted_Bk` only of those among them.

        The last block then leaves out what no prediction comes from: a quarter of its tokens at the official masks.
        """
        wanted = None if counted_Bk is None else counted_Bk + x_BND.shape[1] - num_predicted
        x = through(self.blocks, x_BND, self.recompute, wanted, kept_BL2)
        out: Tensor = self.head(self.norm(x if counted_Bk is not None else x[:, -num_predicted:]))
        return out


class MaskedAutoencoder(nn.Module):
    """Sees few tokens of a clip, predicts others."""

    def __init__(self, config: ModelConfig, *, recompute: bool = False) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config, recompute=recompute)
        self.decoder = Decoder(config, recompute=recompute)
        self.encoder_to_decoder = nn.Linear(config.width, config.decoder_width, bias=False)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, config.decoder_width))
        nn.init.trunc_normal_(self.mask_token, std=0.02, a=-0.02, b=0.02)

    def patchify(self, video_BTHWC: Tensor) -> Tensor:
        """Patches of uint8 clips; ValueError if they are not of the model's size."""
        return patches_of(video_BTHWC, self.config)

    def forward(
        self,
        patches_BNP: Tensor,
        visible_Bn: Tensor,
        decoded_Bm: Tensor,
        counted_Bk: Tensor | None = None,
        kept_BL2: Tensor | None = None,
    ) -> Tensor:
        """[batch, decoded, patch_dim]: predictions at `decoded_Bm`, from the uint8 patches at `visible_Bn`.

        Indices are ascending in each row. A decoded token may be visible too: it is then predicted all the same, unless
        `counted_Bk`, places in the rows of `decoded_Bm`, names the tokens to predict: [batch, counted, patch_dim]. The
        others are still looked at. `kept_BL2` says how much of each branch stays, of the encoder's blocks, then of the
        decoder's: see drop_path.py.
        """
        kept_e, kept_d = (None, None) if kept_BL2 is None else kept_BL2.tensor_split([self.config.depth], dim=1)
        seen = self.encoder(take_tokens(patches_BNP, visible_Bn), visible_Bn, kept_e)
        table = self.decoder.positions
        known = self.encoder_to_decoder(seen) + table[visible_Bn]
        asked = self.mask_token + table[decoded_Bm]
        out: Tensor = self.decoder(torch.cat([known, asked], dim=1), decoded_Bm.shape[1], counted_Bk, kept_d)
        return out


def patches_of(video_BTHWC: Tensor, config: ModelConfig) -> Tensor:
    """Patches of uint8 clips; ValueError if they are not of the model's size."""
    wanted = (config.num_frames, *config.frame_px, 3)
    if video_BTHWC.shape[1:] != wanted:
        raise ValueError(f"the model takes clips of shape {wanted}, not {tuple(video_BTHWC.shape[1:])}")
    return patchify(video_BTHWC, config.patch_px)


def token_indices(mask_BN: Tensor) -> Tensor:
    """[batch, n] ascending indices of the True tokens; ValueError unless every sample has the same number."""
    counts = mask_BN.sum(dim=1)
    if counts.min() != counts.max():
        raise ValueError(f"masks of one batch must leave equally many tokens, not {sorted(set(counts.tolist()))}")
    return mask_BN.nonzero()[:, 1].view(mask_BN.shape[0], -1)


def through(
    blocks: nn.ModuleList,
    x: Tensor,
    recompute: bool,
    wanted_Bk: Tensor | None = None,
    kept_BL2: Tensor | None = None,
) -> Tensor:
    """All tokens of the last block, or just those wanted; with so much of each block's branches as is kept."""
    for i, block in enumerate(blocks):
        inputs = (x, wanted_Bk if i + 1 == len(blocks) else None, None if kept_BL2 is None else kept_BL2[:, i])
        x = checkpoint(block, *inputs, use_reentrant=False) if recompute and torch.is_grad_enabled() else block(*inputs)
    return x


def _init(module: nn.Module) -> None:
    """Xavier for the matrices, with qkv as one; torch's own start for the patch embedding."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
