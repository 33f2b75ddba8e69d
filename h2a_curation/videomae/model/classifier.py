"""The fine-tuned model of VideoMAE V2: the encoder over all tokens, their mean, a norm and one matrix.

State-dict keys are those of the official fine-tuning model.
"""

from torch import Tensor, nn

from h2a_curation.videomae.model.autoencoder import Block, Norm, PatchEmbed, patches_of, through
from h2a_curation.videomae.model.positions import sinusoid_table
from h2a_curation.videomae.presets import ModelConfig


class Classifier(nn.Module):
    """Scores of each class for clips."""

    positions: Tensor

    def __init__(self, config: ModelConfig, num_classes: int, *, mean_pooling: bool = True) -> None:
        """Without `mean_pooling` the first token stands for the clip, as with the official `--use_cls`."""
        super().__init__()
        self.config = config
        self.num_classes = num_classes
        self.patch_embed = PatchEmbed(config)
        self.blocks = nn.ModuleList(Block(config.width, config.num_heads, config) for _ in range(config.depth))
        self.mean_pooling = mean_pooling
        self.add_module("fc_norm" if mean_pooling else "norm", Norm(config.width))
        self.head = nn.Linear(config.width, num_classes)
        self.register_buffer("positions", sinusoid_table(config.num_tokens, config.width), persistent=False)

    def features(self, video_BTHWC: Tensor, kept_BL2: Tensor | None = None) -> Tensor:
        """[batch, width] of uint8 clips; ValueError if they are not of the model's size.

        `kept_BL2` says in training how much of each block's branches stays: see drop_path.py.
        """
        embedded = self.patch_embed(patches_of(video_BTHWC, self.config)) + self.positions
        x = through(self.blocks, embedded, False, kept_BL2=kept_BL2)
        pooled: Tensor = (
            self.get_submodule("fc_norm")(x.mean(dim=1)) if self.mean_pooling else self.get_submodule("norm")(x[:, 0])
        )
        return pooled

    def forward(self, video_BTHWC: Tensor, kept_BL2: Tensor | None = None) -> Tensor:
        """[batch, class] logits of uint8 clips."""
        logits: Tensor = self.head(self.features(video_BTHWC, kept_BL2))
        return logits
