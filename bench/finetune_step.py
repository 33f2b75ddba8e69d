"""One fine-tuning step of ViT-B on 2 CPU threads, against a plain reference that does what the official code does.

    python -m bench.finetune_step

Mixup, forward, soft-target loss, backward and AdamW by layer, of 2 samples of 16 x 224 x 224 in float32. Each side is a
process of its own, and they take turns: see `bench/pretrain_step.py`. A step is eight times as dear as one of
pretraining, as all tokens are seen.
"""

import sys
from functools import partial
from statistics import median

import numpy as np
import torch
from torch import Tensor

from bench import report
from bench.plain_classifier import PlainClassifier, plain_loss, plain_mixup
from bench.report import Figure
from bench.sides import Side, Step
from h2a_curation.videomae.finetune.mixup import Mix, mixed_targets, mixed_videos, soft_target_errors
from h2a_curation.videomae.hardware.flops import step_flops
from h2a_curation.videomae.hardware.heap import allocate_state, keep_freed_memory
from h2a_curation.videomae.loop.optim import StepSize, gradient_norm, make_optimizer, parameter_groups, step_downhill
from h2a_curation.videomae.model import classifier
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.model.drop_path import BRANCHES, drop_rates, kept_branches
from h2a_curation.videomae.presets import preset

THREADS, SAMPLES, NUM_CLASSES = 2, 2, 400
LAYER_DECAY, DROP_PATH, SMOOTHING, SHARE = 0.75, 0.1, 0.1, 0.7
BETAS = (0.9, 0.999)
STEP_SIZE = StepSize(learning_rate=1e-4, weight_decay=0.05, clip_grad=None)
WARMUP_STEPS = 1


def main() -> int:
    """Exit status 1 where a goal fails."""
    parser = report.options(__doc__)
    parser.add_argument("--preset", default="vit_b", help="another model, while developing")
    parser.add_argument("--rounds", type=int, default=5, help="timed steps of each side")
    given = parser.parse_args()
    return report.finish("finetune_step", figures(given.preset, given.rounds), given)


def figures(name: str, rounds: int) -> list[Figure]:
    """Both sides take one step in turn; medians."""
    sides = {"plain": Side(partial(plain, name), THREADS), "ours": Side(partial(ours, name), THREADS)}
    steps = [{name: side.step() for name, side in sides.items()} for _ in range(WARMUP_STEPS + rounds)]
    seconds = {side: median(step[side].seconds for step in steps[WARMUP_STEPS:]) for side in sides}
    losses = {side: np.array([step[side].loss for step in steps]) for side in sides}
    ends = {name: side.end() for name, side in sides.items()}
    flops = step_flops(preset(name).model, SAMPLES, 0.0, 0.0)
    return [
        Figure(name="plain_s", value=seconds["plain"], unit="s"),
        Figure(name="plain_gib", value=ends["plain"].peak_gib, unit="GiB"),
        Figure(name="ours_s", value=seconds["ours"], unit="s", baseline="plain_s"),
        Figure(name="speedup", value=seconds["plain"] / seconds["ours"], unit="x", goal=">= 1.15"),
        Figure(name="ours_gib", value=ends["ours"].peak_gib, unit="GiB", baseline="plain_gib"),
        Figure(name="memory", value=ends["ours"].peak_gib / ends["plain"].peak_gib, unit="of plain", goal="<= 0.85"),
        Figure(name="loss_apart", value=np.abs(losses["ours"] / losses["plain"] - 1).max(), unit="", goal="<= 0.0001"),
        Figure(name="of_matmul_peak", value=flops / seconds["ours"] / ends["ours"].matmul_flops_per_s, unit=""),
    ]


def plain(name: str) -> Step:
    """A step of the reference."""
    config = _start(name).config
    model = PlainClassifier(config, NUM_CLASSES, DROP_PATH)
    model.load_state_dict(_start(name).state_dict(), assign=True)
    groups = parameter_groups(model, STEP_SIZE.weight_decay, LAYER_DECAY).values()
    rates = [STEP_SIZE.learning_rate * group["lr_scale"] for group in groups]
    optimizer = torch.optim.AdamW(
        [
            {"params": group["params"], "weight_decay": group["weight_decay"], "lr": rate}
            for group, rate in zip(groups, rates, strict=True)
        ],
        betas=BETAS,
        eps=1e-8,
    )
    video, labels, drawn = inputs(name)
    targets = mixed_targets(labels, NUM_CLASSES, SMOOTHING, Mix())
    video_BCTHW = video.permute(0, 4, 1, 2, 3).contiguous()

    def step() -> float:
        clips, blended = plain_mixup(video_BCTHW.clone(), targets, SHARE)
        torch.manual_seed(drawn)
        loss = plain_loss(model(clips), blended)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()
        optimizer.step()
        return loss.item()

    return step


def ours(name: str) -> Step:
    """A step of the training room."""
    keep_freed_memory()
    model = _start(name)
    optimizer = make_optimizer(model, STEP_SIZE.weight_decay, BETAS, LAYER_DECAY)
    allocate_state(optimizer)
    video, labels, seed = inputs(name)
    mix, kept = Mix(share=SHARE), _kept(seed, model.config.depth)

    def loss_of_batch() -> Tensor:
        logits = model(mixed_videos(video, mix), kept)
        return soft_target_errors(logits, mixed_targets(labels, NUM_CLASSES, SMOOTHING, mix)).mean()

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of_batch()
        loss.backward()  # type: ignore[no-untyped-call]
        step_downhill(model, optimizer, STEP_SIZE, float(gradient_norm(model)))
        return loss.item()

    return step


def inputs(name: str) -> tuple[Tensor, Tensor, int]:
    """Normalised clips, labels, and the seed of what is dropped: the same for both sides."""
    config, rng = preset(name).model, np.random.RandomState(0)
    shape = (SAMPLES, config.num_frames, *config.frame_px, 3)
    video = torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
    return video, torch.from_numpy(rng.randint(0, NUM_CLASSES, SAMPLES)), 7


def _kept(seed: int, depth: int) -> Tensor:
    """What torch's generator drops in the reference."""
    rates, generator = drop_rates(DROP_PATH, depth), torch.Generator().manual_seed(seed)
    drawn = torch.zeros(SAMPLES, depth, BRANCHES)
    for block, rate in enumerate(rates):
        for branch in range(BRANCHES if rate else 0):
            drawn[:, block, branch] = torch.rand(SAMPLES, generator=generator)
    return kept_branches(drawn, rates)


def _start(name: str) -> Classifier:
    """The weights that both begin with."""
    torch.manual_seed(0)
    model = Classifier(preset(name).model, NUM_CLASSES)
    classifier.begin(model, 1.0)
    return model


if __name__ == "__main__":
    sys.exit(main())
