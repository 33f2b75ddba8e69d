"""Checkpoints in the official layout: written aside and renamed, read without running code from the file."""

import argparse
import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import numpy as np
import torch
from torch import Tensor, nn

from h2a_curation.foundation import weights_file
from h2a_curation.foundation.atomic_files import replaced

_NUMPY_SCALAR: Any = np.float64(0).__reduce__()[0]
# What official files hold besides tensors: their arguments, and schedule values that numpy, 1 or 2, made.
ALLOWED: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    argparse.Namespace,
    np.dtype,
    np.dtypes.Float64DType,
    (_NUMPY_SCALAR, "numpy.core.multiarray.scalar"),
    (_NUMPY_SCALAR, "numpy._core.multiarray.scalar"),
]
LAST = "checkpoint-last.pth"
"""The newest state between two kept checkpoints. Official readers pass over a name without a number."""
BEST = "checkpoint-best.pth"
"""The state after the epoch whose model was judged best."""


_DAMAGED = (
    RuntimeError, EOFError, pickle.UnpicklingError, IndexError, KeyError, ValueError, TypeError, AttributeError,
    OverflowError, MemoryError, AssertionError, struct.error,
)  # fmt: skip
"""What torch raises for damaged files: its reader of pickles takes their instructions as they come."""


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that the name holds either the old file or the whole new one, whatever happens.

    OSError if it cannot be written, as on a full disk.
    """
    with replaced(path.parent, path) as file:
        _write(state, file)


class _Remembering(io.RawIOBase):
    """Passes on what is written, and keeps the fault of a write: torch's writer tells of its own consequences only."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.fault: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data)
        except OSError as fault:
            self.fault = fault
            raise


def _write(state: dict[str, Any], file: IO[bytes]) -> None:
    sink = _Remembering(file)
    try:
        torch.save(state, cast(BinaryIO, sink))
    except RuntimeError:
        if sink.fault is not None:
            raise sink.fault from None
        raise


def load(path: Path, device: torch.device | str = "cpu") -> Any:
    """A checkpoint's content; ValueError if it is damaged or holds anything but tensors and plain values."""
    weights_file.check(path)
    try:
        with torch.serialization.safe_globals(ALLOWED):
            return torch.load(path, map_location=device, weights_only=True)
    except _DAMAGED as broken:
        raise ValueError(
            f"{path} is no readable checkpoint: damaged, or more than weights and plain values"
        ) from broken


def weights(content: Any) -> dict[str, Tensor]:
    """The model's tensors: under `model`, `module` or at the top, less the prefix of compiled models."""
    tensors = content.get("model", content.get("module", content))
    return {key.removeprefix("_orig_mod."): value for key, value in tensors.items()}


def fill(model: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    """Load all weights; ValueError in one line if the file is of another model."""
    own = model.state_dict()
    missing = sorted(own.keys() - tensors.keys())
    unknown = sorted(tensors.keys() - own.keys())
    resized = sorted(k for k in own.keys() & tensors.keys() if own[k].shape != tensors[k].shape)
    for what, keys in (("lacks", missing), ("has another size of", resized), ("has besides", unknown)):
        if keys:
            raise ValueError(f"{source} is of another model: it {what} {keys[0]} ({len(keys)} such); check the preset")
    model.load_state_dict(tensors)


def numbered(folder: Path) -> list[Path]:
    """The kept checkpoints, by epoch."""
    found = [p for p in folder.glob("checkpoint-*.pth") if p.stem.rpartition("-")[2].isdigit()]
    return sorted(found, key=lambda p: int(p.stem.rpartition("-")[2]))


def newest(folder: Path) -> Path | None:
    """The checkpoint to go on from: the newest between two epochs, else that of the highest epoch."""
    if (folder / LAST).exists():
        return folder / LAST
    return next(reversed(numbered(folder)), None)
