"""A picture of what the model makes of clips that it never saw: original, what is visible, and the reconstruction."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from h2a_curation.videomae.hardware.devices import autocast
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder, token_indices
from h2a_curation.videomae.model.loss import take_tokens
from h2a_curation.videomae.presets import TUBELET, Dtype, ModelConfig
from h2a_curation.videomae.pretrain.held_out import PICTURE_CLIPS
from h2a_curation.videomae.pretrain.samples import Batch

GREY = 128
_FRAMES = 4
"""Frames shown of each clip."""


@torch.no_grad()
def picture(model: MaskedAutoencoder, batch: Batch, dtype: Dtype = "float32") -> Image.Image:
    """Three rows a clip: original, masked, reconstructed. Hidden patches are all predicted, whatever the decoder mask.

    The model predicts a patch less its mean and over its deviation: both are taken from the original.
    """
    batch = batch.to(model.mask_token.device)
    patches = model.patchify(batch.video[:PICTURE_CLIPS])
    visible = batch.visible[:PICTURE_CLIPS]
    hidden = token_indices(torch.ones(patches.shape[:2], device=patches.device).scatter(1, visible, 0).bool())
    with autocast(patches.device, dtype):
        predicted = model(patches, visible, hidden).float()
    rebuilt = _denormalise(predicted, take_tokens(patches, hidden))
    masked = _put(patches, hidden, torch.full_like(rebuilt, GREY))
    rows = [_unpatchify(p, model.config) for p in (patches, masked, _put(patches, hidden, rebuilt))]
    shown = np.linspace(0, model.config.num_frames - 1, _FRAMES).astype(int)
    lines = [np.concatenate(list(row[clip, shown]), axis=1) for clip in range(len(patches)) for row in rows]
    image = Image.fromarray(np.concatenate(lines, axis=0))
    scale = max(1, 160 // model.config.image_px)
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def _denormalise(predicted_BnP: Tensor, original_BnP: Tensor) -> Tensor:
    by_channel = original_BnP.view(*original_BnP.shape[:-1], -1, 3).float()
    deviation, mean = torch.std_mean(by_channel, dim=-2, keepdim=True)
    pixels: Tensor = predicted_BnP.view_as(by_channel) * deviation + mean
    return pixels.round().clamp(0, 255).to(torch.uint8).flatten(-2)


def _put(patches_BNP: Tensor, index_Bn: Tensor, new_BnP: Tensor) -> Tensor:
    return patches_BNP.scatter(1, index_Bn.unsqueeze(-1).expand_as(new_BnP), new_BnP)


def _unpatchify(patches_BNP: Tensor, config: ModelConfig) -> NDArray[np.uint8]:
    """Pictures as [batch, frame, height, width, rgb]."""
    slices, rows, columns = config.window
    side = config.patch_px
    x = patches_BNP.cpu().numpy().reshape(-1, slices, rows, columns, TUBELET, side, side, 3)
    return x.transpose(0, 1, 4, 2, 5, 3, 6, 7).reshape(len(x), slices * TUBELET, rows * side, columns * side, 3)
