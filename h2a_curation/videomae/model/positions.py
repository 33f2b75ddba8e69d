"""The fixed position table: one sinusoid over the flat index of space-time tokens. A learnt one may be resized."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate


def sinusoid_table(num_tokens: int, dim: int) -> Tensor:
    """[token, dim], float32: sine in even columns, cosine in odd ones.

    Computed in float64 and cast once, as the official code does: float32 throughout is off by 1e-4.
    """
    column = np.arange(dim)
    angle = np.arange(num_tokens)[:, None] / np.power(10000, 2 * (column // 2) / dim)
    angle[:, 0::2] = np.sin(angle[:, 0::2])
    angle[:, 1::2] = np.cos(angle[:, 1::2])
    return torch.from_numpy(angle.astype(np.float32))


def resized_table(table_ND: Tensor, num_slices: int, grid: tuple[int, int]) -> Tensor:
    """A learnt table [token, dim] for slices of so many rows and columns, each slice resized alone, bicubically.

    A sinusoid is never resized: one of another grid is computed, because it goes over the flat index. ValueError for a
    table that is not of so many square slices.
    """
    num_tokens, dim = table_ND.shape
    old = round((num_tokens / num_slices) ** 0.5)
    if num_slices * old**2 != num_tokens:
        raise ValueError(f"a table of {num_tokens} tokens is not of {num_slices} square slices")
    slices_TDHW = table_ND.view(num_slices, old, old, dim).permute(0, 3, 1, 2)
    resized = interpolate(slices_TDHW, size=grid, mode="bicubic", align_corners=False)
    return resized.permute(0, 2, 3, 1).reshape(-1, dim)
