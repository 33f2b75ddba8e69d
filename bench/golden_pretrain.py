"""What the golden files say of pretraining, as claims: each function reads one file."""

import json
import random
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from bench.golden_claim import Claim
from h2a_curation.pretrain import checkpoint
from h2a_curation.pretrain.augment import Box, crop_and_resize, multi_scale_box
from h2a_curation.pretrain.frames import sample_indices
from h2a_curation.pretrain.loss import masked_loss, take_tokens, targets, token_errors
from h2a_curation.pretrain.masking import cell_mask, cell_mask_of_phase, dual_masks, tube_mask
from h2a_curation.pretrain.model import IMAGENET_MEAN, IMAGENET_STD, MaskedAutoencoder, token_indices
from h2a_curation.pretrain.optim import StepSize, make_optimizer, parameter_groups, update
from h2a_curation.pretrain.positions import sinusoid_table
from h2a_curation.pretrain.presets import ModelConfig, preset
from h2a_curation.pretrain.schedule import cosine_schedule

Meta = dict[str, Any]

FORWARD = (1e-5, 1e-5)
GRADIENT = (1e-4, 1e-5)


def config_of(meta: Meta) -> ModelConfig:
    """The model of a golden file."""
    width, depth, num_heads = meta["enc"]
    decoder_width, decoder_depth, decoder_num_heads = meta["dec"]
    return ModelConfig(
        image_px=meta["img_size"],
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
    )


def check_model(path: Path, meta: Meta) -> Iterator[Claim]:
    """Forward, targets, loss and gradients of one small model."""
    golden = load_file(path)
    model = MaskedAutoencoder(config_of(meta))
    checkpoint.fill(model, _under(golden, "state."), path.name)
    patches = model.patchify(golden["in.video_uint8"].permute(0, 2, 3, 4, 1))
    hidden, not_decoded = golden["in.encoder_mask"], golden["in.decoder_mask"]
    visible, decoded = token_indices(~hidden), token_indices(~not_decoded)
    yield Claim(
        "embedding", model.encoder.patch_embed(patches).detach(), golden["out.patch_tokens_before_pos"], FORWARD
    )
    features = model.encoder(take_tokens(patches, visible), visible)
    yield Claim("encoder", features.detach(), golden["out.encoder_features"], FORWARD)
    predicted = model(patches, visible, decoded)
    yield Claim("predicted", predicted.detach(), golden["out.pred"], FORWARD)
    if "out.pred_no_decoder_mask" in golden:
        everything = model(patches, visible, token_indices(hidden)).detach()
        yield Claim("all predicted", everything, golden["out.pred_no_decoder_mask"], FORWARD)
    labels = targets(take_tokens(patches, decoded))
    yield Claim("labels", labels, golden["target.labels"], FORWARD)
    for key, normalise in (("target.patches_normalised_all", True), ("target.patches_raw_all", False)):
        if key in golden:
            yield Claim(key, targets(patches, normalise=normalise), golden[key], FORWARD)
    weight = hidden.gather(1, decoded)
    yield Claim("weight", weight, golden["loss.weight"])
    errors = token_errors(predicted, labels)
    yield Claim("errors", errors.detach(), golden["loss.per_token"], FORWARD)
    loss = masked_loss(errors, weight)
    yield Claim("loss", loss.detach().view(1), golden["loss.value"], FORWARD)
    loss.backward()  # type: ignore[no-untyped-call]
    yield from _gradients(model, golden, meta)


def _gradients(model: MaskedAutoencoder, golden: dict[str, torch.Tensor], meta: Meta) -> Iterator[Claim]:
    ours = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    yield Claim("parameter order", list(ours), meta["grad_norm_order"])
    for name, gradient in _under(golden, "grad.").items():
        yield Claim(f"gradient of {name}", ours[name], gradient, GRADIENT)
    norms = torch.stack([g.double().norm() for g in ours.values()])
    yield Claim("gradient norms", norms, golden["grad_norms_all"], GRADIENT)
    yield Claim("gradient norm", norms.norm().view(1), golden["loss.grad_norm"], GRADIENT)


