"""What the golden files say of masks, frames, crops, schedules and position tables: each function reads one file."""

import fnmatch
import random
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image

from bench.golden_claim import Claim
from bench.golden_file import Contents, GoldenFile
from h2a_curation.videomae.data.augment import crop_and_resize, multi_scale_box
from h2a_curation.videomae.data.frames import sample_indices
from h2a_curation.videomae.data.masking import cell_mask, cell_mask_of_phase, dual_masks, tube_mask
from h2a_curation.videomae.loop.schedule import cosine_schedule
from h2a_curation.videomae.model.autoencoder import IMAGENET_MEAN, IMAGENET_STD
from h2a_curation.videomae.model.positions import resized_table, sinusoid_table


def check_sinusoid(file: GoldenFile) -> Iterator[Claim]:
    """Whole position tables, or some rows and the sums."""
    golden = file.contents
    for name in golden:
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


def check_masks(file: GoldenFile) -> Iterator[Claim]:
    """Both masks from many seeds, alone and drawn one after the other."""
    golden, meta = file.contents, file.meta
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


def check_frame_indices(file: GoldenFile) -> Iterator[Claim]:
    """The arrays of pretraining; those of fine-tuning are not built yet."""
    golden, meta = file.contents, file.meta
    for i, spec in enumerate(meta["pretrain"]):
        count, stride = spec["num_frames"], spec["sampling_rate"]
        ours = [
            [sample_indices(length, count, stride, np.random.RandomState(seed)) for seed in meta["seeds"]]
            for length in meta["lengths"]
        ]
        yield Claim(f"pre{i}", np.array(ours), golden[f"pre{i}_frame_ids"])


def check_augment(file: GoldenFile) -> Iterator[Claim]:
    """The arrays of pretraining: crops, resized and normalised clips, masks drawn after them."""
    golden, meta = file.contents, file.meta
    for name in fnmatch.filter(golden, "multiscale_boxes*"):
        size = int(name.removeprefix("multiscale_boxes"))
        for width, height, seed, *box in golden[name].tolist():
            ours = multi_scale_box(width, height, size, random.Random(seed), parity=True)
            yield Claim(f"box {seed} of {width}x{height}", [ours.width, ours.height, ours.left, ours.top], box)
    for name in fnmatch.filter(golden, "pretrain*_clip"):
        yield from _check_sample(golden, name.removesuffix("_clip"), meta["seed"], meta["input_size"])


def _check_sample(golden: Contents, name: str, first_seed: int, size: int) -> Iterator[Claim]:
    frames, hidden, not_decoded = golden["frames_uint8"], golden[f"{name}_enc"], golden[f"{name}_dec"]
    seed, side = first_seed + int(name.removeprefix("pretrain")), int(hidden.shape[1] ** 0.5)
    drawn = multi_scale_box(frames.shape[2], frames.shape[1], size, random.Random(seed), parity=True)
    pixels = crop_and_resize([Image.fromarray(f) for f in frames], drawn, size).astype(np.float32) / np.float32(255)
    normalised = (pixels - np.array(IMAGENET_MEAN, np.float32)) / np.array(IMAGENET_STD, np.float32)
    yield Claim(f"{name} clip", normalised.transpose(3, 0, 1, 2), golden[f"{name}_clip"], (0.0, 1e-5))
    ratio = float(hidden.mean()) + 1e-9  # a whole number of places, in spite of rounding
    decoder = 0.0 if np.array_equal(not_decoded, 1 - hidden) else float(not_decoded.mean())
    masks = dual_masks((hidden.shape[0], side, side), ratio, decoder, np.random.RandomState(seed))
    yield Claim(f"{name} encoder mask", masks[0], hidden)
    yield Claim(f"{name} decoder mask", masks[1], not_decoded)


def check_schedules(file: GoldenFile) -> Iterator[Claim]:
    """Warm-up and cosine, one value a step."""
    golden, meta = file.contents, file.meta
    for i, spec in enumerate(meta["specs"]):
        per_epoch = spec["niter_per_ep"]
        warmup = spec.get("warmup_steps", 0) or spec.get("warmup_epochs", 0) * per_epoch
        start = spec.get("start_warmup_value", 0.0)
        ours = cosine_schedule(spec["base_value"], spec["final_value"], spec["epochs"] * per_epoch, warmup, start)
        yield Claim(f"v{i}", ours, golden[f"v{i}"], (1e-12, 1e-12))


def check_interpolation(file: GoldenFile) -> Iterator[Claim]:
    """Learnt position tables brought to another grid, slice by slice."""
    golden = file.contents
    for i, spec in enumerate(file.meta["specs"]):
        ours = resized_table(torch.from_numpy(golden[f"in{i}"][0]), spec["T"], spec["to"])
        yield Claim(f"out{i}", ours[None], golden[f"out{i}"], (1e-5, 1e-5))
