"""Pretraining, from finished shards to a checkpoint: seeded, and after any interruption the same run."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.videomae.data.loader import prefetched
from h2a_curation.videomae.data.shards import open_version
from h2a_curation.videomae.data.to_device import placed
from h2a_curation.videomae.hardware.devices import compiling, uncompiled
from h2a_curation.videomae.hardware.heap import keep_freed_memory
from h2a_curation.videomae.hardware.parallel import ProcessGroup, device_kind, joined, num_local_processes
from h2a_curation.videomae.hardware.speed import Meter, Speed
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.async_save import Saver
from h2a_curation.videomae.loop.history import Step
from h2a_curation.videomae.loop.optim import StepSize
from h2a_curation.videomae.loop.resume import state_of
from h2a_curation.videomae.loop.schedule import learning_rates
from h2a_curation.videomae.loop.signals import obey, stop_requests
from h2a_curation.videomae.presets import Overrides, preset
from h2a_curation.videomae.pretrain.held_out import HeldOutLoss, measure
from h2a_curation.videomae.pretrain.reconstruct import picture
from h2a_curation.videomae.pretrain.result import Result, finished_result, write_result
from h2a_curation.videomae.pretrain.run import Run, TrainingJob, start
from h2a_curation.videomae.pretrain.runtime import Runtime
from h2a_curation.videomae.pretrain.step import train_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """How a run is doing after its last step."""

    loss: float
    """Loss of the last step."""
    speed: Speed
    """Speed over the last few steps."""


Progress = Callable[[int, int, Live], None]
"""`progress(steps done, steps in all, how it is doing)`."""


def pretrain(
    lake: Path | str,
    version: str,
    preset_name: str,
    out: Path,
    *,
    overrides: Overrides = Overrides(),
    seed: int = 0,
    runtime: Runtime = Runtime(),
    progress: Progress | None = None,
) -> Result:
    """Train a preset on the train split of a published version, in the folder `out`.

    Under torchrun this is one of its processes.

    Called again with the same arguments, but with any runtime, it goes on from the newest checkpoint with the losses
    that an undisturbed run would have, or returns the result of a finished run. SIGTERM and Ctrl-C end a run after the
    step at hand, saved.

    In one line: ValueError for an unknown preset, an empty or damaged version, or an `out` of another run;
    FloatingPointError, with the batch's clips, where the loss or a gradient is not finite; OSError where a checkpoint
    cannot be written or another process is lost.
    """
    started_s = time.monotonic()
    chosen = preset(preset_name).adjusted(overrides)
    if device_kind(runtime.device) == "cpu":
        keep_freed_memory()
    with joined(runtime.device) as world:
        num_cores = (os.cpu_count() or 1) // num_local_processes()
        torch.set_num_threads(runtime.threads or max(1, num_cores - runtime.workers))
        opened = open_version(lake, version, cache=runtime.cache)
        job = TrainingJob(out=out, version=opened, preset=chosen, seed=seed)
        finished = world.agreed(finished_result(out, job.settings))
        return finished or _train(job, world, runtime, progress, started_s)


def _train(
    job: TrainingJob, world: ProcessGroup, runtime: Runtime, progress: Progress | None, started_s: float
) -> Result:
    """A function of its own, so that nothing of the model is left when the processes part (see `joined`)."""
    run = start(job, world, runtime)
    return _conclude(run, _loop(run, progress), started_s)


def _loop(run: Run, progress: Progress | None) -> Speed:
    """Take all steps that are left."""
    recipe, per_epoch, world = run.stream.preset.recipe, run.stream.steps_per_epoch, run.learner.world
    rates = learning_rates(recipe, run.num_steps)
    meter = Meter(run.stream.preset, world)
    with (
        compiling(),
        stop_requests() as stop,
        closing(run.records) if run.records else nullcontext(),
        Saver(run.job.out, run.runtime.keep) as saver,
        prefetched(run.stream, _pieces(run), run.runtime.workers, pinned=world.device.type == "cuda") as batches,
    ):
        pieces = meter.waiting(placed(batches, world.device))
        for step in range(run.first_step, run.num_steps):
            size = StepSize(
                learning_rate=float(rates[step]), weight_decay=recipe.weight_decay, clip_grad=recipe.clip_grad
            )
            loss, norm = train_step(run.learner, pieces, size)
            meter.end_step()
            ends_epoch = (step + 1) % per_epoch == 0 or step + 1 == run.num_steps
            _record(run, step, loss, norm, size, meter.recent(), ends_epoch=ends_epoch)
            if progress is not None and world.first:
                progress(step + 1, run.num_steps, Live(loss=loss, speed=meter.recent()))
            stopped_by = world.largest(stop.signal or 0)
            _save_if_due(run, saver, step + 1, stopping=stopped_by > 0)
            if stopped_by:
                saver.wait()
                obey(stopped_by)
    return meter.overall()


def _pieces(run: Run) -> Iterator[tuple[int, int, int]]:
    """(step, part, num_parts): this process's parts of every step are neighbours."""
    world, num_micro_steps = run.learner.world, run.learner.num_micro_steps
    first, num_parts = world.rank * num_micro_steps, world.size * num_micro_steps
    for step in range(run.first_step, run.num_steps):
        yield from ((step, part, num_parts) for part in range(first, first + num_micro_steps))


