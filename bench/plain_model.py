"""The pretraining model as the official code computes it, to be compared with: nothing here is fused or left out.

Attention is two matrix products and a softmax, every patch of a clip is embedded by a 3-D convolution before the hidden
ones are dropped by boolean indexing, targets are made of all patches. Written from `../shared/design/videomae2.md`,
sections 1 to 3; `python -m bench.pretrain_step --check-plain ../shared/golden` shows that it is the same model.
Always float32; weights have the official names.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from h2a_curation.videomae.model.positions import sinusoid_table
from h2a_curation.videomae.presets import ModelConfig

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
TUBELET = 2


class PlainAttention(nn.Module):
    """Queries times keys, softmax, times values."""

    def __init__(self, dim: int, num_heads: int, config: ModelConfig) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_scale = (dim // num_heads) ** -0.5
        if config.cosine_attention:
            self.scale = nn.Parameter(torch.log(torch.full((num_heads, 1, 1), 10.0)))
        self.q_bias = nn.Parameter(torch.zeros(dim)) if config.qkv_bias else None
        self.v_bias = nn.Parameter(torch.zeros(dim)) if config.qkv_bias else None
        self.cosine = config.cosine_attention
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x_BND: Tensor) -> Tensor:
        """Of the same shape."""
        b, n, d = x_BND.shape
        bias = None
        if self.q_bias is not None and self.v_bias is not None:
            bias = torch.cat([self.q_bias, torch.zeros_like(self.v_bias, requires_grad=False), self.v_bias])
        qkv = functional.linear(x_BND, self.qkv.weight, bias)
        q, k, v = qkv.reshape(b, n, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        if self.cosine:
            logits = functional.normalize(q, dim=-1) @ functional.normalize(k, dim=-1).transpose(-2, -1)
            logits = logits * torch.clamp(self.scale, max=4.6052).exp()
        else:
            logits = (q * self.head_scale) @ k.transpose(-2, -1)
        out = (logits.softmax(dim=-1) @ v).transpose(1, 2).reshape(b, n, d)
        projected: Tensor = self.proj(out)
        return projected


class PlainMlp(nn.Module):
    """Two matrices with an exact GELU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Of the same shape."""
        out: Tensor = self.fc2(self.act(self.fc1(x)))
        return out


class PlainBlock(nn.Module):
    """Pre-norm attention and MLP."""

    def __init__(self, dim: int, num_heads: int, config: ModelConfig) -> None:
        super().__init__()
        scaled = config.layer_scale > 0
        self.gamma_1 = nn.Parameter(config.layer_scale * torch.ones(dim)) if scaled else None
        self.gamma_2 = nn.Parameter(config.layer_scale * torch.ones(dim)) if scaled else None
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = PlainAttention(dim, num_heads, config)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = PlainMlp(dim, int(dim * config.mlp_ratio))

    def forward(self, x: Tensor) -> Tensor:
        """Of the same shape."""
        if self.gamma_1 is None or self.gamma_2 is None:
            x = x + self.attn(self.norm1(x))
            x = x + self.mlp(self.norm2(x))
        else:
            x = x + self.gamma_1 * self.attn(self.norm1(x))
            x = x + self.gamma_2 * self.mlp(self.norm2(x))
        return x


class PlainPatchEmbed(nn.Module):
    """All patches of a normalised clip [batch, 3, frame, height, width] as [batch, token, width]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        kernel = (TUBELET, config.patch_px, config.patch_px)
        self.proj = nn.Conv3d(3, config.width, kernel_size=kernel, stride=kernel)

    def forward(self, video_BCTHW: Tensor) -> Tensor:
        """Tokens time first and column last."""
        embedded: Tensor = self.proj(video_BCTHW)
        return embedded.flatten(2).transpose(1, 2)


