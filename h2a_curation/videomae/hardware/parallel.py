"""Several processes that train one model: what torchrun tells each, what they agree on, and who holds which weights."""

import gc
import os
import re
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")

PATIENCE_S = 600.0
"""How long a process waits for the others before it holds one of them for dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessGroup:
    """This process among those of a run."""

    rank: int = 0
    size: int = 1
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the one process that writes."""
        return self.rank == 0

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def largest(self, *numbers: int) -> list[int]:
        """The largest of all processes' numbers, each by its place."""
        if self.size == 1:
            return list(numbers)
        box = torch.tensor(numbers)
        distributed.all_reduce(box, distributed.ReduceOp.MAX)
        return [int(number) for number in box]

    def agreed(self, value: T) -> T:
        """What the first process has."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def gathered(self, values: list[T]) -> list[T]:
        """The lists of all processes, one after the other."""
        if self.size == 1:
            return values
        lists: list[list[T]] = [[] for _ in range(self.size)]
        distributed.all_gather_object(lists, values)
        return [value for part in lists for value in part]


def device_kind(asked: str | None) -> str:
    """`cuda` where there is one, unless asked otherwise; ValueError where it is asked for and there is none."""
    kind = asked or ("cuda" if torch.cuda.is_available() else "cpu")
    if kind.partition(":")[0] not in ("cpu", "cuda"):
        raise ValueError(f"no device {kind!r}: use cpu or cuda")
    if kind.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"no device {kind} here: torch finds no GPU; use --device cpu")
    return kind


def alone(device: str | None) -> ProcessGroup:
    """This process by itself, whatever torchrun says; ValueError as `device_kind`."""
    return ProcessGroup(device=torch.device(device_kind(device)))


@contextmanager
def joined(device: str | None, patience_s: float = PATIENCE_S) -> Iterator[ProcessGroup]:
    """The world that torchrun's variables RANK, WORLD_SIZE and LOCAL_RANK describe; without them, this process alone.

    ConnectionError in one line where another process dies, or lets this one wait for longer than `patience_s`.
    """
    kind = device_kind(device)
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ProcessGroup(device=torch.device(kind))
        return
    if kind == "cuda":
        kind = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(kind)
    backend = "cpu:gloo,cuda:nccl" if kind.startswith("cuda") else "gloo"
    try:
        distributed.init_process_group(backend, rank=rank, world_size=size, timeout=timedelta(seconds=patience_s))
        yield ProcessGroup(rank=rank, size=size, device=torch.device(kind))
    except BaseException as broken:
        traceback.clear_frames(broken.__traceback__)
        if not isinstance(broken, RuntimeError) or not _is_of_a_lost_process(broken):
            raise
        told = re.sub(r"^\[.*?\] ", "", str(broken).splitlines()[0]).partition(". ")[0]
        raise ConnectionError(
            f"process {rank} of {size} has lost another one, which ended or hangs ({told}); "
            "see what that one said, and start all again: they go on from the newest checkpoint"
        ) from broken
    finally:
        # DDP must be gone before its group. Whoever lets go of a group last waits for threads that may want Python's
        # lock, which only Python's own handle gives up meanwhile: else one run in two hung at its end (torch 2.13).
        gc.collect()
        if distributed.is_initialized():
            distributed.destroy_process_group()


def num_local_processes() -> int:
    """Processes of this run that share this machine's cores."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def spread(
    model: nn.Module, blocks: Iterable[nn.Module], world: ProcessGroup, kind: str, *, gather_bfloat16: bool = False
) -> nn.Module:
    """Put the model on the world's devices; returns what is to be called in training.

    `ddp` keeps all weights in each process, `fsdp` divides them and the optimiser's state: the model itself then holds
    shards, block by block. Both give each process the mean gradient. With `gather_bfloat16` the shards stay float32,
    and what is sent of them to compute with is bfloat16, half as much; gradients are summed in float32.
    """
    if world.size == 1:
        return model.to(world.device)
    if kind == "fsdp":
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

        warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view")  # nothing is done to it in place
        mesh = init_device_mesh(world.device.type, (world.size,))
        # What goes in is not cast: what each block adds to stays float32, as without FSDP, and autocast does the rest.
        policy = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16 if gather_bfloat16 else None,
            reduce_dtype=torch.float32,
            cast_forward_inputs=False,
        )
        for part in (*blocks, model):
            fully_shard(part, mesh=mesh, mp_policy=policy)
        return model.to(world.device)
    return DistributedDataParallel(model.to(world.device), forward_sync_buffers=False, gradient_as_bucket_view=True)


def without_exchange(called: nn.Module, *, last: bool) -> AbstractContextManager[object]:
    """For all backward passes of a step but its last: gradients stay with each process of DDP.

    Under FSDP they are exchanged each time, because whole ones would take the memory that it saves.
    """
    return called.no_sync() if isinstance(called, DistributedDataParallel) and not last else nullcontext()


def whole(value: Tensor) -> Tensor:
    """All of a tensor that is divided among processes, which must all call this; another as it is.

    A divided one is known by its method: torch's module of them takes a third of all that training imports.
    """
    gather = getattr(value, "full_tensor", None)
    return value if gather is None else gather()


def on_host(value: Any, *, keep: bool = True) -> Any:
    """A copy of a state dict in host memory, whole where it is divided; all processes must call this alike.

    One that does not `keep` it only helps the others: it gets None in place of tensors.
    """
    if isinstance(value, Tensor):
        value = whole(value)
        return value.detach().to("cpu", copy=True) if keep else None
    if isinstance(value, Mapping):
        return {key: on_host(item, keep=keep) for key, item in value.items()}
    if isinstance(value, list):
        return [on_host(item, keep=keep) for item in value]
    return value


def divided_like(entire: Tensor, own: Tensor) -> Tensor:
    """This process's part of an entire tensor, if `own` is divided: nothing is sent."""
    if not hasattr(own, "full_tensor") or entire.shape != own.shape:
        return entire
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(own, DTensor)
    return distribute_tensor(entire.to(own.device), own.device_mesh, own.placements, src_data_rank=None)


def _is_of_a_lost_process(broken: RuntimeError) -> bool:
    return isinstance(broken, distributed.DistError) or any(word in str(broken) for word in ("gloo", "Gloo", "NCCL"))