def _record(run: Run, step: int, loss: float, norm: float, size: StepSize, speed: Speed, *, ends_epoch: bool) -> None:
    """Write one step into the records, and now and then a picture."""
    epoch = step // run.stream.steps_per_epoch
    line = Step(
        step=step,
        epoch=epoch,
        loss=loss,
        learning_rate=size.learning_rate,
        weight_decay=size.weight_decay,
        grad_norm=norm,
    )
    if run.records is not None:
        run.records.add(line, speed, ends_epoch=ends_epoch)
    if ends_epoch and (epoch + 1) % run.stream.preset.recipe.picture_epochs == 0:
        shown = _picture(run)
        if run.records is not None:
            run.records.show(shown, epoch, step)


def _picture(run: Run) -> Image.Image:
    """All processes must call this: with FSDP each has a part of the weights."""
    with uncompiled(run.compiled):
        return picture(run.learner.model, run.held_out[0])


def _save_if_due(run: Run, saver: Saver, num_done: int, *, stopping: bool) -> None:
    """Keep one every few epochs and at the end, in the official name; between those, replace `checkpoint-last.pth`."""
    saver.check()
    recipe, per_epoch = run.stream.preset.recipe, run.stream.steps_per_epoch
    epoch = (num_done - 1) // per_epoch
    ends_epoch = num_done % per_epoch == 0
    keep = num_done == run.num_steps or (ends_epoch and (epoch + 1) % recipe.save_epochs == 0)
    if not (keep or stopping or num_done % recipe.save_steps == 0):
        return
    state = state_of(run.learner, num_done, epoch if keep or ends_epoch else epoch - 1, run.job.settings)
    if run.learner.world.first:
        saver.save(f"checkpoint-{epoch}.pth" if keep else checkpoint.LAST, state)


def _conclude(run: Run, speed: Speed, started_s: float) -> Result:
    """Measure the trained model, draw what it makes of clips, and write `summary.json`; all processes call this."""
    world = run.learner.world
    with uncompiled(run.compiled):
        after = measure(run.learner.model, run.held_out, world, run.learner.dtype)
    shown = _picture(run)
    if run.records is None:
        result = None
    else:
        with replaced(run.job.out, run.job.out / "reconstruction.png") as file:
            shown.save(file, "PNG")
        result = _result(run, run.records.losses, after, speed, time.monotonic() - started_s)
        write_result(run.job.out, result, run.job.settings)
    result = world.agreed(result)
    assert result is not None
    return result


def _result(run: Run, losses: list[float], after: HeldOutLoss, speed: Speed, wall_s: float) -> Result:
    path = checkpoint.newest(run.job.out)
    assert path is not None
    return Result(
        checkpoint=path,
        picture=run.job.out / "reconstruction.png",
        num_steps=run.num_steps,
        num_clips=len(run.stream.members),
        num_parameters=sum(p.numel() for p in run.learner.model.parameters()),
        first_loss=losses[0],
        final_loss=losses[-1],
        held_out_before=run.held_out_before.model,
        held_out_after=after.model,
        held_out_mean_predictor=after.mean_predictor,
        held_out_ratio=after.ratio,
        device=run.learner.world.device.type,
        num_devices=run.learner.world.size,
        wall_s=wall_s,
        **asdict(speed),
    )
