"""What the golden files say of masks, frames, crops, schedules and position tables: each function reads one file."""

import fnmatch
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image

from bench.golden_claim import Claim
from bench.golden_file import Contents, GoldenFile, Meta
from h2a_curation.videomae.data.augment import crop_and_resize, multi_scale_box
from h2a_curation.videomae.data.frames import sample_indices
from h2a_curation.videomae.data.masking import cell_mask, cell_mask_of_phase, dual_masks, tube_mask
from h2a_curation.videomae.data.views import (
    Views,
    cropped,
    folder_indices,
    resized,
    resized_size,
    sparse_indices,
    training_indices,
)
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
        spec.get("dtype_official")  # ours are booleans
        slices, rows, columns = window
        hidden, not_decoded = pairs[0]
        told = {
            "shape_official": [slices, rows * columns],
            "masked_per_frame": int(hidden[0].sum()),
            "cell_masked": round(4 * float(not_decoded.mean())),
        }
        for name, value in told.items():
            yield Claim(f"{name} of s{i}", value, spec.get(name, value))


def check_frame_indices(file: GoldenFile) -> Iterator[Claim]:
    """Frames that pretraining, fine-tuning, validation and tests take of videos of many lengths, and tests' crops."""
    golden, meta = file.contents, file.meta
    for i, spec in enumerate(meta.get("finetune", [])):
        yield from _check_videos(file, i, spec)
    for i, spec in enumerate(meta.get("rawframe", [])):
        yield from _check_folders(file, i, spec)
    for i, spec in enumerate(meta.get("pretrain", [])):
        count, stride = spec["num_frames"], spec["sampling_rate"]
        ours = [
            [sample_indices(length, count, stride, np.random.RandomState(seed)) for seed in meta["seeds"]]
            for length in meta["lengths"]
        ]
        yield Claim(f"pre{i}", np.array(ours), golden[f"pre{i}_frame_ids"])