def check_trajectory(path: Path, meta: Meta) -> Iterator[Claim]:
    """Some optimiser steps: loss, norm before clipping, and the weights at the end."""
    golden = load_file(path)
    model = MaskedAutoencoder(config_of(meta))
    checkpoint.fill(model, _under(golden, "init."), path.name)
    rates = cosine_schedule(meta["lr"], meta["min_lr"], meta["steps"], meta["warmup_steps"])
    decays = cosine_schedule(meta["wd"], meta["wd_end"], meta["steps"])
    yield Claim("learning rates", rates, golden["lr"], (1e-6, 1e-12))
    optimizer = make_optimizer(model, meta["wd"], tuple(meta["betas"]))
    losses, norms = [], []
    for step, (rate, decay) in enumerate(zip(rates, decays, strict=True)):
        patches = model.patchify(golden[f"in.{step}.video_uint8"].permute(0, 2, 3, 4, 1))
        hidden, not_decoded = (golden[f"in.{step}.{name}_mask"].flatten(1).bool() for name in ("encoder", "decoder"))
        decoded = token_indices(~not_decoded)
        errors = token_errors(model(patches, token_indices(~hidden), decoded), targets(take_tokens(patches, decoded)))
        loss = masked_loss(errors, hidden.gather(1, decoded))
        size = StepSize(learning_rate=float(rate), weight_decay=float(decay), clip_grad=meta["max_norm"])
        losses.append(loss.item())
        norms.append(update(model, optimizer, loss, size))
    yield Claim("loss", losses, golden["loss"], (1e-4, 1e-8))
    yield Claim("gradient norm", norms, golden["grad_norm"], (1e-4, 1e-5))
    ours = model.state_dict()
    for name, weight in _under(golden, "final.").items():
        yield Claim(f"final {name}", ours[name], weight, (0.0, 1e-4))


def check_checkpoint(path: Path, meta: Meta) -> Iterator[Claim]:
    """Official files load without running code from them, and fill a model of their own size."""
    tensors = checkpoint.weights(checkpoint.load(path))
    model = MaskedAutoencoder(_config_from(tensors))
    checkpoint.fill(model, tensors, path.name)
    yield Claim("keys in order", list(model.state_dict()), list(tensors))


def check_groups(path: Path, meta: Meta) -> Iterator[Claim]:
    """Parameter groups, state keys and the count of a full-size model."""
    golden = json.loads(path.read_text())
    size = golden["model"].removeprefix("pretrain_videomae_").partition("_")[0]
    with torch.device("meta"):
        model = MaskedAutoencoder(preset(size).model)
    groups = parameter_groups(model, golden["weight_decay"])
    keys = ("weight_decay", "lr_scale")
    ours = {name: {"params": g["names"], **{k: g[k] for k in keys}} for name, g in groups.items()}
    yield Claim("groups", ours, {n: {k: g[k] for k in ("params", *keys)} for n, g in golden["groups"].items()})
    yield Claim("order of groups", list(ours), list(golden["groups"]))
    yield Claim("state", [[k, list(v.shape)] for k, v in model.state_dict().items()], golden["state_keys"])
    yield Claim("parameters", sum(p.numel() for p in model.parameters()), golden["n_parameters"])


def check_sinusoid(path: Path, meta: Meta) -> Iterator[Claim]:
    """Whole position tables, or some rows and the sums."""
    golden = np.load(path)
    for name in golden.files:
        kind, _, shape = name.partition("_")
        if name.endswith("_index"):
            continue
        table = sinusoid_table(*(int(n) for n in shape.split("x"))).numpy()
        if kind == "sum":
            sums = [table.astype(np.float64).sum(), np.abs(table.astype(np.float64)).sum()]
            yield Claim(name, sums, golden[name], (1e-6, 1e-2))
        else:
            ours = table if kind == "full" else table[golden[f"{name}_index"]]
            yield Claim(name, ours, golden[name], (0.0, 1e-6))


def check_masks(path: Path, meta: Meta) -> Iterator[Claim]:
    """Both masks from many seeds, alone and drawn one after the other."""
    golden = np.load(path)
    for i, spec in enumerate(meta["specs"]):
        window, tube, cell = tuple(spec["window"]), spec["mask_ratio"], spec["decoder_ratio"]
        rngs = [[np.random.RandomState(seed) for seed in golden["seeds"]] for _ in range(3)]
        pairs = [dual_masks(window, tube, cell, rng) for rng in rngs[2]]
        ours = {
            "tube_only": [tube_mask(window, tube, rng) for rng in rngs[0]],
            "cell_only": [cell_mask(window, cell, rng) for rng in rngs[1]],
            "pair_tube": [hidden for hidden, _ in pairs],
            "pair_cell": [not_decoded for _, not_decoded in pairs],
            "cell_all_phases": [cell_mask_of_phase(window, cell, phase) for phase in range(4)],
        }
        for name, masks in ours.items():
            yield Claim(f"s{i}_{name}", np.stack(masks), golden[f"s{i}_{name}"])


