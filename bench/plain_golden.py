"""The plain reference against the official tensors: what makes it fit to be compared with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from bench import golden
from bench.golden_claim import Claim
from bench.golden_pretrain import FORWARD, GRADIENT, config_of
from bench.plain_model import PlainModel, normalised, plain_errors, plain_loss, plain_targets
from bench.plain_step import plain_optimizer, plain_step
from h2a_curation.videomae.loop.schedule import cosine_schedule


def report(folder: Path) -> bool:
    """Print one line a file of a pretraining model; False if any value is out of tolerance."""
    passed = True
    for name, meta in golden.files(folder).items():
        claims = list(claims_of(folder / name, meta))
        if not claims:
            continue
        worst = max(claims, key=Claim.error)
        passed &= worst.error() <= 1
        word = "ok     " if worst.error() <= 1 else "FAILED "
        print(f"{word}  {name}: {len(claims)} values, worst {worst.what} at {worst.error():.2g} of tolerance")
    return passed


def claims_of(path: Path, meta: dict[str, Any]) -> Iterator[Claim]:
    """None for a file of something else than a pretraining model and its training."""
    if path.match("pretrain_*.safetensors"):
        yield from _check_model(load_file(path), meta)
    elif path.match("train_traj_*.safetensors"):
        yield from _check_trajectory(load_file(path), meta)


def _check_model(tensors: dict[str, Tensor], meta: dict[str, Any]) -> Iterator[Claim]:
    model = _filled(tensors, "state.", meta)
    video = normalised(tensors["in.video_uint8"].permute(0, 2, 3, 4, 1))
    hidden, not_decoded = tensors["in.encoder_mask"], tensors["in.decoder_mask"]
    embedded = model.encoder.patch_embed(video).detach()
    yield Claim("embedding", embedded, tensors["out.patch_tokens_before_pos"], FORWARD)
    yield Claim("encoder", model.encoder(video, hidden).detach(), tensors["out.encoder_features"], FORWARD)
    yield Claim("predicted", model(video, hidden, not_decoded).detach(), tensors["out.pred"], FORWARD)
    for key, normalise in (("target.patches_normalised_all", True), ("target.patches_raw_all", False)):
        if key in tensors:
            yield Claim(key, plain_targets(video, meta["patch_size"], normalise=normalise), tensors[key], FORWARD)
    errors = plain_errors(model, video, hidden, not_decoded)
    yield Claim("errors", errors.detach(), tensors["loss.per_token"], FORWARD)
    loss = plain_loss(errors, hidden, not_decoded)
    yield Claim("loss", loss.detach().view(1), tensors["loss.value"], FORWARD)
    loss.backward()  # type: ignore[no-untyped-call]
    ours = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    for name in (key.removeprefix("grad.") for key in tensors if key.startswith("grad.")):
        yield Claim(f"gradient of {name}", ours[name], tensors[f"grad.{name}"], GRADIENT)
    norms = torch.stack([ours[name].double().norm() for name in meta["grad_norm_order"]])
    yield Claim("gradient norms", norms, tensors["grad_norms_all"], GRADIENT)


def _check_trajectory(tensors: dict[str, Tensor], meta: dict[str, Any]) -> Iterator[Claim]:
    model = _filled(tensors, "init.", meta)
    rates = cosine_schedule(meta["lr"], meta["min_lr"], meta["steps"], meta["warmup_steps"])
    decays = cosine_schedule(meta["wd"], meta["wd_end"], meta["steps"])
    optimizer = plain_optimizer(model, meta["wd"], tuple(meta["betas"]))
    losses, norms = [], []
    for step, (rate, decay) in enumerate(zip(rates, decays, strict=True)):
        video = normalised(tensors[f"in.{step}.video_uint8"].permute(0, 2, 3, 4, 1))
        hidden, not_decoded = (tensors[f"in.{step}.{name}_mask"].flatten(1).bool() for name in ("encoder", "decoder"))
        for group in optimizer.param_groups:
            group["lr"] = float(rate)
            group["weight_decay"] = float(decay) if group["weight_decay"] > 0 else 0.0
        loss, norm = plain_step(model, optimizer, video, hidden, not_decoded, meta["max_norm"])
        losses.append(loss)
        norms.append(norm)
    yield Claim("loss", losses, tensors["loss"], (1e-4, 1e-8))
    yield Claim("gradient norm", norms, tensors["grad_norm"], (1e-4, 1e-5))
    for name, weight in model.state_dict().items():
        yield Claim(f"final {name}", weight, tensors[f"final.{name}"], (0.0, 1e-4))


def _filled(tensors: dict[str, Tensor], prefix: str, meta: dict[str, Any]) -> PlainModel:
    model = PlainModel(config_of(meta))
    state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    model.load_state_dict(state)
    return model
