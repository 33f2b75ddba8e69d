"""The fine-tuned model of VideoMAE V2: the encoder over all tokens, their mean, a norm and one matrix.

State-dict keys are those of the official fine-tuning model.
"""

import torch
from torch import Tensor, nn

from h2a_curation.videomae.model.autoencoder import Block, Norm, PatchEmbed, patches_of, through
from h2a_curation.videomae.model.positions import sinusoid_table
from h2a_curation.videomae.presets import ModelConfig


class Classifier(nn.Module):
    """Scores of each class for clips."""

    positions: Tensor

    def __init__(
        self, config: ModelConfig, num_classes: int, *, mean_pooling: bool = True, recompute: bool = False
    ) -> None:
        """Without `mean_pooling` the first token stands for the clip, as with the official `--use_cls`."""
        super().__init__()
        self.recompute = recompute
        self.config = config
        self.num_classes = num_classes
        self.patch_embed = PatchEmbed(config)
        self.blocks = nn.ModuleList(Block(config.width, config.num_heads, config) for _ in range(config.depth))
        self.mean_pooling = mean_pooling
        self.add_module("fc_norm" if mean_pooling else "norm", Norm(config.width))
        self.head = nn.Linear(config.width, num_classes)
        self.register_buffer("positions", sinusoid_table(config.num_tokens, config.width), persistent=False)

    def features(self, video_BTHWC: Tensor, kept_BL2: Tensor | None = None) -> Tensor:
        """[batch, width] of clips, uint8 or normalised floats; ValueError if they are not of the model's size.

        `kept_BL2` says in training how much of each block's branches stays: see drop_path.py.
        """
        embedded = self.patch_embed(patches_of(video_BTHWC, self.config)) + self.positions
        x = through(self.blocks, embedded, self.recompute, kept_BL2=kept_BL2)
        pooled: Tensor = (
            self.get_submodule("fc_norm")(x.mean(dim=1)) if self.mean_pooling else self.get_submodule("norm")(x[:, 0])
        )
        return pooled

    def forward(self, video_BTHWC: Tensor, kept_BL2: Tensor | None = None, kept_BD: Tensor | None = None) -> Tensor:
        """[batch, class] logits of clips; `kept_BD` are in training the features' factors, 0 where one is dropped."""
        features = self.features(video_BTHWC, kept_BL2)
        logits: Tensor = self.head(features if kept_BD is None else features * kept_BD)
        return logits


def begin(model: Classifier, head_scale: float) -> None:
    """Draw the weights with which fine-tuning begins where no checkpoint has them, in the official order.

    The head's are multiplied by `head_scale`, so that the first steps hardly change what is below.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02, a=-2, b=2)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    with torch.no_grad():
        model.head.weight.mul_(head_scale)
        model.head.bias.mul_(head_scale)