def _check_videos(file: GoldenFile, i: int, spec: Meta) -> Iterator[Claim]:
    meta, sparse, parts = file.meta, spec["sparse"], spec["num_segment"]
    frames, stride = spec["clip_len"] * parts, spec["frame_sample_rate"]
    views = Views(
        num_frames=frames,
        stride=stride,
        sparse=sparse,
        num_segments=spec["test_num_segment"],
        num_crops=spec["test_num_crop"],
    )

    def taken(length: int, rng: np.random.RandomState | None) -> list[int]:
        if sparse:
            return sparse_indices(length, frames, rng)
        return training_indices(length, frames // parts, stride, rng, num_segments=parts)

    drawn = [[taken(length, np.random.RandomState(seed)) for seed in meta["seeds"]] for length in meta["lengths"]]
    yield from _check_taken(file, f"ft{i}_train", drawn)
    yield from _check_taken(file, f"ft{i}_val", [taken(length, None) for length in meta["lengths"]])
    yield from _check_test(file, f"ft{i}", spec, views)
    if "test_order_first40" in spec:
        order = [(s, c, n) for s in range(views.num_segments) for c in range(views.num_crops) for n in meta["lengths"]]
        yield Claim(f"order of ft{i}", list(map(list, order[:40])), spec["test_order_first40"])


def _check_folders(file: GoldenFile, i: int, spec: Meta) -> Iterator[Claim]:
    meta, frames, first = file.meta, spec["num_segment"], spec["start_idx"]
    views = Views(
        num_frames=frames,
        stride=1,
        sparse=True,
        num_segments=spec["test_num_segment"],
        num_crops=spec["test_num_crop"],
        from_folder=True,
    )
    drawn = [
        [folder_indices(length, frames, np.random.RandomState(seed)) for seed in meta["seeds"]]
        for length in meta["lengths"]
    ]
    yield from _check_taken(file, f"raw{i}_train", np.array(drawn) + first)
    middle = [folder_indices(length, frames) for length in meta["lengths"]]
    yield from _check_taken(file, f"raw{i}_val", np.array(middle) + first)
    yield from _check_test(file, f"raw{i}", spec, views, first)


def _check_taken(file: GoldenFile, name: str, ours: Any) -> Iterator[Claim]:
    """Frames, by their number where the official code counts from the end; lengths at which it raises are left out."""
    official = file.contents[name]
    lengths = np.array(file.meta["lengths"]).reshape(-1, *[1] * (official.ndim - 1))
    counted = np.where(official == -1, lengths - 1, official)
    raises = (official == -2).reshape(len(official), -1).any(axis=1)
    yield Claim(name, np.array(ours)[~raises], counted[~raises])


def _check_test(file: GoldenFile, name: str, spec: Meta, views: Views, first: int = 0) -> Iterator[Claim]:
    num_crops = views.num_crops
    indices = [
        [[[index + first for index in segment]] * num_crops for segment in views.indices(length)]
        for length in file.meta["lengths"]
    ]
    yield from _check_taken(file, f"{name}_test", indices)
    target = (spec["short_side"],) * 2
    height, width = resized_size(spec["frame_h"], spec["frame_w"], target)
    regions = views.regions(height, width, target)
    boxes = [[top, left, bottom - top, right - left] for left, top, right, bottom in regions]
    official = file.contents[f"{name}_test_box"]
    yield Claim(f"{name} boxes", np.array(np.broadcast_to(np.array(boxes), official.shape)), official)


def check_augment(file: GoldenFile) -> Iterator[Claim]:
    """The arrays of pretraining: crops, resized and normalised clips, masks drawn after them."""
    golden, meta = file.contents, file.meta
    for name in fnmatch.filter(golden, "multiscale_boxes*"):
        size = int(name.removeprefix("multiscale_boxes"))
        for width, height, seed, *box in golden[name].tolist():
            ours = multi_scale_box(width, height, (size, size), random.Random(seed), parity=True)
            yield Claim(f"box {seed} of {width}x{height}", [ours.width, ours.height, ours.left, ours.top], box)
    for name in fnmatch.filter(golden, "pretrain*_clip"):
        yield from _check_sample(golden, name.removesuffix("_clip"), meta["seed"], meta["input_size"])
    if "test_resized_uint8" in golden:
        yield from _check_evaluation(golden, (meta["input_size"],) * 2)


def _check_evaluation(golden: Contents, target: tuple[int, int]) -> Iterator[Claim]:
    """The resized frames of a test, and the middle of them as validation gives it to the model."""
    frames = np.stack([resized(frame, target) for frame in golden["frames_uint8"]])
    yield Claim("resized", frames, golden["test_resized_uint8"], (0.0, 1.0))
    middle = Views(num_frames=len(frames), stride=1, sparse=False, num_segments=1, num_crops=1)
    [region] = middle.regions(frames.shape[1], frames.shape[2], target)
    pixels = cropped(frames, range(len(frames)), region).astype(np.float32) / np.float32(255)
    normalised = (pixels - np.array(IMAGENET_MEAN, np.float32)) / np.array(IMAGENET_STD, np.float32)
    yield Claim("validation clip", normalised.transpose(3, 0, 1, 2), golden["val_clip"], (0.0, 1e-5))


def _check_sample(golden: Contents, name: str, first_seed: int, size: int) -> Iterator[Claim]:
    frames, hidden, not_decoded = golden["frames_uint8"], golden[f"{name}_enc"], golden[f"{name}_dec"]
    seed, side = first_seed + int(name.removeprefix("pretrain")), int(hidden.shape[1] ** 0.5)
    drawn = multi_scale_box(frames.shape[2], frames.shape[1], (size, size), random.Random(seed), parity=True)
    resized = crop_and_resize([Image.fromarray(f) for f in frames], drawn, (size, size))
    pixels = resized.astype(np.float32) / np.float32(255)
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
        warmup_epochs = spec.get("warmup_epochs", 0)
        warmup = spec.get("warmup_steps", 0) or warmup_epochs * per_epoch
        start = spec.get("start_warmup_value", 0.0)
        ours = cosine_schedule(spec["base_value"], spec["final_value"], spec["epochs"] * per_epoch, warmup, start)
        yield Claim(f"v{i}", ours, golden[f"v{i}"], (1e-12, 1e-12))


def check_interpolation(file: GoldenFile) -> Iterator[Claim]:
    """Learnt position tables brought to another grid, slice by slice."""
    golden = file.contents
    for i, spec in enumerate(file.meta["specs"]):
        ours = resized_table(torch.from_numpy(golden[f"in{i}"][0]), spec["T"], (spec["to"], spec["to"]))
        yield Claim(f"size of in{i}", [spec["T"] * spec["from_"] ** 2, spec["C"]], list(golden[f"in{i}"].shape[1:]))
        yield Claim(f"out{i}", ours[None], golden[f"out{i}"], (1e-5, 1e-5))
