"""A layer that keeps less for its backward pass than torch would."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def gelu_then_linear(hidden: Tensor, layer: nn.Linear) -> Tensor:
    """`layer(gelu(hidden))`, of one type throughout; the GELU is computed again in the backward pass, and not kept.

    The widest tensor of a block is then kept once, not twice. Code that torch.compile makes does the same.
    """
    out: Tensor = _GeluThenLinear.apply(hidden, layer.weight, layer.bias)  # type: ignore[no-untyped-call]
    return out


class _GeluThenLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden_BNH: Tensor, weight_DH: Tensor, bias_D: Tensor) -> Tensor:
        ctx.save_for_backward(hidden_BNH, weight_DH)
        return functional.linear(functional.gelu(hidden_BNH), weight_DH, bias_D)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden_BNH, weight_DH = ctx.saved_tensors
        by_out = gradients[0].flatten(0, -2)
        by_weight = by_out.t() @ functional.gelu(hidden_BNH).flatten(0, -2)
        by_hidden = torch.ops.aten.gelu_backward(gradients[0] @ weight_DH, hidden_BNH)
        return by_hidden, by_weight, by_out.sum(dim=0)
