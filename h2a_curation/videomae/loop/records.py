"""All that a run leaves for people to follow it, written by its first process: log.txt, boards, pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.videomae.hardware.speed import Speed
from h2a_curation.videomae.loop import boards
from h2a_curation.videomae.loop.history import History, Step


class Records:
    """Opening them at a step drops what a killed run wrote beyond it."""

    def __init__(self, out: Path, history: History, first_step: int, settings: Mapping[str, Any]) -> None:
        self._out = out
        self._history = history
        self._boards = list(boards.installed(out, first_step, settings))

    @property
    def losses(self) -> list[float]:
        """The loss of each step so far, those before a restart included."""
        return self._history.losses

    def add(self, step: Step, speed: Speed) -> None:
        """Write down a step that is done."""
        self._history.add(step)
        figures = {
            "train/loss": step.loss,
            "train/grad_norm": step.grad_norm,
            "train/learning_rate": step.learning_rate,
            "speed/clips_s": speed.clips_s,
            "speed/samples_s": speed.samples_s,
            "speed/mfu": speed.mfu,
            "speed/loader_share": speed.loader_share,
            "speed/peak_memory_gib": speed.peak_memory_bytes / 2**30,
        }
        for board in self._boards:
            board.add(figures, step.step)

    def best(self, figure: str) -> float | None:
        """The highest value that a figure had at the end of an epoch."""
        return self._history.best(figure)

    def end_epoch(self, step: Step, figures: Mapping[str, float]) -> None:
        """Write down an epoch that ends with this step, and what was measured of the model then."""
        self._history.end_epoch(step.epoch, figures)
        for board in self._boards:
            board.add({name.replace("_", "/", 1): value for name, value in figures.items()}, step.step)

    def show(self, picture: Image.Image, epoch: int, step: int) -> None:
        """Keep a picture of reconstructions after an epoch."""
        with replaced(self._out, self._out / "pictures" / f"epoch-{epoch}.png") as file:
            picture.save(file, "PNG")
        for board in self._boards:
            board.show(picture, step)

    def close(self) -> None:
        """Write what is left."""
        self._history.close()
        for board in self._boards:
            board.close()
