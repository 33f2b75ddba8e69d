"""What a run says of itself when it starts, before time is spent: data, steps, rate, device, memory, loaders."""

import os
from collections.abc import Iterator

import torch

from h2a_curation.videomae.hardware.cores import cores_of_process
from h2a_curation.videomae.hardware.devices import used_dtype
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.loop.run import Run

PLANNED_MFU = 0.45
"""Utilisation with which a run's time is told before there is a step to measure."""
_GIB = 2**30


def about(run: Run, peak_flops_per_s: float, workers: int) -> list[str]:
    """Lines for people, of which those that begin with `warning` tell what is hardly meant; the peak is measured."""
    return [
        *run.task.about(),
        *_steps(run),
        *_device(run, peak_flops_per_s),
        f"loaders: {workers} threads in each process, which may use {cores_of_process()} cores",
        *_warnings(run),
    ]


def _steps(run: Run) -> Iterator[str]:
    recipe, stream = run.task.recipe, run.task.stream
    clips, per_epoch = len(stream.members) - len(stream.skipped), run.steps_per_epoch
    left_over = max(0, len(stream.members) - per_epoch * recipe.batch_clips)
    seen = run.num_steps * recipe.batch_clips / clips
    yield (
        f"steps: {run.num_steps:,} of {recipe.batch_clips:,} clips, {per_epoch:,} make an epoch, which leaves out "
        f"{left_over:,}; a clip is seen {seen:,.1f} times, with {run.task.samples_per_clip} views each"
    )
    warmup = round(run.num_steps * recipe.warmup_epochs / recipe.epochs)
    yield (
        f"rate: {recipe.learning_rate:g} for 256 clips, so {recipe.scaled_rate:.3g} for {recipe.batch_clips:,}, "
        f"after {warmup:,} steps of warm-up"
    )


def _device(run: Run, peak_flops_per_s: float) -> Iterator[str]:
    learner, world = run.learner, run.learner.world
    used = used_dtype(world.device, learner.dtype)
    precision = used if used == learner.dtype else f"{used}, since {learner.dtype} would be slower here,"
    name = torch.cuda.get_device_name(world.device) if world.device.type == "cuda" else "cpu"
    yield (
        f"device: {world.size} x {name}, {precision} {'compiled' if learner.compiled else 'not compiled'}, "
        f"{_micro_clips(run)} clips at a time, {learner.num_micro_steps} passes a step"
    )
    needed, there = _needed_bytes(run) / _GIB, _there_bytes(world) / _GIB
    yield f"memory: about {needed:.2f} GiB of {there:.0f} GiB on each device, for the model and the clips at a time"
    left = run.num_steps - run.first_step
    hours = left * run.task.step_flops / (peak_flops_per_s * PLANNED_MFU) / 3600
    yield (
        f"time: about {_told(hours)} for {left:,} steps, if loaders keep up and {PLANNED_MFU:.0%} is reached of "
        f"{peak_flops_per_s / 1e9:,.0f} GFLOP/s, which a matrix product reaches here"
    )


def _warnings(run: Run) -> Iterator[str]:
    recipe, clips = run.task.recipe, len(run.task.stream.members) - len(run.task.stream.skipped)
    if recipe.batch_clips > clips:
        yield (
            f"warning: a step takes {recipe.batch_clips:,} clips and there are {clips:,}, so that each is "
            f"{recipe.batch_clips / clips:.1f} times in every step: --batch-clips {clips} or less is probably meant"
        )
    needed, there = _needed_bytes(run), _there_bytes(run.learner.world)
    if needed > there:
        yield "warning: that is more memory than there is; fewer --micro-clips or --set recompute=true take less"


def _micro_clips(run: Run) -> int:
    return run.task.recipe.batch_clips // (run.learner.world.size * run.learner.num_micro_steps)


def _needed_bytes(run: Run) -> int:
    world = run.learner.world
    sharded = run.runtime.parallel == "fsdp" and world.size > 1
    return run.task.device_bytes(_micro_clips(run), num_devices=world.size, sharded=sharded)


def _there_bytes(world: ProcessGroup) -> int:
    if world.device.type == "cuda":
        return int(torch.cuda.get_device_properties(world.device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _told(hours: float) -> str:
    return f"{hours:,.1f} hours" if hours >= 1 else f"{max(1, 60 * hours):.0f} minutes"
