"""Two habits that keep a training process on a CPU within little more memory than its tensors need.

Backward passes free activations in pieces too small for the gradients that come after them. Measured on ViT-B with 2
samples: 2.00 GiB at the peak without these, 1.97 with the moments made early, 1.88 with both, of 1.7 that weights,
gradients, moments and torch itself take.
"""

import ctypes
import sys

import torch

LARGE_BYTES = 4 * 2**20
_M_MMAP_THRESHOLD = -3


def keep_large_blocks_apart() -> None:
    """Have glibc map blocks of `LARGE_BYTES` on their own, always: by itself it stops doing so as a process goes on."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)


def allocate_state(optimizer: torch.optim.AdamW) -> None:
    """Give every parameter that has none the state with which AdamW would begin in its first step."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state[parameter]
            if not state:
                state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
                state["exp_avg"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
                state["exp_avg_sq"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
