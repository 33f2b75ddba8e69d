"""What a training step works on: the model, its optimiser, and the processes that share the work."""

from dataclasses import dataclass

import torch
from torch import nn

from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.presets import Dtype


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """A model in training, and the processes that train it together."""

    model: nn.Module
    called: nn.Module
    """The model itself, or the wrapper that exchanges gradients between processes."""
    optimizer: torch.optim.Optimizer
    world: ProcessGroup
    dtype: Dtype
    num_micro_steps: int = 1
    """Backward passes of each process for one step."""
    compiled: bool = False
