"""Attention for training: torch's fused kernel, except where its backward pass is slower than plain products."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def attend(q_BHND: Tensor, k_BHND: Tensor, v_BHND: Tensor, scale: float | None = None) -> Tensor:
    """[batch, head, query, dim]; `scale` of the logits is by default 1 / sqrt(dim)."""
    by_products = q_BHND.device.type == "cpu" and q_BHND.dtype == torch.float32 and torch.is_grad_enabled()
    if not by_products or torch.compiler.is_compiling():
        return functional.scaled_dot_product_attention(q_BHND, k_BHND, v_BHND, scale=scale)
    out: Tensor = _Products.apply(q_BHND, k_BHND, v_BHND, scale or q_BHND.shape[-1] ** -0.5)  # type: ignore[no-untyped-call]
    return out


class _Products(torch.autograd.Function):
    """Two products and a softmax in place; the probabilities are kept."""

    @staticmethod
    def forward(ctx: Any, q_BHND: Tensor, k_BHND: Tensor, v_BHND: Tensor, scale: float) -> Tensor:
        b, h, n, d = q_BHND.shape
        q, k, v = (x.reshape(b * h, -1, d) for x in (q_BHND, k_BHND, v_BHND))
        p = torch.empty(b * h, n, k.shape[1])
        torch.baddbmm(p, q, k.transpose(1, 2), beta=0, alpha=scale, out=p)
        torch.softmax(p, -1, out=p)
        ctx.save_for_backward(q, k, v, p)
        ctx.scale = scale
        return torch.bmm(p, v).view(b, h, n, d)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, p = ctx.saved_tensors
        b, h, _, d = gradients[0].shape
        by_out = gradients[0].reshape(b * h, -1, d)
        by_v = torch.bmm(p.transpose(1, 2), by_out)
        by_logits = torch.bmm(by_out, v.transpose(1, 2))
        torch._softmax_backward_data(by_logits, p, -1, p.dtype, grad_input=by_logits)
        by_q, by_k = torch.empty_like(q), torch.empty_like(k)
        torch.baddbmm(by_q, by_logits, k, beta=0, alpha=ctx.scale, out=by_q)
        torch.baddbmm(by_k, by_logits.transpose(1, 2), q, beta=0, alpha=ctx.scale, out=by_k)
        return *(x.view(b, h, -1, d) for x in (by_q, by_k, by_v)), None
