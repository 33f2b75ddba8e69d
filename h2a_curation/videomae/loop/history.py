"""What a run writes of its course: steps.jsonl with one line a step, log.txt with one an epoch, in the official keys.

An epoch's line is made of its steps' lines, so a run that was killed and went on has the same log.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from h2a_curation.foundation import json_file
from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.foundation.plain_text import read_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A line of steps.jsonl."""

    step: int
    epoch: int
    loss: float
    learning_rate: float
    weight_decay: float
    grad_norm: float
    """Norm of the gradients before clipping."""


class History:
    """Appends to the two files. Opening it at a step of an epoch drops what a killed run wrote beyond that."""

    def __init__(
        self, folder: Path, first_step: int, first_epoch: int, num_parameters: int, lowest_scale: float = 1.0
    ) -> None:
        """`lowest_scale` is the rate of the layer that learns slowest, over that of the one that learns fastest."""
        self._num_parameters, self._lowest_scale = num_parameters, lowest_scale
        self._steps_file = folder / "steps.jsonl"
        self._log_file = folder / "log.txt"
        self._steps = [Step(**row) for row in _rows(self._steps_file) if row["step"] < first_step]
        _rewrite(self._steps_file, [asdict(step) for step in self._steps])
        self._lines = self._steps_file.open("a", encoding="utf-8", buffering=1)
        # The figures of a final test, which have no epoch, are told anew when the run ends.
        self._epochs = [row for row in _rows(self._log_file) if row.get("epoch", first_epoch) < first_epoch]
        _rewrite(self._log_file, self._epochs)

    @property
    def losses(self) -> list[float]:
        """The loss of each step so far, those before a restart included."""
        return [step.loss for step in self._steps]

    def add(self, step: Step) -> None:
        """Append a step's line."""
        self._steps.append(step)
        # No fsync: a step would wait for the disk, and lines lost in a power cut belong to steps after the last
        # checkpoint, which the resumed run does again.
        with _named(self._steps_file):
            self._lines.write(json.dumps(asdict(step)) + "\n")

    def close(self) -> None:
        """Close what is open."""
        with _named(self._steps_file):
            self._lines.close()

    def best(self, figure: str) -> float | None:
        """The highest value that a figure had at the end of an epoch."""
        return max((row[figure] for row in self._epochs if figure in row), default=None)

    def end_epoch(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Append the means over an epoch's steps, and what was measured at its end; without a gradient scaler its scale
        is 1.
        """
        steps = [step for step in self._steps if step.epoch == epoch]
        rate = fmean(step.learning_rate for step in steps)
        line = {
            "train_lr": rate,
            "train_min_lr": rate * self._lowest_scale,
            "train_loss": fmean(step.loss for step in steps),
            "train_loss_scale": 1.0,
            "train_weight_decay": fmean(step.weight_decay for step in steps),
            "train_grad_norm": fmean(step.grad_norm for step in steps),
            **figures,
            "epoch": epoch,
            "n_parameters": self._num_parameters,
        }
        self._epochs.append(line)
        _append(self._log_file, line)


def end_log(folder: Path, figures: Mapping[str, float]) -> None:
    """End log.txt with what a final test says, once."""
    path = folder / "log.txt"
    _rewrite(path, [*(row for row in _rows(path) if "epoch" in row), dict(figures)])


def _rows(path: Path) -> list[dict[str, Any]]:
    """Rows of the whole lines: a last one without its end was cut off by a kill, and is left out."""
    if not path.exists():
        return []
    lines = read_text(path).splitlines(keepends=True)
    try:
        return [json_file.parse(line) for line in lines if line.endswith("\n")]
    except ValueError as broken:
        raise ValueError(f"{path} is damaged ({broken}): choose another --out, or remove this folder") from broken


def _rewrite(path: Path, rows: list[dict[str, Any]]) -> None:
    with replaced(path.parent, path) as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows).encode())


def _append(path: Path, row: dict[str, Any]) -> None:
    with _named(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in what a write fails with: a full disk does not say whose write failed."""
    try:
        yield
    except OSError as failed:
        raise OSError(failed.errno, failed.strerror, str(path)) from failed
