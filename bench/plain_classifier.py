"""The fine-tuning model as the official code computes it, to be compared with: nothing here is fused or left out.

Written from `../shared/design/videomae2.md`, sections 1, 6.1 and 6.7. Branches are dropped by torch's own generator.
"""

import torch
from torch import Tensor, nn

from bench.plain_model import PlainBlock, PlainPatchEmbed
from h2a_curation.videomae.model.drop_path import drop_rates
from h2a_curation.videomae.model.positions import sinusoid_table
from h2a_curation.videomae.presets import ModelConfig


class PlainClassifier(nn.Module):
    """All tokens through all blocks, their mean, a norm and one matrix; weights have the official names."""

    def __init__(self, config: ModelConfig, num_classes: int, drop_path: float) -> None:
        super().__init__()
        self.patch_embed = PlainPatchEmbed(config)
        self.table = sinusoid_table(config.num_tokens, config.width).unsqueeze(0)
        self.blocks = nn.ModuleList(PlainBlock(config.width, config.num_heads, config) for _ in range(config.depth))
        self.fc_norm = nn.LayerNorm(config.width, eps=1e-6)
        self.head = nn.Linear(config.width, num_classes)
        self.rates = drop_rates(drop_path, config.depth)

    def forward(self, video_BCTHW: Tensor) -> Tensor:
        """[batch, class] logits of normalised clips."""
        x = self.patch_embed(video_BCTHW)
        x = x + self.table.type_as(x).clone().detach()
        for block, rate in zip(self.blocks, self.rates, strict=True):
            assert isinstance(block, PlainBlock)
            x = x + dropped(block.attn(block.norm1(x)), rate)
            x = x + dropped(block.mlp(block.norm2(x)), rate)
        logits: Tensor = self.head(self.fc_norm(x.mean(1)))
        return logits


def dropped(branch: Tensor, rate: float) -> Tensor:
    """A branch without that of some samples, as timm 0.4.12 has it."""
    if rate == 0:
        return branch
    kept = 1 - rate
    drawn = kept + torch.rand((len(branch), 1, 1))
    return branch.div(kept) * drawn.floor_()


def plain_mixup(video_BCTHW: Tensor, targets_BC: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """A batch blended with itself in the other order, in place of the clips, as timm does it."""
    flipped = video_BCTHW.flip(0).mul_(1 - share)
    return video_BCTHW.mul_(share).add_(flipped), targets_BC * share + targets_BC.flip(0) * (1 - share)


def plain_loss(logits_BC: Tensor, targets_BC: Tensor) -> Tensor:
    """Mean cross-entropy of logits and probabilities."""
    loss: Tensor = torch.sum(-targets_BC * logits_BC.log_softmax(dim=-1), dim=-1).mean()
    return loss
