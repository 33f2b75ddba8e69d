"""What the golden files say of fine-tuning: rates by layer, blended clips, and a few steps of the optimiser."""

import fnmatch
import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from bench.golden_claim import Claim
from bench.golden_file import GoldenFile
from bench.golden_pretrain import FORWARD, check_settings, config_of
from h2a_curation.videomae.convert import files
from h2a_curation.videomae.convert.fill import fill
from h2a_curation.videomae.convert.shape import shape_of
from h2a_curation.videomae.finetune.augment import as_pictures, augmented
from h2a_curation.videomae.finetune.generators import of_seed
from h2a_curation.videomae.finetune.mixup import draw_mix, mixed_targets, mixed_videos, soft_target_errors
from h2a_curation.videomae.finetune.rand_augment import operated, rand_augment
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.optim import StepSize, make_optimizer, parameter_groups, update
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.presets import preset
from h2a_curation.videomae.rules import AugmentationRules, MixingRules

TWO = 2
"""Frames of each array of RandAugment."""
PIXELS = (0.0, 1.0)
"""One level, by which releases of Pillow differ."""


def check_layer_decay(file: GoldenFile) -> Iterator[Claim]:
    """Parameter groups of full-size classifiers: names, order, members, decay and rate."""
    for golden in file.contents[""]:
        size = golden["model"].removeprefix("vit_").partition("_")[0]
        with torch.device("meta"):
            model = Classifier(preset(size).model, golden["kwargs"]["num_classes"])
        groups = parameter_groups(model, golden["weight_decay"], golden["layer_decay"])
        ours = {name: {"params": g["names"], **_numbers(g)} for name, g in groups.items()}
        theirs = {name: {"params": g["params"], **_numbers(g)} for name, g in golden["groups"].items()}
        yield Claim("groups", ours, theirs)
        yield Claim("order of groups", list(ours), list(theirs))
        scales = {name.split("_")[1]: g["lr_scale"] for name, g in groups.items()}
        yield Claim("values", [scales[str(layer)] for layer in range(len(scales))], golden["values"])


def _numbers(group: dict[str, float]) -> dict[str, float]:
    return {name: group[name] for name in ("weight_decay", "lr_scale")}


def check_checkpoint(file: GoldenFile) -> Iterator[Claim]:
    """Official files of classifiers fill one of their own size, and an optimiser takes up its state."""
    names = list(file.contents.under(""))
    found = files.read(file.path)
    encoder = {name: tensor for name, tensor in found.tensors.items() if name.startswith("encoder.")}
    config, _ = shape_of(encoder, found.said, {})
    num_classes = len(found.tensors.get("head.bias", (0,)))
    model = Classifier(config, num_classes, mean_pooling="norm.weight" not in names)
    fitting = fill(model, found)
    yield Claim("weights without a place", fitting.unused, [])
    yield Claim("left fresh", [n for n in fitting.fresh if not n.startswith(("head.", "fc_norm.", "norm."))], [])
    state = checkpoint.load(file.path).get("optimizer")
    if state is not None:
        # Any value below 1 gives the groups that a layer decay makes.
        layer_decay = min(group.get("lr_scale", 1.0) for group in state["param_groups"])
        optimizer = make_optimizer(model, 0.05, (0.9, 0.999), layer_decay)
        optimizer.load_state_dict(state)
        for i, parameter in enumerate(p for group in optimizer.param_groups for p in group["params"]):
            moments = optimizer.state[parameter]["exp_avg"]
            yield Claim(f"shape of moments {i}", tuple(parameter.shape), tuple(moments.shape))


def check_mixup(file: GoldenFile) -> Iterator[Claim]:
    """Clips and targets of some draws, all numbers exact."""
    golden, rules = file.contents, MixingRules()
    videos, labels = torch.from_numpy(golden["x"]).permute(0, 2, 3, 4, 1), torch.from_numpy(golden["y"])
    for name in fnmatch.filter(golden, "x_*"):
        number = name.removeprefix("x_")
        rng = np.random.RandomState(file.meta["seed"] + int(number))
        mix = draw_mix(rules, videos.shape[2], videos.shape[3], rng)
        yield Claim(name, mixed_videos(videos, mix).permute(0, 4, 1, 2, 3), golden[name])
        official = golden[f"y_{number}"]
        targets = mixed_targets(labels, official.shape[1], rules.label_smoothing, mix)
        yield Claim(f"y_{number}", targets, official)


def check_steps(file: GoldenFile) -> Iterator[Claim]:
    """Some steps with rates by layer and clipped gradients: losses, and the weights at the end."""
    golden, meta = file.contents, file.meta
    model = Classifier(config_of(meta), meta["classes"], mean_pooling=meta.get("mean_pool", True))
    checkpoint.fill(model, golden.under("init."), file.path.name)
    video = golden["in.video_uint8"].permute(0, 2, 3, 4, 1)
    yield from check_settings(meta, model.config, len(video))
    optimizer = make_optimizer(model, meta["wd"], tuple(meta["betas"]), meta["layer_decay"])
    size = StepSize(learning_rate=meta["lr"], weight_decay=meta["wd"], clip_grad=meta["clip"])
    losses = []
    for _ in range(meta["steps"]):
        loss = soft_target_errors(model(video), golden["in.soft_target"]).mean()
        losses.append(loss.item())
        update(model, optimizer, loss, size)
    yield Claim("loss", losses, golden["loss"], (1e-4, 1e-8))
    ours = model.state_dict()
    yield Claim("names of weights", sorted(ours), sorted(golden.under("final.")))
    for name, weight in golden.under("final.").items():
        yield Claim(f"final {name}", ours[name], weight, (0.0, 1e-4))


def check_augment(file: GoldenFile) -> Iterator[Claim]:
    """The arrays of fine-tuning: each operation, RandAugment as a whole, and all that is done to a clip."""
    golden, size = file.contents, file.meta["input_size"]
    rules = AugmentationRules()
    if not fnmatch.filter(golden, "ra_*") + fnmatch.filter(golden, "rapolicy_*") + fnmatch.filter(golden, "ftaug_*"):
        return
    frames = as_pictures(golden["frames_uint8"])
    for name in fnmatch.filter(golden, "ra_*_*"):
        _, operation, seed = name.split("_")
        operation = operation.removesuffix("Increasing").removesuffix("Rel")
        ours = operated(frames[:TWO], operation, rules, random.Random(int(seed)))
        yield Claim(name, np.stack([np.asarray(frame) for frame in ours]), golden[name], PIXELS)
    for name in fnmatch.filter(golden, "rapolicy_*"):
        number = int(name.removeprefix("rapolicy_"))
        ours = rand_augment(frames[:TWO], rules, random.Random(number), np.random.RandomState(number))
        yield Claim(name, np.stack([np.asarray(frame) for frame in ours]), golden[name], PIXELS)
    for name in fnmatch.filter(golden, "ftaug_*_*"):
        _, kind, seed = name.split("_")
        chosen = replace(rules, erase_probability=1.0 if kind == "erase" else 0.0)
        pixels = augmented(frames, (size, size), chosen, of_seed(int(seed)))
        yield Claim(name, pixels.permute(3, 0, 1, 2), golden[name], FORWARD)
