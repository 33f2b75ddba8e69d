"""Pieces of a step on their way from the loader to the device."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from h2a_curation.videomae.data.loader import Batch
from h2a_curation.videomae.model.loss import counted_places


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceBatch:
    """Some of a step's clips, on the device."""

    batch: Batch
    counted: Tensor
    """[sample, k] places in the rows of `decoded` that the loss counts: how many is not asked of the device."""


def place(batch: Batch, device: torch.device) -> DeviceBatch:
    """Put a batch on the device."""
    counted = counted_places(batch.was_hidden)
    return DeviceBatch(batch=batch.to(device), counted=counted.to(device, non_blocking=True))


def placed(batches: Iterator[Batch], device: torch.device) -> Iterator[DeviceBatch]:
    """The batches on a device; on a GPU each is copied while the one before it is computed on."""
    if device.type != "cuda":
        yield from (place(batch, device) for batch in batches)
        return
    copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    before: tuple[DeviceBatch, torch.cuda.Event] | None = None
    for batch in batches:
        with torch.cuda.stream(copying):
            coming = place(batch, device), copying.record_event()
        if before is not None:
            yield _arrived(*before)
        before = coming
    if before is not None:
        yield _arrived(*before)


def _arrived(piece: DeviceBatch, copied: torch.cuda.Event) -> DeviceBatch:
    """Make what is computed next wait for the copy, and keep the memory until it is done with."""
    current, batch = torch.cuda.current_stream(), piece.batch
    current.wait_event(copied)
    for tensor in (batch.video, batch.visible, batch.decoded, batch.was_hidden, piece.counted):
        tensor.record_stream(current)
    return piece
