"""What a device can do: its types, its speed, its memory, and compiled code for it."""

import re
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import torch
from torch import nn

from h2a_curation.videomae.hardware.precision import multiplies_bfloat16
from h2a_curation.videomae.presets import Dtype

MICRO_CLIPS = {"cuda": 32, "cpu": 2}
"""Clips that a device holds at a time, if nothing is asked: on GPUs as many as in the official scripts."""


def micro_clips_for(batch_clips: int, num_devices: int, asked: int | None, device: torch.device) -> int:
    """Clips that a device holds at a time; ValueError in one line if they cannot make up the batch."""
    share, rest = divmod(batch_clips, num_devices)
    if rest:
        raise ValueError(f"{batch_clips} clips a step cannot be divided among {num_devices} devices alike")
    if asked is None:
        return next(n for n in range(min(share, MICRO_CLIPS[device.type]), 0, -1) if share % n == 0)
    if asked < 1 or share % asked:
        raise ValueError(f"{share} clips a step on each device cannot be taken {asked} at a time: use a divisor")
    return asked


def used_dtype(device: torch.device, asked: Dtype) -> Dtype:
    """float32 where bfloat16 would be slower besides."""
    return asked if multiplies_bfloat16(device.type) else "float32"


def autocast(device: torch.device, dtype: Dtype) -> AbstractContextManager[object]:
    """Matrix products in that type. No weight is used twice in a pass: keeping their casts would only cost memory."""
    if used_dtype(device, dtype) == "float32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


def float32_products(device: torch.device) -> None:
    """Let a GPU take matrix products of float32 in TF32, with 10 bits of mantissa in place of 23.

    That is what training in float32 means on a GPU since Ampere, some 8 times as fast, and of bfloat16's range.
    """
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")


def compile_blocks(blocks: Iterable[nn.Module]) -> None:
    """Compile what is called most: blocks of one kind share the code of the first, so it takes seconds, not minutes.

    Only their forward, so that the hooks of FSDP stay outside, and names and state of the model stay as they are.
    """
    for block in blocks:
        block.forward = torch.compile(block.forward, dynamic=False)


@contextmanager
def compiling() -> Iterator[None]:
    """RuntimeError in one line where torch.compile fails, as without a C++ compiler or on an old GPU."""
    try:
        yield
    except RuntimeError as failed:
        if not type(failed).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        told = str(failed).splitlines()[0]
        raise RuntimeError(f"torch.compile fails ({told:.200}): use --no-compile") from failed


def uncompiled(compiled: bool) -> AbstractContextManager[object]:
    """Run a compiled model as the code is written, for shapes that come up once and are not worth a compilation."""
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager") if compiled else nullcontext()
    return stance


def peak_memory_bytes(device: torch.device) -> int:
    """The most so far: of the device, or without one of this process.

    Linux hands a larger parent's peak on in rusage, but not in VmHWM. Elsewhere (macOS) rusage counts bytes.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(re.findall(r"VmHWM:\s*(\d+)", status.read_text(encoding="utf-8"))[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def matmul_flops_per_s(device: torch.device, dtype: Dtype) -> float:
    """The most that a plain matrix product reaches here, the measure of utilisation: a fraction of a second's work."""
    side, rounds = (8192, 10) if device.type == "cuda" else (1024, 3)
    a, b = (torch.randn(side, side, device=device, dtype=getattr(torch, dtype)) for _ in range(2))

    def product() -> None:
        torch.mm(a, b)

    return 2 * side**3 / min(_seconds(product, device) for _ in range(rounds))


def _seconds(work: Callable[[], None], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    began_s = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began_s
