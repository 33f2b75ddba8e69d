"""One optimiser step of ViT-B on 2 CPU threads, against a plain reference that does what the official code does.

    python -m bench.pretrain_step
    python -m bench.pretrain_step --check-plain ../shared/golden      # that the reference is the official model

Forward, loss, backward and AdamW of 2 samples of 16 x 224 x 224. Each side is a process of its own, so that its peak of
memory is its own, and all take turns, so that a machine that slows down slows them alike. On a GPU it is
`bench/gpu_step.py` that measures.
"""

import sys
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

from bench import plain_golden, report
from bench.plain_model import PlainModel, normalised
from bench.plain_step import plain_optimizer, plain_step
from bench.report import Figure
from bench.sides import Side, Step
from h2a_curation.videomae.data.masking import dual_masks
from h2a_curation.videomae.hardware.devices import autocast
from h2a_curation.videomae.hardware.flops import step_flops
from h2a_curation.videomae.hardware.heap import allocate_state, keep_freed_memory
from h2a_curation.videomae.hardware.precision import multiplies_bfloat16
from h2a_curation.videomae.loop.optim import StepSize, gradient_norm, make_optimizer, step_downhill
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder, token_indices
from h2a_curation.videomae.model.loss import counted_places, masked_loss, take_tokens, targets, token_errors
from h2a_curation.videomae.presets import Dtype, preset

THREADS = 2
SAMPLES = 2
OFFICIAL_S = (1.25, 1.7)
"""The official code on the machine where the project began, idle and busy; its peak there was 2.8 GiB."""
OFFICIAL_GIB = 2.8
WARMUP_STEPS = 2
STEP_SIZE = StepSize(learning_rate=1e-4, weight_decay=0.05, clip_grad=None)
SIDES = ("plain", "float32", "bfloat16")

Inputs = tuple[Tensor, Tensor, Tensor]
"""uint8 clips [sample, frame, height, width, rgb]; True where a token is hidden; True where it is not decoded."""


def main() -> int:
    """Exit status 1 where a goal fails."""
    parser = report.options(__doc__)
    parser.add_argument(
        "--check-plain", type=Path, metavar="FOLDER", help="check the reference against official tensors"
    )
    parser.add_argument("--preset", default="vit_b", help="another model, while developing")
    parser.add_argument("--rounds", type=int, default=9, help="timed steps of each side")
    given = parser.parse_args()
    if given.check_plain:
        return 0 if plain_golden.report(given.check_plain) else 1
    print(
        f"the official code, measured where the project began: {OFFICIAL_S[0]} to {OFFICIAL_S[1]} s, {OFFICIAL_GIB} GiB"
    )
    figures = on_cpu(given.preset, given.rounds)
    return report.finish("pretrain_step", figures, given)


def on_cpu(name: str, rounds: int) -> list[Figure]:
    """All sides take one step in turn; medians."""
    sides = {side: Side(partial(_made, side, name), THREADS) for side in SIDES}
    steps = [{side: sides[side].step() for side in SIDES} for _ in range(WARMUP_STEPS + rounds)]
    seconds = {side: median(step[side].seconds for step in steps[WARMUP_STEPS:]) for side in SIDES}
    losses = {side: np.array([step[side].loss for step in steps]) for side in SIDES}
    ends = {side: sides[side].end() for side in SIDES}
    flops = step_flops(preset(name).model, SAMPLES, 0.9, 0.5)
    if not multiplies_bfloat16("cpu"):
        print("this processor has no bfloat16 products: a bfloat16 run computes in float32 here")
    goals = {
        "float32": (">= 1.2", "<= 0.0001"),
        "bfloat16": (">= 3" if torch.cpu.get_capabilities()["amx_bf16"] else ">= 1.4", "<= 0.01"),
    }
    figures = [
        Figure(name="plain_s", value=seconds["plain"], unit="s"),
        Figure(name="plain_gib", value=ends["plain"].peak_gib, unit="GiB"),
    ]
    for side, (faster, same) in goals.items():
        apart = np.abs(losses[side] / losses["plain"] - 1).max()
        leaner = ends[side].peak_gib / ends["plain"].peak_gib
        figures += [
            Figure(name=f"{side}_s", value=seconds[side], unit="s", baseline="plain_s"),
            Figure(name=f"{side}_speedup", value=seconds["plain"] / seconds[side], unit="x", goal=faster),
            Figure(name=f"{side}_gib", value=ends[side].peak_gib, unit="GiB", baseline="plain_gib"),
            Figure(name=f"{side}_memory", value=leaner, unit="of plain", goal="<= 0.75"),
            Figure(name=f"{side}_loss_apart", value=apart, unit="", goal=same),
            Figure(name=f"{side}_of_matmul_peak", value=flops / seconds[side] / ends[side].matmul_flops_per_s, unit=""),
        ]
    return figures


def _made(side: str, name: str) -> Step:
    if side == "plain":
        return plain(name)
    keep_freed_memory()
    return ours(name, "bfloat16" if side == "bfloat16" else "float32")


def plain(name: str) -> Step:
    """A step of the reference; the loader has normalised its clips, as the official one does."""
    model = PlainModel(preset(name).model)
    model.load_state_dict(_start(name).state_dict(), assign=True)
    optimizer = plain_optimizer(model, STEP_SIZE.weight_decay, (0.9, 0.95))
    for group in optimizer.param_groups:
        group["lr"] = STEP_SIZE.learning_rate
    video, hidden, not_decoded = inputs(name)
    video = normalised(video)
    return lambda: plain_step(model, optimizer, video, hidden, not_decoded, STEP_SIZE.clip_grad)[0]


def ours(name: str, dtype: Dtype) -> Step:
    """A step of the training stage, from uint8 clips."""
    model = _start(name)
    optimizer = make_optimizer(model, STEP_SIZE.weight_decay, (0.9, 0.95))
    allocate_state(optimizer)
    video, hidden, not_decoded = inputs(name)
    visible, decoded = token_indices(~hidden), token_indices(~not_decoded)
    was_hidden = hidden.gather(1, decoded)
    used: Dtype = dtype if multiplies_bfloat16("cpu") else "float32"

    def loss_of_batch() -> Tensor:
        counted = counted_places(was_hidden)
        patches = model.patchify(video)
        with autocast(video.device, used):
            predicted = model(patches, visible, decoded, counted)
        errors = token_errors(predicted, targets(take_tokens(patches, decoded.gather(1, counted))))
        return masked_loss(errors, was_hidden.gather(1, counted))

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of_batch()
        loss.backward()  # type: ignore[no-untyped-call]
        step_downhill(model, optimizer, STEP_SIZE, float(gradient_norm(model)))
        return loss.item()

    return step


def inputs(name: str) -> Inputs:
    """The same for all sides."""
    config, rng = preset(name).model, np.random.RandomState(0)
    shape = (SAMPLES, config.num_frames, *config.frame_px, 3)
    video = torch.from_numpy(rng.randint(0, 256, shape, dtype=np.uint8))
    masks = [dual_masks(config.window, 0.9, 0.5, rng) for _ in range(SAMPLES)]
    hidden, not_decoded = (torch.from_numpy(np.stack(m).reshape(SAMPLES, -1)) for m in zip(*masks, strict=True))
    return video, hidden, not_decoded


def _start(name: str) -> MaskedAutoencoder:
    """The weights that both begin with."""
    torch.manual_seed(0)
    return MaskedAutoencoder(preset(name).model)


if __name__ == "__main__":
    sys.exit(main())
