"""What is predicted, and how far off a prediction is."""

import torch
from torch import Tensor

from h2a_curation.pretrain.presets import TUBELET


def patchify(video_BTHWC: Tensor, patch_px: int) -> Tensor:
    """[batch, token, 2 * patch * patch * 3], of the same type: tokens time first and column last; a token's numbers by
    frame, row, column, channel."""
    b, t, h, w, c = video_BTHWC.shape
    rows, columns = h // patch_px, w // patch_px
    x = video_BTHWC.reshape(b, t // TUBELET, TUBELET, rows, patch_px, columns, patch_px, c)
    return x.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(b, t // TUBELET * rows * columns, TUBELET * patch_px**2 * c)


def take_tokens(tokens_BND: Tensor, index_Bn: Tensor) -> Tensor:
    """[batch, n, dim]: each sample's tokens at its own indices."""
    return torch.take_along_dim(tokens_BND, index_Bn.unsqueeze(-1), dim=1)


def targets(patches_BnP: Tensor, *, normalise: bool = True) -> Tensor:
    """float32 targets of uint8 patches: pixels in 0..1, by default less their mean and over their deviation.

    Mean and deviation are those of one channel of one token, the deviation is unbiased, and 1e-6 is added to it.
    """
    pixels = patches_BnP.float() / 255
    if not normalise:
        return pixels
    by_channel = pixels.view(*pixels.shape[:-1], -1, 3)
    mean = by_channel.mean(dim=-2, keepdim=True)
    deviation = by_channel.var(dim=-2, unbiased=True, keepdim=True).sqrt()
    normalised: Tensor = (by_channel - mean) / (deviation + 1e-6)
    return normalised.flatten(-2)


def token_errors(predicted_BnP: Tensor, target_BnP: Tensor) -> Tensor:
    """[batch, n] mean squared error of each token, in float32."""
    return (predicted_BnP.float() - target_BnP).square().mean(dim=-1)


def masked_loss(errors_Bn: Tensor, was_hidden_Bn: Tensor) -> Tensor:
    """Mean over the decoded tokens that the encoder did not see, of the whole batch."""
    weight = was_hidden_Bn.to(errors_Bn.dtype)
    return (errors_Bn * weight).sum() / weight.sum()
