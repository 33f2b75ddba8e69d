"""The training loop of any task: seeded, and after any interruption the same run."""

from collections.abc import Iterator
from contextlib import closing, nullcontext
from typing import Any

from h2a_curation.videomae.data.loader import prefetched
from h2a_curation.videomae.data.to_device import placed
from h2a_curation.videomae.hardware.devices import compiling, uncompiled
from h2a_curation.videomae.hardware.speed import Meter, Speed
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.async_save import Saver
from h2a_curation.videomae.loop.history import Step
from h2a_curation.videomae.loop.optim import StepSize
from h2a_curation.videomae.loop.resume import state_of
from h2a_curation.videomae.loop.run import Run
from h2a_curation.videomae.loop.schedule import learning_rates
from h2a_curation.videomae.loop.signals import obey, stop_requests
from h2a_curation.videomae.loop.step import train_step
from h2a_curation.videomae.loop.watch import Live, Watcher


def train(run: Run, watcher: Watcher) -> Speed:
    """Take all steps that are left; returns how fast they were."""
    task, recipe, learner = run.task, run.task.recipe, run.learner
    world, per_epoch = learner.world, run.steps_per_epoch
    rates = learning_rates(recipe, run.num_steps)
    meter = Meter(task.step_flops, recipe, task.samples_per_clip, world)
    with (
        compiling(),
        stop_requests() as stop,
        closing(run.records) if run.records else nullcontext(),
        Saver(task.out, run.runtime.keep) as saver,
        prefetched(task.stream, _pieces(run), run.runtime.workers, pinned=world.device.type == "cuda") as batches,
    ):
        pieces = meter.waiting(placed(batches, world.device, task.place))
        for step in range(run.first_step, run.num_steps):
            size = StepSize(
                learning_rate=float(rates[step]), weight_decay=recipe.weight_decay, clip_grad=recipe.clip_grad
            )
            loss, norm = train_step(task, learner, pieces, size)
            meter.end_step()
            ends_epoch = (step + 1) % per_epoch == 0 or step + 1 == run.num_steps
            _record(run, step, loss, norm, size, meter.recent(), ends_epoch=ends_epoch)
            if world.first:
                watcher.progress(step + 1, run.num_steps, Live(loss=loss, speed=meter.recent()))
            stopped_by = world.largest(stop.signal or 0)
            _save_if_due(run, saver, step + 1, stopping=stopped_by > 0)
            if stopped_by:
                saver.wait()
                obey(stopped_by)
    return meter.overall()


def picture_now(run: Run) -> Any:
    """The task's picture of the model as it is; all processes must call this: with FSDP each has a part of it."""
    with uncompiled(run.learner.compiled):
        return run.task.picture(run.learner)


def _pieces(run: Run) -> Iterator[tuple[int, int, int]]:
    """(step, part, num_parts): this process's parts of every step are neighbours."""
    world, num_micro_steps = run.learner.world, run.learner.num_micro_steps
    first, num_parts = world.rank * num_micro_steps, world.size * num_micro_steps
    for step in range(run.first_step, run.num_steps):
        yield from ((step, part, num_parts) for part in range(first, first + num_micro_steps))


def _record(run: Run, step: int, loss: float, norm: float, size: StepSize, speed: Speed, *, ends_epoch: bool) -> None:
    """Write one step into the records, and now and then a picture."""
    epoch = step // run.steps_per_epoch
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
    if ends_epoch and (epoch + 1) % run.task.recipe.picture_epochs == 0:
        shown = picture_now(run)
        if run.records is not None and shown is not None:
            run.records.show(shown, epoch, step)


def _save_if_due(run: Run, saver: Saver, num_done: int, *, stopping: bool) -> None:
    """Keep one every few epochs and at the end, in the official name; between those, replace `checkpoint-last.pth`."""
    saver.check()
    recipe, per_epoch = run.task.recipe, run.steps_per_epoch
    epoch = (num_done - 1) // per_epoch
    ends_epoch = num_done % per_epoch == 0
    keep = num_done == run.num_steps or (ends_epoch and (epoch + 1) % recipe.save_epochs == 0)
    if not (keep or stopping or num_done % recipe.save_steps == 0):
        return
    state = state_of(run.learner, num_done, epoch if keep or ends_epoch else epoch - 1, run.task.settings)
    if run.learner.world.first:
        saver.save(f"checkpoint-{epoch}.pth" if keep else checkpoint.LAST, state)
