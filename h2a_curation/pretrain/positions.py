"""The fixed position table: one sinusoid over the flat index of space-time tokens."""

import numpy as np
import torch
from torch import Tensor


def sinusoid_table(num_tokens: int, dim: int) -> Tensor:
    """[token, dim], float32: sine in even columns, cosine in odd ones.

    Computed in float64 and cast once, as the official code does: float32 throughout is off by 1e-4.
    """
    column = np.arange(dim)
    angle = np.arange(num_tokens)[:, None] / np.power(10000, 2 * (column // 2) / dim)
    angle[:, 0::2] = np.sin(angle[:, 0::2])
    angle[:, 1::2] = np.cos(angle[:, 1::2])
    return torch.from_numpy(angle.astype(np.float32))
