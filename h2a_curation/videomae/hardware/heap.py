"""Habits that spare a training process on a CPU a sixth of its time, within little more memory than its tensors need.

glibc gives large blocks back to the kernel as soon as they are free, and gets them again, page by page and zeroed, a
moment later; and the kernel hands out small pages unless asked for large ones. Measured on ViT-B with 2 samples, in
turns on one busy core (AMD EPYC, AVX2), processor time and page faults of a step, and the peak:

    as glibc has it, blocks above 4 MiB apart    7.39 s    137,000    1.90 GiB
    freed memory kept                            6.54 s      2,000    1.96 GiB
    and large pages                              6.22 s      2,500    1.97 GiB

Weights, gradients, moments and torch itself take 1.7 GiB of it.
"""

import ctypes
import os
import sys

import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_IN_HEAP_BYTES = 32 * 2**20
"""glibc takes no more: larger blocks are mapped on their own whatever one says."""
_NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Have glibc keep what is freed for what is allocated next, and torch ask for large pages.

    To be called before the process makes its first tensor, when torch looks whether it should; later only the former
    is done. With another C library nothing happens.
    """
    os.environ["THP_MEM_ALLOC_ENABLE"] = "1"
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
