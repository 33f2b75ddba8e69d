"""Fine-tuning, from a labelled set to a checkpoint: seeded, and after any interruption the same run."""

import time
from dataclasses import asdict, replace
from pathlib import Path

import torch

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.videomae.data.bad_clips import read_skip_list
from h2a_curation.videomae.finetune.beginning import ModelToTune
from h2a_curation.videomae.finetune.examples import LabelledSet
from h2a_curation.videomae.finetune.recipe import as_yaml
from h2a_curation.videomae.finetune.result import TunedResult, finished_result, write_result
from h2a_curation.videomae.finetune.settings import FinetuningSettings, TunedModel
from h2a_curation.videomae.finetune.task import Finetuning
from h2a_curation.videomae.hardware.cores import cores_of_process, default_workers
from h2a_curation.videomae.hardware.devices import MICRO_CLIPS, uncompiled
from h2a_curation.videomae.hardware.heap import keep_freed_memory
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.hardware.speed import Speed
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.memory_advice import advising
from h2a_curation.videomae.loop.rescue import Rescue
from h2a_curation.videomae.loop.resume import say_beginning
from h2a_curation.videomae.loop.run import Run, num_parameters, start
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.loop.train import train
from h2a_curation.videomae.loop.watch import Watcher

_MEMORY_SHARE = 0.9
"""Part of a device's memory that is planned with, as by `h2a plan`."""
_MOST_AT_ONCE = 16
"""Videos that a device takes at a time without being asked: as many as in the official scripts."""


def finetune(
    data: LabelledSet,
    model: ModelToTune,
    out: Path,
    world: ProcessGroup,
    *,
    seed: int = 0,
    runtime: Runtime = Runtime(),
    rescue: Rescue = Rescue(),
    watcher: Watcher = Watcher(),
) -> TunedResult:
    """Train a classifier on a labelled set, in the folder `out`; under torchrun this is one of its processes.

    Called again with the same arguments, but with any runtime, it goes on from the newest checkpoint with the losses
    that an undisturbed run would have, or returns the result of a finished run. Signals, rescue and errors are those of
    pretraining.
    """
    started_s = time.monotonic()
    if world.device.type == "cpu":
        keep_freed_memory()
    workers = runtime.workers or default_workers(world.device.type)
    torch.set_num_threads(runtime.threads or max(1, cores_of_process() - workers))
    settings = FinetuningSettings(
        preset=TunedModel(name=model.recipe.name, model=model.config, recipe=model.recipe.recipe),
        seed=seed,
        task=data.task,
        num_classes=len(data.classes),
        videos=data.hash,
        weights=model.weights.hash if model.weights else None,
        skipped=read_skip_list(rescue.skip_clips, data.train) if rescue.skip_clips else (),
    )
    finished = world.agreed(finished_result(out, settings))
    if finished is not None:
        return finished
    task = Finetuning(out, data, settings, workers, model.weights, model.recipe.note)
    with_parts = replace(runtime, micro_clips=micro_clips_for_pairs(task, world, runtime))
    with advising(task.recipe, with_parts, world, unit=task.recipe.clips_together):
        run = start(task, world, with_parts, rescue.branch_from)
        if world.first:
            stored = out / "recipe.yaml"
            with replaced(out, stored) as file:
                file.write(as_yaml(model.recipe).encode())
            watcher.say(f"the recipe, kept in {stored}:\n{as_yaml(model.recipe).rstrip()}")
            say_beginning(run.beginning, run.num_steps, watcher.say)
        return _conclude(task, run, train(run, watcher), started_s)


def micro_clips_for_pairs(task: Finetuning, world: ProcessGroup, runtime: Runtime) -> int | None:
    """Videos that a device holds at a time: where clips are blended, partners are together.

    None leaves it to the room. ValueError in one line where they cannot be.
    """
    recipe, asked, alone = task.recipe, runtime.micro_clips, world.size == 1
    unit = recipe.clips_together
    share, rest = divmod(recipe.batch_clips, world.size)
    if rest:  # the room refuses that
        return asked
    if asked is not None:
        # A whole step on one device has all partners together, whatever their number.
        if asked % unit and not (alone and asked == share):
            raise ValueError(f"mixup pairs clips: --micro-clips {asked} is odd, use an even number")
        return asked
    if share % unit:
        if not alone:
            raise ValueError(
                f"mixup pairs clips, and {share} of {recipe.batch_clips} clips a step on each of {world.size} devices "
                "are odd in number: use another batch_clips, or mixup 0 and cutmix 0"
            )
        return share
    return _fitting(task, world, share, runtime, unit)


def _fitting(task: Finetuning, world: ProcessGroup, share: int, runtime: Runtime, unit: int) -> int:
    """The most that the device's memory takes, in multiples of `unit` that divide a device's share."""
    most = MICRO_CLIPS["cpu"]
    if world.device.type == "cuda":
        there = _MEMORY_SHARE * torch.cuda.get_device_properties(world.device).total_memory
        sharded = runtime.parallel == "fsdp" and world.size > 1
        fits = (
            n
            for n in range(_MOST_AT_ONCE, 0, -1)
            if task.device_bytes(n, num_devices=world.size, sharded=sharded) <= there
        )
        most = next(fits, 1)
    return next((n for n in range(min(share, most), 0, -1) if share % n == 0 and n % unit == 0), unit)


def _conclude(task: Finetuning, run: Run, speed: Speed, started_s: float) -> TunedResult:
    """Write `summary.json`; all processes call this."""
    world = run.learner.world
    with uncompiled(run.learner.compiled):
        figures = task.metrics(run.learner)
    result = None
    if run.records is not None:
        last = checkpoint.newest(task.out)
        assert last is not None
        best = run.records.best("val_acc1")
        result = TunedResult(
            checkpoint=last,
            best=task.out / checkpoint.BEST,
            num_steps=run.num_steps,
            num_videos=len(task.stream.members),
            num_classes=task.settings.num_classes,
            num_parameters=num_parameters(run.learner),
            first_loss=run.records.losses[0],
            final_loss=run.records.losses[-1],
            **{name: figures[name] for name in ("val_loss", "val_acc1", "val_acc5")},
            best_acc1=figures["val_acc1"] if best is None else best,
            device=world.device.type,
            num_devices=world.size,
            wall_s=time.monotonic() - started_s,
            **asdict(speed),
        )
        write_result(task.out, result, task.settings, run.beginning.ancestry)
    result = world.agreed(result)
    assert result is not None
    return result
