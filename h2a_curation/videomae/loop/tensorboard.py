"""TensorBoard's event files, for whoever installed tensorboard (the extra `train`)."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from h2a_curation.videomae.hardware.speed import Speed
from h2a_curation.videomae.loop.history import Step


class Board:
    """Writes to `tensorboard/` in the run's folder; without the package it writes nothing."""

    def __init__(self, folder: Path, first_step: int) -> None:
        self._writer = None
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            # What a killed run wrote of these steps is struck out.
            self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step)

    def add(self, step: Step, speed: Speed) -> None:
        """A step's numbers."""
        if self._writer is None:
            return
        values = {
            "train/loss": step.loss,
            "train/grad_norm": step.grad_norm,
            "train/learning_rate": step.learning_rate,
            "speed/clips_s": speed.clips_s,
            "speed/samples_s": speed.samples_s,
            "speed/mfu": speed.mfu,
            "speed/loader_share": speed.loader_share,
            "speed/peak_memory_gib": speed.peak_memory_bytes / 2**30,
        }
        for name, value in values.items():
            self._writer.add_scalar(name, value, step.step)

    def add_figures(self, figures: Mapping[str, float], step: int) -> None:
        """What was measured at the end of an epoch."""
        if self._writer is not None:
            for name, value in figures.items():
                self._writer.add_scalar(name.replace("_", "/", 1), value, step)

    def show(self, picture: Image.Image, num_done: int) -> None:
        """A picture of reconstructions."""
        if self._writer is not None:
            self._writer.add_image("reconstruction", np.asarray(picture), num_done, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()
