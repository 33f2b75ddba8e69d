"""All that a run leaves for people to follow it, written by its first process: log.txt, TensorBoard, pictures."""

from pathlib import Path

from PIL import Image

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.videomae.hardware.speed import Speed
from h2a_curation.videomae.loop.history import History, Step
from h2a_curation.videomae.loop.tensorboard import Board


class Records:
    """Opening them at a step drops what a killed run wrote beyond it."""

    def __init__(self, out: Path, first_step: int, first_epoch: int, num_parameters: int) -> None:
        self._out = out
        self._history = History(out, first_step, first_epoch, num_parameters)
        self._board = Board(out, first_step)

    @property
    def losses(self) -> list[float]:
        """The loss of each step so far, those before a restart included."""
        return self._history.losses

    def add(self, step: Step, speed: Speed, *, ends_epoch: bool) -> None:
        """Write down a step that is done."""
        self._history.add(step)
        self._board.add(step, speed)
        if ends_epoch:
            self._history.end_epoch(step.epoch)

    def show(self, picture: Image.Image, epoch: int, step: int) -> None:
        """Keep a picture of reconstructions after an epoch."""
        with replaced(self._out, self._out / "pictures" / f"epoch-{epoch}.png") as file:
            picture.save(file, "PNG")
        self._board.show(picture, step)

    def close(self) -> None:
        """Write what is left."""
        self._history.close()
        self._board.close()
