"""What a task brings to the training room: its batches, its loss, its metrics and its operations.

The room (`run.py`, `step.py`, `train.py`) knows no task. It has the order of clips, prefetching, devices, processes,
the optimiser and its schedule, resumption, saving, records and speed. Pretraining is a task (`pretrain/task.py`);
another one is another class of this shape, and the room stays as it is.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch
from PIL import Image
from torch import Tensor, nn

from h2a_curation.videomae.data.loader import Stream
from h2a_curation.videomae.data.to_device import PieceOnDevice
from h2a_curation.videomae.loop.learner import Learner
from h2a_curation.videomae.rules import TaskRecipe

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

B = TypeVar("B")
P = TypeVar("P", bound=PieceOnDevice)


class Task(Protocol[B, P]):
    """One kind of training, on the data of one run."""

    out: Path
    """The run's folder."""
    seed: int

    @property
    def recipe(self) -> TaskRecipe:
        """How the model is trained."""

    @property
    def stream(self) -> Stream[Any, B]:
        """The batches of all steps."""

    @property
    def settings(self) -> "DataclassInstance":
        """All that decides the run's numbers, by which it is known again."""

    @property
    def layer_decay(self) -> float:
        """Rate of each layer over that of the next; 1 has one rate for all."""

    @property
    def average_decay(self) -> float | None:
        """How much of the running average of the weights stays at each step; None keeps no average."""

    @property
    def picture_epochs(self) -> int | None:
        """Epochs from one picture to the next; None draws none."""

    @property
    def judged_by(self) -> str | None:
        """The figure of `validate` whose highest value makes a checkpoint the best; None keeps no best one."""

    @property
    def samples_per_clip(self) -> int:
        """Samples that one decoded clip gives."""

    @property
    def step_flops(self) -> float:
        """Floating point operations of one step that the model asks for, over all devices."""

    def about(self) -> list[str]:
        """What is trained on, in a few lines for people."""

    def device_bytes(self, micro_clips: int, *, num_devices: int, sharded: bool) -> int:
        """Memory of each device that so many clips at a time take, the model's own included."""

    def make_model(self) -> nn.Module:
        """The model at its start; torch's generator has been seeded for it."""

    def blocks(self, model: nn.Module) -> Sequence[nn.Module]:
        """The parts that are called one after the other: each is compiled, and divided among devices, on its own."""

    def compile_rest(self, model: nn.Module) -> None:
        """Compile what is worth it besides the blocks."""

    def place(self, batch: B, device: torch.device) -> P:
        """Put a batch on the device."""

    def weight(self, piece: P) -> Tensor:
        """How much of a step's loss a piece makes up, a scalar: the loss is the sum of errors over that of weights."""

    def error_sum(self, learner: Learner, piece: P) -> Tensor:
        """The summed errors of a piece, a scalar with a gradient."""

    def begin(self, learner: Learner) -> None:
        """Measure what is to be known of the first weights; all processes call it, before a checkpoint is loaded."""

    def validate(self, learner: Learner) -> dict[str, float]:
        """What log.txt says of the model at the end of an epoch, besides training; all processes call it."""

    def picture(self, learner: Learner) -> Image.Image | None:
        """What the model makes of a few clips; all processes call it."""

    def metrics(self, learner: Learner) -> dict[str, Any]:
        """What the trained model reaches; all processes call it."""
