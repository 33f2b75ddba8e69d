"""Pieces of a step on their way from the loader to the device."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

import torch
from torch import Tensor


class PieceOnDevice(Protocol):
    """Some of a step's clips, on the device."""

    @property
    def clip_ids(self) -> list[str]:
        """The clips that it is made of."""

    def tensors(self) -> Iterable[Tensor]:
        """All that lies on the device."""


B = TypeVar("B")
P = TypeVar("P", bound=PieceOnDevice)


def placed(batches: Iterator[B], device: torch.device, place: Callable[[B, torch.device], P]) -> Iterator[P]:
    """The batches on a device, put there by `place`; on a GPU each is copied while the one before it is computed on."""
    if device.type != "cuda":
        yield from (place(batch, device) for batch in batches)
        return
    copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    before: tuple[P, torch.cuda.Event] | None = None
    for batch in batches:
        with torch.cuda.stream(copying):
            coming = place(batch, device), copying.record_event()
        if before is not None:
            yield _arrived(*before)
        before = coming
    if before is not None:
        yield _arrived(*before)


def _arrived(piece: P, copied: torch.cuda.Event) -> P:
    """Make what is computed next wait for the copy, and keep the memory until it is done with."""
    current = torch.cuda.current_stream()
    current.wait_event(copied)
    for tensor in piece.tensors():
        tensor.record_stream(current)
    return piece
