"""The means of a training run: devices, threads and folders."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The means of a run; nothing of this changes its numbers, but for the last digits.

    Each field that has a help here is an option of `h2a pretrain`.
    """

    micro_clips: int | None = field(
        default=None, metadata={"help": "Clips on a device at a time; default: 32 on a GPU, 2 on a CPU."}
    )
    parallel: str = field(default="ddp", metadata={"help": "Under torchrun: ddp, or fsdp to divide weights too."})
    """`fsdp` is for a model whose weights and optimiser do not fit on one device."""
    compile: bool | None = field(default=None, metadata={"help": "torch.compile; default: on a GPU."})
    device: str | None = field(default=None, metadata={"help": "cpu or cuda; default: cuda where there is one."})
    workers: int = field(default=2, metadata={"help": "Threads of each process that decode."})
    keep: int | None = field(
        default=None, metadata={"help": "Newest checkpoints to keep of those between epochs; default: all."}
    )
    cache: Path | None = field(default=None, metadata={"help": "Folder for copies of shards that lie far away."})
    threads: int | None = None
    """Torch's own threads; default: those that loaders leave free. More than idle cores make it slower, not faster."""
