"""What the golden files say of classifiers: their forward, what they take from a checkpoint, and merged views."""

import fnmatch
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from bench.golden_claim import Claim
from bench.golden_file import Contents, GoldenFile, Meta
from bench.golden_pretrain import FORWARD, GRADIENT, check_settings, config_of
from h2a_curation.videomae.convert.files import Found
from h2a_curation.videomae.convert.fill import fill
from h2a_curation.videomae.convert.shape import shape_of
from h2a_curation.videomae.evaluate.merge import Merge, merged, ranked
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.model.drop_path import BRANCHES, drop_rates, kept_branches


def check_model(file: GoldenFile) -> Iterator[Claim]:
    """Features, logits, losses and gradients of one small classifier that drops nothing."""
    golden, meta = file.contents, file.meta
    model = Classifier(config_of(meta), meta["classes"], mean_pooling=meta.get("mean_pool", True))
    checkpoint.fill(model, golden.under("state."), file.path.name)
    meta.get("init_scale")  # by how much the head was scaled before its weights were written
    video = golden["in.video_uint8"].permute(0, 2, 3, 4, 1)
    yield from check_settings(meta, model.config, len(video))
    if "out.features" in golden:
        yield Claim("features", model.features(video).detach(), golden["out.features"], FORWARD)
    logits = model(video)
    yield Claim("logits", logits.detach(), golden["out.logits"], FORWARD)
    for name in fnmatch.filter(golden, "out.logits_train_mode_torchseed_*"):
        yield from _check_dropping(model, video, golden, meta, int(name.rpartition("_")[2]))
    loss = cross_entropy(logits, golden["in.soft_target"])
    if "loss.soft_target_ce" in golden:
        yield Claim("loss", loss.detach().view(1), golden["loss.soft_target_ce"].view(1), FORWARD)
    if "loss.label_smoothing_0.1_ce" in golden:
        smoothed = cross_entropy(logits, golden["in.hard_target"], label_smoothing=0.1)
        yield Claim("smoothed", smoothed.detach().view(1), golden["loss.label_smoothing_0.1_ce"].view(1), FORWARD)
    loss.backward()  # type: ignore[no-untyped-call]
    ours = {name: p.grad for name, p in model.named_parameters()}
    for name, gradient in golden.under("grad.").items():
        yield Claim(f"gradient of {name}", ours[name], gradient, GRADIENT)


def _check_dropping(model: Classifier, video: torch.Tensor, golden: Contents, meta: Meta, seed: int) -> Iterator[Claim]:
    """Logits of a model that drops branches as torch's generator of this seed says: none in blocks of rate 0."""
    rates = drop_rates(meta["drop_path"], model.config.depth)
    yield Claim("drop path rates", rates, golden["drop_path_rates"], (0.0, 1e-7))
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.zeros(len(video), len(rates), BRANCHES)
    for block, rate in enumerate(rates):
        for branch in range(BRANCHES if rate else 0):
            drawn[:, block, branch] = torch.rand(len(video), generator=generator)
    logits = model(video, kept_branches(drawn, rates)).detach()
    yield Claim("logits in training", logits, golden[f"out.logits_train_mode_torchseed_{seed}"], FORWARD)


def check_load_mapping(file: GoldenFile) -> Iterator[Claim]:
    """Which weights of pretraining a classifier takes, leaves fresh and passes over."""
    golden = file.contents
    golden["note"]
    shapes = {name: tuple(size) for name, size in golden["finetune_keys"]}
    tensors = {name: torch.zeros(size) for name, size in golden["pretrain_keys"]}
    one_head = {"num_heads": 1, "decoder_num_heads": 1, "image_px": 32, "num_frames": 2}
    config, _ = shape_of(tensors, {}, one_head)
    model = Classifier(config, shapes["head.bias"][0])
    yield Claim("names", {k: tuple(v.shape) for k, v in model.state_dict().items()}, shapes)
    fitting = fill(model, Found(layout="official pretraining", tensors=tensors, said={}, left_out=[]))
    ours = {
        "copied_into_finetune": fitting.fitted,
        "left_at_fresh_init": fitting.fresh,
        "checkpoint_keys_not_used": [name.removeprefix("encoder.") for name in fitting.unused],
    }
    for name, found in ours.items():
        yield Claim(name, sorted(found), sorted(golden[name]))


def check_merge(file: GoldenFile) -> Iterator[Claim]:
    """Accuracies of what each process of an official test has written, view by view."""
    meta, golden = file.meta, file.contents
    expected = json.loads(golden["expected.json"].read_text(encoding="utf-8"))
    files = [golden[f"{i}.txt"] for i in range(meta["n_tasks"])]
    views = _views(files)
    yield Claim("views", {len(of_one) for _, of_one in views.values()}, {meta["segments"] * meta["crops"]})
    yield Claim("classes", {len(x) for _, of_one in views.values() for x in of_one.values()}, {meta["classes"]})
    for method, official in expected.items():
        yield Claim(method, _accuracies(views, method), official, (1e-12, 1e-9))


_Views = dict[str, tuple[int, dict[tuple[str, str], NDArray[np.float64]]]]
"""Label, and logits by segment and crop, of each video."""


def _views(files: list[Path]) -> _Views:
    """What a distributed sampler has repeated to fill its last batch is passed over."""
    found: _Views = {}
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines()[1:]:
            name, _, rest = line.partition("[")
            numbers, _, ends = rest.partition("]")
            label, segment, crop = ends.split()
            found.setdefault(name, (int(label), {}))[1].setdefault(
                (segment, crop), np.array(json.loads(f"[{numbers}]"))
            )
    return found


def _accuracies(views: _Views, method: Merge) -> list[float]:
    """Top-1 and top-5 in percent."""
    ranks = [(label, ranked(merged(np.stack(list(of_one.values())), method))) for label, of_one in views.values()]
    return [100 * float(np.mean([label in order[:k] for label, order in ranks])) for k in (1, 5)]
