"""What a training step works on: the model, its optimiser, and the processes that share the work."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.presets import Dtype


@dataclass(frozen=True, slots=True, kw_only=True)
class Average:
    """Exponential moving average of a model's weights, as each process holds them."""

    decay: float
    """How much of it stays at each step."""
    weights: dict[str, Tensor]

    @classmethod
    def begin(cls, model: nn.Module, decay: float) -> "Average":
        """It starts at the weights as they are."""
        return cls(decay=decay, weights={name: p.detach().clone() for name, p in model.named_parameters()})

    def follow(self, model: nn.Module) -> None:
        """Take in the weights after a step."""
        torch._foreach_lerp_(list(self.weights.values()), [p.detach() for p in model.parameters()], 1 - self.decay)


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
    average: Average | None = None
    """Running average of the weights, where the task keeps one."""