def check_frame_indices(path: Path, meta: Meta) -> Iterator[Claim]:
    """The arrays of pretraining; those of fine-tuning are not built yet."""
    golden = np.load(path)
    for i, spec in enumerate(meta["pretrain"]):
        count, stride = spec["num_frames"], spec["sampling_rate"]
        ours = [
            [sample_indices(length, count, stride, np.random.RandomState(seed)) for seed in meta["seeds"]]
            for length in meta["lengths"]
        ]
        yield Claim(f"pre{i}", np.array(ours), golden[f"pre{i}_frame_ids"])


def check_augment(path: Path, meta: Meta) -> Iterator[Claim]:
    """The arrays of pretraining: crops, resized and normalised clips, masks drawn after them."""
    golden = np.load(path)
    for width, height, seed, *box in golden["multiscale_boxes224"].tolist():
        ours = multi_scale_box(width, height, 224, random.Random(seed))
        yield Claim(f"box {seed}", [ours.width, ours.height, ours.left, ours.top], box)
    frames, size = golden["frames_uint8"], meta["input_size"]
    clips = [name.removesuffix("_clip") for name in golden.files if fnmatch(name, "pretrain*_clip")]
    for i, name in enumerate(clips):
        clip, hidden = golden[f"{name}_clip"], golden[f"{name}_enc"]
        side = int(hidden.shape[1] ** 0.5)
        rng = np.random.RandomState(meta["seed"] + i)
        drawn: Box = multi_scale_box(frames.shape[2], frames.shape[1], size, random.Random(meta["seed"] + i))
        pixels = crop_and_resize([Image.fromarray(f) for f in frames], drawn, size).astype(np.float32) / np.float32(255)
        normalised = (pixels - np.array(IMAGENET_MEAN, np.float32)) / np.array(IMAGENET_STD, np.float32)
        yield Claim(f"{name} clip", normalised.transpose(3, 0, 1, 2), clip, (0.0, 1e-5))
        ratio = float(hidden.mean()) + 1e-9  # a whole number of places, in spite of rounding
        masks = dual_masks((hidden.shape[0], side, side), ratio, float(golden[f"{name}_dec"].mean()), rng)
        yield Claim(f"{name} encoder mask", masks[0], hidden)
        yield Claim(f"{name} decoder mask", masks[1], golden[f"{name}_dec"])


def check_schedules(path: Path, meta: Meta) -> Iterator[Claim]:
    """Warm-up and cosine, one value a step."""
    golden = np.load(path)
    for i, spec in enumerate(meta["specs"]):
        per_epoch = spec["niter_per_ep"]
        warmup = spec.get("warmup_steps", 0) or spec.get("warmup_epochs", 0) * per_epoch
        start = spec.get("start_warmup_value", 0.0)
        ours = cosine_schedule(spec["base_value"], spec["final_value"], spec["epochs"] * per_epoch, warmup, start)
        yield Claim(f"v{i}", ours, golden[f"v{i}"], (1e-12, 1e-12))


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _config_from(tensors: dict[str, torch.Tensor]) -> ModelConfig:
    """A model that these weights fit: the number of heads and the image size leave no trace in them."""
    width, _, _, patch_px, _ = tensors["encoder.patch_embed.proj.weight"].shape
    return ModelConfig(
        image_px=2 * patch_px,
        patch_px=patch_px,
        width=width,
        depth=len({key.split(".")[2] for key in tensors if key.startswith("encoder.blocks.")}),
        num_heads=1,
        mlp_ratio=tensors["encoder.blocks.0.mlp.fc1.bias"].shape[0] / width,
        decoder_width=tensors["decoder.norm.bias"].shape[0],
        decoder_depth=len({key.split(".")[2] for key in tensors if key.startswith("decoder.blocks.")}),
        decoder_num_heads=1,
        qkv_bias="encoder.blocks.0.attn.q_bias" in tensors,
        layer_scale=float("encoder.blocks.0.gamma_1" in tensors),
    )
