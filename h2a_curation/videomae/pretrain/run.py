"""What a training run has in hand, from the first batch to the last."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from h2a_curation.videomae.data.loader import Batch, Stream
from h2a_curation.videomae.data.shards import Version, read_clip
from h2a_curation.videomae.hardware.devices import compile_blocks, micro_clips_for, uncompiled
from h2a_curation.videomae.hardware.heap import allocate_state
from h2a_curation.videomae.hardware.parallel import ProcessGroup, spread
from h2a_curation.videomae.loop.learner import Learner
from h2a_curation.videomae.loop.optim import make_optimizer
from h2a_curation.videomae.loop.records import Records
from h2a_curation.videomae.loop.resume import resume
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
from h2a_curation.videomae.model.neighbour_init import look_at_neighbours
from h2a_curation.videomae.presets import Preset
from h2a_curation.videomae.pretrain.held_out import HeldOutLoss, held_out_batches, measure, split_members
from h2a_curation.videomae.pretrain.step import patch_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """With what a run is done; nothing of this changes its numbers, but for the last digits."""

    device: str | None = None
    """Default: `cuda` where there is one, else `cpu`."""
    parallel: str = "ddp"
    """Under torchrun: `ddp`, or `fsdp` where the model's weights and optimiser do not fit on one device."""
    micro_clips: int | None = None
    """Clips that a device holds at a time; default: 32 on a GPU, 2 on a CPU."""
    compile: bool | None = None
    """Default: on a GPU."""
    threads: int | None = None
    """Torch's own; default: those that loaders leave free. More than idle cores make it slower, not faster."""
    workers: int = 2
    """Threads of each process that decode."""
    keep: int | None = None
    """Newest checkpoints to keep of those at the end of epochs; default: all."""
    cache: Path | None = None
    """Folder for copies of distant shards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run has in hand while it lasts."""

    out: Path
    settings: dict[str, Any]
    means: Runtime
    stream: Stream
    held_out: list[Batch]
    """This process's share."""
    held_out_before: HeldOutLoss
    learner: Learner
    compiled: bool
    first_step: int
    num_steps: int
    records: Records | None
    """In the first process."""


def start(
    out: Path, opened: Version, chosen: Preset, seed: int, settings: dict[str, Any], world: ProcessGroup, means: Runtime
) -> Run:
    """Everything in place for the next step: all processes call this together."""
    members, held_out = split_members(opened)
    read = partial(read_clip, opened)
    stream = Stream(members=members, read=read, preset=chosen, seed=seed)
    batches = held_out_batches(held_out, read, chosen, seed, world)
    compiled = world.device.type == "cuda" if means.compile is None else means.compile
    learner = _learner(chosen, seed, world, means, compiled=compiled)
    out.mkdir(parents=True, exist_ok=True)
    with uncompiled(compiled):
        before = measure(learner.model, batches, world, learner.dtype)
    first_step = resume(out, settings, learner)
    num_parameters = sum(p.numel() for p in learner.model.parameters())
    return Run(
        out=out,
        settings=settings,
        means=means,
        stream=stream,
        held_out=batches,
        held_out_before=before,
        learner=learner,
        compiled=compiled,
        first_step=first_step,
        num_steps=chosen.recipe.num_steps(stream.steps_per_epoch),
        records=Records(out, first_step, stream.steps_per_epoch, num_parameters) if world.first else None,
    )


def _learner(chosen: Preset, seed: int, world: ProcessGroup, means: Runtime, *, compiled: bool) -> Learner:
    """The model at its start, the same in every process."""
    recipe = chosen.recipe
    micro_clips = micro_clips_for(recipe.batch_clips, world.size, means.micro_clips, world.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MaskedAutoencoder(chosen.model, recompute=recipe.recompute)
        if recipe.neighbour_start:
            look_at_neighbours(model)
    if compiled:
        compile_blocks(model)
    called = spread(model, world, means.parallel)
    optimizer = make_optimizer(model, recipe.weight_decay, recipe.betas)
    if world.device.type == "cpu":
        allocate_state(optimizer)
    return Learner(
        model=model,
        called=called,
        optimizer=optimizer,
        world=world,
        dtype=recipe.dtype,
        num_micro_steps=recipe.batch_clips // (world.size * micro_clips),
        errors=torch.compile(patch_errors, dynamic=False) if compiled else patch_errors,
    )
