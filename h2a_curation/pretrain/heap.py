"""Two habits that spare a training process on a CPU a twelfth of its time, within little more memory than tensors need.

glibc gives large blocks back to the kernel as soon as they are free, and gets them again, page by page and zeroed, a
moment later: 135,000 page faults a step of ViT-B with 2 samples, 0.47 of its 5.3 s of processor time. Without them
there are a thousand, and the peak is 1.96 GiB in place of 1.92, of 1.7 that weights, gradients, moments and torch
itself take.
"""

import ctypes
import sys

import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_IN_HEAP_BYTES = 32 * 2**20
"""glibc takes no more: larger blocks are mapped on their own whatever one says."""
_NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Have glibc keep what is freed for what is allocated next; with another C library nothing happens."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_IN_HEAP_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)


def allocate_state(optimizer: torch.optim.AdamW) -> None:
    """Give every parameter that has none the state with which AdamW would begin in its first step.

    Moments that are there before the first activations leave no gaps among those that come and go.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state[parameter]
            if not state:
                state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
                state["exp_avg"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
                state["exp_avg_sq"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
