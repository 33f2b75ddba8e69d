"""What the golden files say of models and their training, as claims: each function reads one file."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from bench.golden_claim import Claim
from bench.golden_file import Contents, GoldenFile, Meta
from h2a_curation.videomae.convert.shape import shape_of
from h2a_curation.videomae.data.masking import dual_masks
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.optim import StepSize, make_optimizer, parameter_groups, update
from h2a_curation.videomae.loop.schedule import cosine_schedule
from h2a_curation.videomae.model.autoencoder import IMAGENET_MEAN, IMAGENET_STD, MaskedAutoencoder, token_indices
from h2a_curation.videomae.model.loss import masked_loss, take_tokens, targets, token_errors
from h2a_curation.videomae.presets import TUBELET, ModelConfig, preset

FORWARD = (1e-5, 1e-5)
GRADIENT = (1e-4, 1e-5)


DRAWN_BY = ("seed", "full")
"""Settings that say how a file came about: which seed drew weights and inputs, and whether all gradients are in it."""


def config_of(meta: Meta) -> ModelConfig:
    """The model of a golden file; frames may be given as a side, or as height and width."""
    width, depth, num_heads = meta["enc"]
    decoder_width, decoder_depth, decoder_num_heads = meta.get("dec", (0, 0, 0))
    height, across = meta["img_size"] if isinstance(meta["img_size"], list | tuple) else (meta["img_size"],) * 2
    return ModelConfig(
        image_px=height,
        image_width_px=None if across == height else across,
        patch_px=meta["patch_size"],
        num_frames=meta["frames"],
        width=width,
        depth=depth,
        num_heads=num_heads,
        decoder_width=decoder_width,
        decoder_depth=decoder_depth,
        decoder_num_heads=decoder_num_heads,
        qkv_bias=meta.get("qkv_bias", True),
        layer_scale=meta.get("init_values", 0.0),
        cosine_attention=meta.get("cos_attn", False),
        mlp_ratio=meta.get("mlp_ratio", 4.0),
    )


def check_settings(meta: Meta, config: ModelConfig, batch: int) -> Iterator[Claim]:
    """What the manifest says of a model besides its sizes; how the file came about is read, and nothing follows."""
    for name in DRAWN_BY:
        meta.get(name)
    ours = {"norm_eps": 1e-6, "tubelet_size": TUBELET, "in_chans": 3, "batch": batch, "window": list(config.window)}
    for name, value in ours.items():
        yield Claim(name, value, meta.get(name, value))


def _check_masks(meta: Meta, config: ModelConfig, hidden: torch.Tensor, not_decoded: torch.Tensor) -> Iterator[Claim]:
    """What the manifest says of the masks that the file holds."""
    yield Claim("n_visible", int((~hidden[0]).sum()), meta.get("n_visible", int((~hidden[0]).sum())))
    yield Claim("n_decoded", int((~not_decoded[0]).sum()), meta.get("n_decoded", int((~not_decoded[0]).sum())))
    if "mask_ratio" in meta and "dec_ratio" in meta:
        ours = dual_masks(config.window, meta["mask_ratio"], meta["dec_ratio"], np.random.RandomState(0))
        for name, mask, official in (("mask_ratio", ours[0], hidden), ("dec_ratio", ours[1], not_decoded)):
            yield Claim(name, [int(mask.sum())] * len(official), official.flatten(1).sum(dim=1).tolist())


def check_model(file: GoldenFile) -> Iterator[Claim]:
    """Forward, targets, loss and gradients of one small model."""
    golden, meta = file.contents, file.meta
    model = MaskedAutoencoder(config_of(meta))
    checkpoint.fill(model, golden.under("state."), file.path.name)
    yield from check_settings(meta, model.config, len(golden["in.video_uint8"]))
    video = golden["in.video_uint8"].permute(0, 2, 3, 4, 1)
    if "in.video" in golden:
        normalised = (video.float() / 255 - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)
        yield Claim("video", normalised.permute(0, 4, 1, 2, 3), golden["in.video"], FORWARD)
    patches = model.patchify(video)
    hidden, not_decoded = golden["in.encoder_mask"].bool(), golden["in.decoder_mask"].bool()
    yield from _check_masks(meta, model.config, hidden, not_decoded)
    visible, decoded = token_indices(~hidden), token_indices(~not_decoded)
    embedded = model.encoder.patch_embed(patches).detach()
    yield Claim("embedding", embedded, golden["out.patch_tokens_before_pos"], FORWARD)
    features = model.encoder(take_tokens(patches, visible), visible)
    yield Claim("encoder", features.detach(), golden["out.encoder_features"], FORWARD)
    predicted = model(patches, visible, decoded)
    yield Claim("predicted", predicted.detach(), golden["out.pred"], FORWARD)
    if "out.pred_no_decoder_mask" in golden:
        everything = model(patches, visible, token_indices(hidden)).detach()
        yield Claim("all predicted", everything, golden["out.pred_no_decoder_mask"], FORWARD)
    for key, normalise in (("target.patches_normalised_all", True), ("target.patches_raw_all", False)):
        if key in golden:
            meta.get("raw_targets")
            yield Claim(key, targets(patches, normalise=normalise), golden[key], FORWARD)
    labels = targets(take_tokens(patches, decoded))
    yield Claim("labels", labels, golden["target.labels"], FORWARD)
    weight = hidden.gather(1, decoded)
    yield Claim("weight", weight, golden["loss.weight"])
    errors = token_errors(predicted, labels)
    yield Claim("errors", errors.detach(), golden["loss.per_token"], FORWARD)
    loss = masked_loss(errors, weight)
    yield Claim("loss", loss.detach().view(1), golden["loss.value"].view(1), FORWARD)
    loss.backward()  # type: ignore[no-untyped-call]
    yield from _gradients(model, golden, meta)


def _gradients(model: MaskedAutoencoder, golden: Contents, meta: Meta) -> Iterator[Claim]:
    ours = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    yield Claim("parameter order", list(ours), meta["grad_norm_order"])
    for name, gradient in golden.under("grad.").items():
        yield Claim(f"gradient of {name}", ours[name], gradient, GRADIENT)
    norms = torch.stack([g.double().norm() for g in ours.values()])
    yield Claim("gradient norms", norms, golden["grad_norms_all"], GRADIENT)
    yield Claim("gradient norm", norms.norm().view(1), golden["loss.grad_norm"].view(1), GRADIENT)


def check_trajectory(file: GoldenFile) -> Iterator[Claim]:
    """Some optimiser steps: loss, norm before clipping, and the weights at the end."""
    golden, meta = file.contents, file.meta
    model = MaskedAutoencoder(config_of(meta))
    checkpoint.fill(model, golden.under("init."), file.path.name)
    rates = cosine_schedule(meta["lr"], meta["min_lr"], meta["steps"], meta["warmup_steps"])
    decays = cosine_schedule(meta["wd"], meta["wd_end"], meta["steps"])
    yield Claim("learning rates", rates, golden["lr"], (1e-6, 1e-12))
    yield Claim("weight decays", decays, golden["weight_decay"], (1e-6, 1e-12))
    optimizer = make_optimizer(model, meta["wd"], tuple(meta["betas"]))
    yield Claim("eps", optimizer.defaults["eps"], meta["eps"])
    yield from check_settings(meta, model.config, len(golden["in.0.video_uint8"]))
    masks = (golden[f"in.0.{name}_mask"].flatten(1).bool() for name in ("encoder", "decoder"))
    yield from _check_masks(meta, model.config, *masks)
    losses, norms = [], []
    for step, (rate, decay) in enumerate(zip(rates, decays, strict=True)):
        size = StepSize(learning_rate=float(rate), weight_decay=float(decay), clip_grad=meta["max_norm"])
        loss = _loss(model, golden.under(f"in.{step}."))
        losses.append(loss.item())
        norms.append(update(model, optimizer, loss, size))
    yield Claim("loss", losses, golden["loss"], (1e-4, 1e-8))
    yield Claim("gradient norm", norms, golden["grad_norm"], (1e-4, 1e-5))
    ours = model.state_dict()
    yield Claim("names of weights", sorted(ours), sorted(golden.under("final.")))
    for name, weight in golden.under("final.").items():
        yield Claim(f"final {name}", ours[name], weight, (0.0, 1e-4))


def _loss(model: MaskedAutoencoder, given: dict[str, torch.Tensor]) -> torch.Tensor:
    patches = model.patchify(given["video_uint8"].permute(0, 2, 3, 4, 1))
    hidden, not_decoded = (given[f"{name}_mask"].flatten(1).bool() for name in ("encoder", "decoder"))
    decoded = token_indices(~not_decoded)
    predicted = model(patches, token_indices(~hidden), decoded)
    return masked_loss(token_errors(predicted, targets(take_tokens(patches, decoded))), hidden.gather(1, decoded))


def check_checkpoint(file: GoldenFile) -> Iterator[Claim]:
    """Official files load without running code from them, fill a model of their own size, and go on training."""
    tensors = dict(file.contents)
    config, _ = shape_of(tensors, {}, {})
    model = MaskedAutoencoder(config)
    checkpoint.fill(model, tensors, file.path.name)
    yield Claim("keys in order", list(model.state_dict()), list(tensors))
    content = checkpoint.load(file.path)
    number = file.path.stem.rpartition("-")[2]
    if number.isdigit() and "epoch" in content:
        yield Claim("epoch", int(number), content["epoch"])
    if "optimizer" in content:
        optimizer = make_optimizer(model, 0.05, (0.9, 0.95))
        optimizer.load_state_dict(content["optimizer"])
        for i, parameter in enumerate(p for group in optimizer.param_groups for p in group["params"]):
            moments = optimizer.state[parameter]["exp_avg"]
            yield Claim(f"shape of moments {i}", tuple(parameter.shape), tuple(moments.shape))


def check_groups(file: GoldenFile) -> Iterator[Claim]:
    """Parameter groups, state keys and the count of a full-size model."""
    golden = file.contents
    size = golden["model"].removeprefix("pretrain_videomae_").partition("_")[0]
    config = replace(preset(size).model, decoder_depth=golden["kwargs"].get("decoder_depth", 8))
    with torch.device("meta"):
        model = MaskedAutoencoder(config)
    groups = parameter_groups(model, golden["weight_decay"])
    keys = ("weight_decay", "lr_scale")
    ours = {name: {"params": g["names"], **{k: g[k] for k in keys}} for name, g in groups.items()}
    yield Claim("groups", ours, {n: {k: g[k] for k in ("params", *keys)} for n, g in golden["groups"].items()})
    yield Claim("order of groups", list(ours), list(golden["groups"]))
    yield Claim("state", [[k, list(v.shape)] for k, v in model.state_dict().items()], golden["state_keys"])
    yield Claim("parameters", sum(p.numel() for p in model.parameters()), golden["n_parameters"])
