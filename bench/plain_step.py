"""One optimiser step of the plain reference, as the official engine takes it without mixed precision."""

import torch
from torch import Tensor

from bench.plain_model import PlainModel, plain_errors, plain_loss
from h2a_curation.videomae.loop.optim import parameter_groups


def plain_optimizer(model: PlainModel, weight_decay: float, betas: tuple[float, float]) -> torch.optim.AdamW:
    """AdamW as torch has it by default, over the official groups."""
    groups = parameter_groups(model, weight_decay).values()
    return torch.optim.AdamW(
        [{"params": g["params"], "weight_decay": g["weight_decay"]} for g in groups], lr=0.0, betas=betas, eps=1e-8
    )


def plain_step(
    model: PlainModel,
    optimizer: torch.optim.Optimizer,
    video_BCTHW: Tensor,
    hidden_BN: Tensor,
    not_decoded_BN: Tensor,
    max_norm: float | None,
) -> tuple[float, float]:
    """One step downhill; the loss before it, and the 2-norm of all gradients before clipping."""
    loss = plain_loss(plain_errors(model, video_BCTHW, hidden_BN, not_decoded_BN), hidden_BN, not_decoded_BN)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if max_norm is not None:
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    else:
        norm = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()
    optimizer.step()
    return loss.item(), float(norm)
