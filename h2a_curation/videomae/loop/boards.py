"""A run's curves for the boards that people installed: TensorBoard (the extra `train`), Weights & Biases (`wandb`)."""

import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image


class Board(Protocol):
    """What shows a run's curves."""

    def add(self, figures: Mapping[str, float], step: int) -> None:
        """Figures of a step, by names such as `train/loss`."""

    def show(self, picture: Image.Image, step: int) -> None:
        """A picture of reconstructions."""

    def close(self) -> None:
        """Write what is left."""


def installed(folder: Path, first_step: int, settings: Mapping[str, Any]) -> Iterator[Board]:
    """The boards that are there, for a run in `folder` that begins or goes on with `first_step`."""
    if find_spec("tensorboard") is not None:
        yield TensorBoard(folder, first_step)
    # The package's own switch; its import alone takes most of a second.
    if find_spec("wandb") is not None and os.environ.get("WANDB_MODE") != "disabled":
        yield OfflineWandb(folder, settings)


class TensorBoard:
    """Event files in `tensorboard/` of the run's folder."""

    def __init__(self, folder: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # What a killed run wrote of these steps is struck out.
        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step)

    def add(self, figures: Mapping[str, float], step: int) -> None:
        """Figures of a step."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def show(self, picture: Image.Image, step: int) -> None:
        """A picture of reconstructions."""
        self._writer.add_image("reconstruction", np.asarray(picture), step, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


class OfflineWandb:
    """A run of Weights & Biases in `wandb/` of the run's folder, which `wandb sync` uploads when a person asks for it.

    Nothing is sent from here, whatever WANDB_MODE says, and of the machine no name, path, part or package is noted.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        import wandb

        self._wandb = wandb
        # A run that goes on writes a folder of its own under the same id: syncing puts the two together.
        ids = [path.stem.removeprefix("run-") for path in folder.glob("wandb/offline-run-*/run-*.wandb")]
        self._run = wandb.init(
            project="h2a",
            name=folder.name,
            id=ids[0] if ids else None,
            dir=folder,
            config=dict(settings),
            mode="offline",
            settings=wandb.Settings(
                host="",
                silent=True,
                console="off",
                disable_git=True,
                disable_code=True,
                x_disable_machine_info=True,
                x_disable_meta=True,
                x_disable_stats=True,
                x_save_requirements=False,
            ),
        )
        # By the run's own step, since a run that goes on takes the steps after its checkpoint again.
        self._run.define_metric("*", step_metric="step")

    def add(self, figures: Mapping[str, float], step: int) -> None:
        """Figures of a step."""
        self._run.log({**figures, "step": step})

    def show(self, picture: Image.Image, step: int) -> None:
        """A picture of reconstructions."""
        self._run.log({"reconstruction": self._wandb.Image(picture), "step": step})

    def close(self) -> None:
        """Write what is left."""
        self._run.finish()
