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


def parameter_groups(model: nn.Module, weight_decay: float, layer_decay: float = 1.0) -> dict[str, dict[str, Any]]:
    """`decay` and `no_decay`, in order of first use: vectors, biases, scales and the mask token do not decay.

    With a `layer_decay` below 1 each layer of a classifier has two groups of its own, such as `layer_3_decay`, and a
    rate that is so much lower than that of the layer above. A compiled model's name prefix is ignored, or its mask
    token would decay.
    """
    groups: dict[str, dict[str, Any]] = {}
    names = [name.removeprefix("_orig_mod.") for name, _ in model.named_parameters()]
    depth = len({name.split(".")[1] for name in names if name.startswith("blocks.")})
    for name, parameter in zip(names, model.parameters(), strict=True):
        plain = parameter.ndim == 1 or name.endswith((".bias", ".scale")) or name in NEVER_DECAYED
        key, decay = ("no_decay", 0.0) if plain else ("decay", weight_decay)
        scale = 1.0
        if layer_decay < 1:
            layer = _layer_of(name, depth)
            key, scale = f"layer_{layer}_{key}", layer_decay ** (depth + 1 - layer)
        group = groups.setdefault(key, {"weight_decay": decay, "lr_scale": scale, "names": [], "params": []})
        group["names"].append(name)
        group["params"].append(parameter)
    return groups


def _layer_of(name: str, depth: int) -> int:
    """The embedding of patches is layer 0, then come the blocks, and what follows them is one layer more."""
    first, _, rest = name.partition(".")
    if first == "patch_embed" or name in NEVER_DECAYED:
        return 0
    return 1 + int(rest.partition(".")[0]) if first == "blocks" else depth + 1


def make_optimizer(
    model: nn.Module, weight_decay: float, betas: tuple[float, float], layer_decay: float = 1.0
) -> torch.optim.AdamW:
    """A state's index in a checkpoint is the parameter's place in the groups, as in official files."""
    groups = parameter_groups(model, weight_decay, layer_decay).values()
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
