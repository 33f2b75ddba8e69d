"""What is predicted, and how far off a prediction is."""

import torch
from torch import Tensor

from h2a_curation.videomae.presets import TUBELET


def patchify(video_BTHWC: Tensor, patch_px: int) -> Tensor:
    """[batch, token, 2 * patch * patch * 3], of the same type: tokens time first and column last; a token's numbers by
    frame, row, column, channel."""
    b, t, h, w, c = video_BTHWC.shape
    rows, columns = h // patch_px, w // patch_px
    x = video_BTHWC.reshape(b, t // TUBELET, TUBELET, rows, patch_px, columns, patch_px, c)
    return x.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(b, t // TUBELET * rows * columns, TUBELET * patch_px**2 * c)


def take_tokens(tokens_BND: Tensor, index_Bn: Tensor) -> Tensor:
    """[batch, n, dim]: each sample's tokens at its own indices."""
    b, n, _ = tokens_BND.shape
    first = torch.arange(0, b * n, n, device=index_Bn.device).unsqueeze(-1)
    row = (index_Bn + first).flatten()  # copies whole rows, where a gather goes number by number
    return tokens_BND.flatten(0, 1).index_select(0, row).view(*index_Bn.shape, -1)


def counted_places(was_hidden_Bm: Tensor) -> Tensor:
    """[batch, k] ascending places, in a row of decoded tokens, of those that the loss counts.

    Rows that count fewer than the fullest are filled up with tokens of weight 0. With the official masks none are: a
    tenth of the decoded tokens is left out in each row.
    """
    k = int(was_hidden_Bm.sum(dim=1).max())
    first = was_hidden_Bm.byte().argsort(dim=1, descending=True, stable=True)[:, :k]
    return first.sort(dim=1).values


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
