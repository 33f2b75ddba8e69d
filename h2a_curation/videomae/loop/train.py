"""The training loop of any task: seeded, and after any interruption the same run."""

from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from typing import Any, NoReturn

from h2a_curation.videomae.data.loader import prefetched
from h2a_curation.videomae.data.to_device import placed
from h2a_curation.videomae.hardware.cores import default_workers
from h2a_curation.videomae.hardware.devices import compiling, uncompiled
from h2a_curation.videomae.hardware.speed import Meter, Speed
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.about import about
from h2a_curation.videomae.loop.async_save import Saver
from h2a_curation.videomae.loop.bad_clips import BadClipWatch
from h2a_curation.videomae.loop.history import Step
from h2a_curation.videomae.loop.optim import StepSize
from h2a_curation.videomae.loop.run import Run
from h2a_curation.videomae.loop.saving import Savings
from h2a_curation.videomae.loop.schedule import learning_rates
from h2a_curation.videomae.loop.signals import name_of, obey, stop_requests
from h2a_curation.videomae.loop.step import Done, NotFiniteError, StoppedError, train_step
from h2a_curation.videomae.loop.stopping import Stopping
from h2a_curation.videomae.loop.watch import Live, Watcher


def train(run: Run, watcher: Watcher) -> Speed:
    """Take all steps that are left; returns how fast they were."""
    task, learner = run.task, run.learner
    world = learner.world
    meter = Meter(task.step_flops, task.recipe, task.samples_per_clip, world)
    bad = BadClipWatch(task, world, watcher)
    workers = run.runtime.workers or default_workers(world.device.type)
    if world.first:
        for line in about(run, meter.peak_flops_per_s, workers):
            watcher.say(line)
    with (
        compiling(),
        stop_requests(watcher.say if world.first else _nobody) as stop,
        closing(run.records) if run.records else nullcontext(),
        Saver(task.out, run.runtime.keep) as saver,
        prefetched(task.stream, _pieces(run), workers, pinned=world.device.type == "cuda") as batches,
    ):
        pieces = meter.waiting(placed(batches, world.device, task.place))
        savings, stopping = Savings(run, saver), Stopping(stop, world)

        def tell() -> list[float]:
            return [float(savings.late()), float(bad.has_more()), *stopping.tell(meter.recent_step_s)]

        for step, size in _sizes(run):
            done = _step(run, savings, pieces, step, size, (stopping, tell), watcher)
            meter.end_step()
            speed = meter.recent()
            taken = _record(run, step, done, size, speed)
            if run.ends_epoch(step) or step + 1 == run.num_steps:
                _end_epoch(run, taken, savings)
                meter.leave_out()
            if world.first:
                watcher.progress(step + 1, run.num_steps, Live(loss=done.loss, speed=speed))
            late, more_bad, *told = done.told
            stopped_by = stopping.hear(told, learner.num_micro_steps)
            if more_bad:
                bad.tell_more()
            savings.save_if_due(step + 1, now=bool(stopped_by or late))
            if stopped_by:
                _end(run, saver, step + 1, stopped_by, watcher)
        if (stopped_by := stopping.agreed()) and run.first_step < run.num_steps:
            _end(run, saver, run.num_steps, stopped_by, watcher)
    return meter.overall()


def picture_now(run: Run) -> Any:
    """The task's picture of the model as it is; all processes must call this: with FSDP each has a part of it."""
    with uncompiled(run.learner.compiled):
        return run.task.picture(run.learner)


def _nobody(_line: str) -> None:
    """Other processes than the first tell nothing."""


def _sizes(run: Run) -> Iterator[tuple[int, StepSize]]:
    """Each step that is left, and how far it goes."""
    recipe = run.task.recipe
    rates = learning_rates(recipe, recipe.num_steps(run.steps_per_epoch))
    for step in range(run.first_step, run.num_steps):
        rate = float(rates[run.in_schedule(step)])
        yield step, StepSize(learning_rate=rate, weight_decay=recipe.weight_decay, clip_grad=recipe.clip_grad)


def _step(
    run: Run,
    savings: Savings,
    pieces: Any,
    step: int,
    size: StepSize,
    agreement: tuple[Stopping, Callable[[], list[float]]],
    watcher: Watcher,
) -> Done:
    """One step, which ends the run where it is asked to stop meanwhile or what it computes is not finite."""
    world, (stopping, tell) = run.learner.world, agreement
    try:
        return train_step(run.task, run.learner, pieces, size, stopped=stopping.before, tell=tell)
    except StoppedError:
        if step > run.first_step:
            savings.save_if_due(step, now=True)
        _end(run, savings.saver, step, stopping.agreed(), watcher)
    except NotFiniteError as broken:
        savings.saver.wait()
        clipping = "not clipped" if size.clip_grad is None else f"clipped at {size.clip_grad:g}"
        before = "" if run.norm is None else f", their norm a step before was {run.norm:.4g}"
        good = checkpoint.newest(run.task.out) if world.first else None
        raise NotFiniteError(
            f"step {step}: {broken}; the learning rate was {size.learning_rate:.4g}, gradients are {clipping}{before}"
            + (f"; {good.name} is the newest state" if good else "")
            + "; docs/pretraining.md, A run in trouble, has what may get past it"
        ) from broken


def _end(run: Run, saver: Saver, num_done: int, number: int, watcher: Watcher) -> NoReturn:
    """End as the signal asks, with what is done saved."""
    saver.wait()
    if run.learner.world.first:
        good = checkpoint.newest(run.task.out)
        saved = f"{good.name} is saved" if good else "nothing was done that could be saved"
        watcher.say(f"stopped by {name_of(number)} after step {num_done} of {run.num_steps}: {saved}")
    obey(number)


def _pieces(run: Run) -> Iterator[tuple[int, int, int]]:
    """(step, part, num_parts): this process's parts of every step are neighbours."""
    world, num_micro_steps = run.learner.world, run.learner.num_micro_steps
    first, num_parts = world.rank * num_micro_steps, world.size * num_micro_steps
    for step in range(run.first_step, run.num_steps):
        yield from ((run.place(step), part, num_parts) for part in range(first, first + num_micro_steps))


def _record(run: Run, step: int, done: Done, size: StepSize, speed: Speed) -> Step:
    """Write one step into the records."""
    run.norm = done.norm
    line = Step(
        step=step,
        epoch=run.epoch(step),
        loss=done.loss,
        learning_rate=size.learning_rate,
        weight_decay=size.weight_decay,
        grad_norm=done.norm,
    )
    if run.records is not None:
        run.records.add(line, speed)
    return line


def _end_epoch(run: Run, line: Step, savings: Savings) -> None:
    """Measure and record what an epoch has come to, keep the model if it is the best so far, and now and then draw."""
    task, world = run.task, run.learner.world
    with uncompiled(run.learner.compiled):
        figures = task.validate(run.learner)
    best = world.agreed(run.records.best(task.judged_by) if run.records and task.judged_by else None)
    if task.judged_by and (best is None or figures[task.judged_by] > best):
        savings.save_best(line.step + 1)
    if run.records is not None:
        run.records.end_epoch(line, figures)
    if task.picture_epochs and (line.epoch + 1) % task.picture_epochs == 0:
        shown = picture_now(run)
        if run.records is not None and shown is not None:
            run.records.show(shown, line.epoch, line.step)
