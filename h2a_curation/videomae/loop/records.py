"""All that a run leaves for people to follow it, written by its first process: log.txt, TensorBoard, pictures."""

from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.videomae.hardware.speed import Speed
from h2a_curation.videomae.loop.history import History, Step
from h2a_curation.videomae.loop.tensorboard import Board


class Records:
    """Opening them at a step drops what a killed run wrote beyond it."""

    def __init__(
        self, out: Path, first_step: int, first_epoch: int, num_parameters: int, lowest_scale: float = 1.0
    ) -> None:
        self._out = out
        self._history = History(out, first_step, first_epoch, num_parameters, lowest_scale)
        self._board = Board(out, first_step)

    @property
    def losses(self) -> list[float]:
        """The loss of each step so far, those before a restart included."""
        return self._history.losses

    def add(self, step: Step, speed: Speed) -> None:
        """Write down a step that is done."""
        self._history.add(step)
        self._board.add(step, speed)

    def best(self, figure: str) -> float | None:
        """The highest value that a figure had at the end of an epoch."""
        return self._history.best(figure)

    def end_epoch(self, step: Step, figures: Mapping[str, float]) -> None:
        """Write down an epoch that ends with this step, and what was measured of the model then."""
        self._history.end_epoch(step.epoch, figures)
        self._board.add_figures(figures, step.step)

    def show(self, picture: Image.Image, epoch: int, step: int) -> None:
        """Keep a picture of reconstructions after an epoch."""
        with replaced(self._out, self._out / "pictures" / f"epoch-{epoch}.png") as file:
            picture.save(file, "PNG")
        self._board.show(picture, step)

    def close(self) -> None:
        """Write what is left."""
        self._history.close()
        self._board.close()
