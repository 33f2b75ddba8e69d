"""AdamW over the official parameter groups, and one step of it."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from h2a_curation.videomae.hardware.parallel import whole

NEVER_DECAYED = {"pos_embed", "cls_token", "mask_token"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSize:
    """How far one step goes."""

    learning_rate: float
    weight_decay: float
    clip_grad: float | None
    """Largest 2-norm of all gradients; None leaves them as they are."""


def parameter_groups(model: nn.Module, weight_decay: float) -> dict[str, dict[str, Any]]:
    """`decay` and `no_decay`, in order of first use: vectors, biases, scales and the mask token do not decay.

    A compiled model's name prefix is ignored, or its mask token would decay.
    """
    groups: dict[str, dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        name = name.removeprefix("_orig_mod.")
        plain = parameter.ndim == 1 or name.endswith((".bias", ".scale")) or name in NEVER_DECAYED
        key, decay = ("no_decay", 0.0) if plain else ("decay", weight_decay)
        group = groups.setdefault(key, {"weight_decay": decay, "lr_scale": 1.0, "names": [], "params": []})
        group["names"].append(name)
        group["params"].append(parameter)
    return groups


def make_optimizer(model: nn.Module, weight_decay: float, betas: tuple[float, float]) -> torch.optim.AdamW:
    """A state's index in a checkpoint is the parameter's place in the groups, as in official files."""
    groups = parameter_groups(model, weight_decay).values()
    kept = ("params", "weight_decay", "lr_scale")
    return torch.optim.AdamW(
        [{key: group[key] for key in kept} for group in groups], lr=0.0, betas=betas, eps=1e-8, fused=True
    )


def update(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, size: StepSize) -> float:
    """One step downhill; returns the 2-norm of all gradients before clipping.

    FloatingPointError if that is not finite: nothing is changed then.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = float(gradient_norm(model))
    if not math.isfinite(norm):
        raise FloatingPointError("the gradients are not finite")
    step_downhill(model, optimizer, size, norm)
    return norm


def gradient_norm(model: nn.Module) -> Tensor:
    """The 2-norm of all gradients at hand, a scalar on their device; all processes that share them must call this."""
    return whole(nn.utils.get_total_norm(_gradients(model)))


def step_downhill(
    model: nn.Module, optimizer: torch.optim.Optimizer, size: StepSize, norm: float, scale: float = 1.0
) -> None:
    """One step along the gradients at hand times `scale`, whose 2-norm, times `scale`, is `norm`."""
    factor = scale * min(1.0, (size.clip_grad or math.inf) / (norm + 1e-6))
    if factor != 1.0:
        torch._foreach_mul_(_gradients(model), factor)
    for group in optimizer.param_groups:
        group["lr"] = size.learning_rate * group["lr_scale"]
        if group["weight_decay"] > 0:
            group["weight_decay"] = size.weight_decay
    optimizer.step()


def _gradients(model: nn.Module) -> list[Tensor]:
    return [p.grad for p in model.parameters() if p.grad is not None]
