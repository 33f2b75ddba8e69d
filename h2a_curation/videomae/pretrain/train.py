"""Pretraining, from finished shards to a checkpoint: seeded, and after any interruption the same run."""

import time
from dataclasses import asdict
from pathlib import Path

import torch

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.videomae.convert.start import StartWeights
from h2a_curation.videomae.data.bad_clips import read_skip_list
from h2a_curation.videomae.data.shards import open_version
from h2a_curation.videomae.hardware.cores import cores_of_process, default_workers
from h2a_curation.videomae.hardware.devices import uncompiled
from h2a_curation.videomae.hardware.heap import keep_freed_memory
from h2a_curation.videomae.hardware.parallel import ProcessGroup, device_kind, joined
from h2a_curation.videomae.hardware.speed import Speed
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.memory_advice import advising
from h2a_curation.videomae.loop.rescue import Rescue
from h2a_curation.videomae.loop.resume import say_beginning
from h2a_curation.videomae.loop.run import Run, num_parameters, start
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.loop.train import picture_now, train
from h2a_curation.videomae.loop.watch import Watcher
from h2a_curation.videomae.presets import Preset, preset
from h2a_curation.videomae.pretrain.held_out import split_members
from h2a_curation.videomae.pretrain.recipe import as_yaml
from h2a_curation.videomae.pretrain.result import PICTURE, Result, finished_result, write_result
from h2a_curation.videomae.pretrain.settings import Settings
from h2a_curation.videomae.pretrain.task import Pretraining


def pretrain(
    lake: Path | str,
    version: str,
    chosen: Preset | str,
    out: Path,
    *,
    seed: int = 0,
    start_from: Path | None = None,
    runtime: Runtime = Runtime(),
    rescue: Rescue = Rescue(),
    watcher: Watcher = Watcher(),
) -> Result:
    """Train a preset, or what a recipe makes of one, on the train split of a published version, in the folder `out`.

    Under torchrun this is one of its processes.

    Called again with the same arguments, but with any runtime, it goes on from the newest checkpoint with the losses
    that an undisturbed run would have, or returns the result of a finished run. SIGTERM and Ctrl-C end a run after the
    pass at hand, saved; a second Ctrl-C leaves at once. `start_from` is a checkpoint of any layout that `h2a convert`
    reads: what of it has a place in the model is what the run begins with, the rest is drawn. `rescue` gets a run past
    clips that fail, or begins one as a branch of another.

    In one line: ValueError for an unknown preset, an empty or damaged version, or an `out` of another run;
    FloatingPointError, with the batch's clips, where the loss or a gradient is not finite; OSError where a checkpoint
    cannot be written or another process is lost.
    """
    started_s = time.monotonic()
    named = preset(chosen) if isinstance(chosen, str) else chosen
    if device_kind(runtime.device) == "cpu":
        keep_freed_memory()
    with joined(runtime.device) as world:
        workers = runtime.workers or default_workers(world.device.type)
        torch.set_num_threads(runtime.threads or max(1, cores_of_process() - workers))
        opened = open_version(lake, version, cache=runtime.cache)
        skipped = read_skip_list(rescue.skip_clips, split_members(opened)[0]) if rescue.skip_clips else ()
        weights = StartWeights.read(start_from) if start_from else None
        settings = Settings(
            preset=named,
            seed=seed,
            version=opened.name,
            clips=opened.clips_sha256,
            weights=weights.hash if weights else None,
            skipped=skipped,
        )
        finished = world.agreed(finished_result(out, settings))
        if finished is not None:
            return finished
        task = Pretraining(out, opened, settings, world, weights)
        with advising(named.recipe, runtime, world):
            return _train(task, world, runtime, rescue, watcher, started_s)


def _train(
    task: Pretraining, world: ProcessGroup, runtime: Runtime, rescue: Rescue, watcher: Watcher, started_s: float
) -> Result:
    """A function of its own, so that nothing of the model is left when the processes part (see `joined`)."""
    run = start(task, world, runtime, rescue.branch_from)
    if world.first:
        stored = _store_recipe(task.out, task.preset)
        watcher.say(f"the recipe, kept in {stored}:\n{as_yaml(task.preset).rstrip()}")
        say_beginning(run.beginning, run.num_steps, watcher.say)
    return _conclude(task, run, train(run, watcher), started_s)


def _store_recipe(out: Path, chosen: Preset) -> Path:
    """Write the run's recipe, every field of it; `h2a pretrain --recipe` takes the file."""
    path = out / "recipe.yaml"
    with replaced(out, path) as file:
        file.write(as_yaml(chosen).encode())
    return path


def _conclude(task: Pretraining, run: Run, speed: Speed, started_s: float) -> Result:
    """Measure the trained model, draw what it makes of clips, and write `summary.json`; all processes call this."""
    world = run.learner.world
    with uncompiled(run.learner.compiled):
        metrics = task.metrics(run.learner)
    shown = picture_now(run)
    if run.records is None:
        result = None
    else:
        with replaced(task.out, task.out / PICTURE) as file:
            shown.save(file, "PNG")
        path = checkpoint.newest(task.out)
        assert path is not None
        result = Result(
            checkpoint=path,
            picture=task.out / PICTURE,
            num_steps=run.num_steps,
            num_clips=len(task.stream.members),
            num_parameters=num_parameters(run.learner),
            first_loss=run.records.losses[0],
            final_loss=run.records.losses[-1],
            device=world.device.type,
            num_devices=world.size,
            wall_s=time.monotonic() - started_s,
            **metrics,
            **asdict(speed),
        )
        write_result(task.out, result, task.settings, run.beginning.ancestry)
    result = world.agreed(result)
    assert result is not None
    return result