class PlainEncoder(nn.Module):
    """Embeds every patch and keeps the visible."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.patch_embed = PlainPatchEmbed(config)
        self.table = sinusoid_table(config.num_tokens, config.width).unsqueeze(0)
        self.blocks = nn.ModuleList(PlainBlock(config.width, config.num_heads, config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, eps=1e-6)

    def forward(self, video_BCTHW: Tensor, hidden_BN: Tensor) -> Tensor:
        """[batch, visible, width]"""
        x = self.patch_embed(video_BCTHW)
        x = x + self.table.type_as(x).clone().detach()
        x = x[~hidden_BN].reshape(len(x), -1, x.shape[-1])
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)
        return out


class PlainDecoder(nn.Module):
    """Predicts the last tokens of its sequence."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, num_heads = config.decoder_width, config.decoder_num_heads
        self.blocks = nn.ModuleList(PlainBlock(width, num_heads, config) for _ in range(config.decoder_depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, config.patch_dim)

    def forward(self, x: Tensor, num_predicted: int) -> Tensor:
        """[batch, num_predicted, patch_dim]"""
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(self.norm(x[:, -num_predicted:]))
        return out


class PlainModel(nn.Module):
    """Encoder, bridge and decoder; masks are as in the official code: True is hidden, or not decoded."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = PlainEncoder(config)
        self.decoder = PlainDecoder(config)
        self.encoder_to_decoder = nn.Linear(config.width, config.decoder_width, bias=False)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, config.decoder_width))
        self.table = sinusoid_table(config.num_tokens, config.decoder_width).unsqueeze(0)

    def forward(self, video_BCTHW: Tensor, hidden_BN: Tensor, not_decoded_BN: Tensor) -> Tensor:
        """[batch, decoded, patch_dim]"""
        seen = self.encoder_to_decoder(self.encoder(video_BCTHW, hidden_BN))
        b, _, width = seen.shape
        table = self.table.expand(b, -1, -1).type_as(seen).clone().detach()
        positions_seen = table[~hidden_BN].reshape(b, -1, width)
        positions_decoded = table[~not_decoded_BN].reshape(b, -1, width)
        x = torch.cat([seen + positions_seen, self.mask_token + positions_decoded], dim=1)
        out: Tensor = self.decoder(x, positions_decoded.shape[1])
        return out


def normalised(video_BTHWC: Tensor) -> Tensor:
    """What the official loader hands over for uint8 clips: [batch, 3, frame, height, width], float32."""
    mean, std = torch.tensor(MEAN), torch.tensor(STD)
    return ((video_BTHWC.float() / 255 - mean) / std).permute(0, 4, 1, 2, 3).contiguous()


@torch.no_grad()
def plain_targets(video_BCTHW: Tensor, patch_px: int, *, normalise: bool = True) -> Tensor:
    """[batch, token, patch_dim] of all tokens."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1, 1) for values in (MEAN, STD))
    pixels = video_BCTHW * std + mean
    b, c, t, h, w = pixels.shape
    grid = pixels.view(b, c, t // TUBELET, TUBELET, h // patch_px, patch_px, w // patch_px, patch_px)
    patches = grid.permute(0, 2, 4, 6, 3, 5, 7, 1).reshape(b, -1, TUBELET * patch_px**2, c)
    if normalise:
        deviation = patches.var(dim=-2, unbiased=True, keepdim=True).sqrt() + 1e-6
        patches = (patches - patches.mean(dim=-2, keepdim=True)) / deviation
    return patches.flatten(-2)


def plain_errors(model: PlainModel, video_BCTHW: Tensor, hidden_BN: Tensor, not_decoded_BN: Tensor) -> Tensor:
    """[batch, decoded] mean squared error of each decoded token."""
    every = plain_targets(video_BCTHW, model.config.patch_px)
    labels = every[~not_decoded_BN].reshape(len(every), -1, every.shape[-1])
    predicted = model(video_BCTHW, hidden_BN, not_decoded_BN)
    errors: Tensor = (predicted - labels).square().mean(dim=-1)
    return errors


def plain_loss(errors_Bm: Tensor, hidden_BN: Tensor, not_decoded_BN: Tensor) -> Tensor:
    """Mean over the decoded tokens that were hidden."""
    weight = hidden_BN[~not_decoded_BN].reshape(errors_Bm.shape)
    return (errors_Bm * weight).sum() / weight.sum()
