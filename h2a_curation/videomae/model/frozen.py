"""The encoder of pretraining as others use it: over all tokens of a clip, nothing hidden, nothing learnt."""

import torch
from torch import Tensor, nn

from h2a_curation.videomae.model.autoencoder import Encoder, patches_of
from h2a_curation.videomae.presets import ModelConfig


class FrozenEncoder(nn.Module):
    """Features of clips. State-dict keys are those of the pretraining model's encoder."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config, recompute=False)

    def features(self, video_BTHWC: Tensor) -> Tensor:
        """[batch, width] of uint8 clips: the mean over all tokens behind the encoder's last norm.

        ValueError if the clips are not of the model's size.
        """
        patches = patches_of(video_BTHWC, self.config)
        everywhere = torch.arange(patches.shape[1], device=patches.device).expand(len(patches), -1)
        tokens: Tensor = self.encoder(patches, everywhere)
        return tokens.mean(dim=1)
