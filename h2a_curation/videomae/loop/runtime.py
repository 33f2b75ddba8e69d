"""The means of a training run: devices, threads and folders."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from h2a_curation.foundation.ranges import Range, check_ranges

KINDS = ("ddp", "fsdp")
"""Ways to train in parallel."""
KEPT = 5
"""Checkpoints between epochs that a run keeps, where nobody says: one of ViT-g is 12 GB, and 800 epochs make 40."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The means of a run; nothing of this changes its numbers, but for the last digits.

    Each field that has a help here is an option of `h2a pretrain`.
    """

    micro_clips: Annotated[int | None, Range(at_least=1)] = field(
        default=None, metadata={"help": "Clips on a device at a time; default: 32 on a GPU, 2 on a CPU."}
    )
    parallel: str = field(default="ddp", metadata={"help": "Under torchrun: ddp, or fsdp to divide weights too."})
    """`fsdp` is for a model whose weights and optimiser do not fit on one device."""
    compile: bool | None = field(default=None, metadata={"help": "torch.compile; default: on a GPU."})
    device: str | None = field(default=None, metadata={"help": "cpu or cuda; default: cuda where there is one."})
    workers: Annotated[int | None, Range(at_least=1, at_most=1024)] = field(
        default=None,
        metadata={"help": "Threads of each process that decode; default: on a GPU its cores less one, else 2."},
    )
    keep: Annotated[int | None, Range(at_least=0)] = field(
        default=None,
        metadata={"help": f"Newest checkpoints to keep of those between epochs; 0: all; default: {KEPT}."},
    )
    cache: Path | None = field(default=None, metadata={"help": "Folder for copies of shards that lie far away."})
    threads: Annotated[int | None, Range(at_least=1)] = None
    """Torch's own threads; default: those that loaders leave free. More than idle cores make it slower, not faster."""

    def __post_init__(self) -> None:
        check_ranges(self, spelt="--{}")
        if self.parallel not in KINDS:
            raise ValueError(f"no way {self.parallel!r} to train in parallel; known: {', '.join(KINDS)}")
        if self.device is not None and not re.fullmatch(r"cpu|cuda(:\d+)?", self.device):
            raise ValueError(f"no device {self.device!r}; known: cpu, cuda")
