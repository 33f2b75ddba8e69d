"""What a training run has in hand, from the first batch to the last."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from h2a_curation.videomae.hardware.devices import (
    compile_blocks,
    float32_products,
    micro_clips_for,
    uncompiled,
    used_dtype,
)
from h2a_curation.videomae.hardware.heap import allocate_state
from h2a_curation.videomae.hardware.parallel import ProcessGroup, spread
from h2a_curation.videomae.loop.history import History
from h2a_curation.videomae.loop.learner import Average, Learner
from h2a_curation.videomae.loop.optim import make_optimizer
from h2a_curation.videomae.loop.records import Records
from h2a_curation.videomae.loop.resume import Beginning, placed_anew, resume
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.loop.settings import as_json
from h2a_curation.videomae.loop.task import Task


@dataclass(slots=True, kw_only=True)
class Run:
    """What a run has in hand while it lasts."""

    task: Task[Any, Any]
    runtime: Runtime
    learner: Learner
    beginning: Beginning
    num_steps: int
    records: Records | None
    """What people follow the run by; the first process writes it, the others have None."""
    norm: float | None = None
    """Norm of the gradients of the last step."""

    @property
    def steps_per_epoch(self) -> int:
        """The length of an epoch."""
        return self.task.stream.steps_per_epoch

    @property
    def first_step(self) -> int:
        """The step with which it begins or goes on."""
        return self.beginning.step

    def place(self, step: int) -> int:
        """The place of a step in the stream of batches: it is another where the batch was changed on the way."""
        return step + self.beginning.offset

    def epoch(self, step: int) -> int:
        """The epoch in which a step lies."""
        return self.place(step) // self.steps_per_epoch

    def ends_epoch(self, step: int) -> bool:
        """Whether the next step lies in the next epoch."""
        return self.place(step + 1) % self.steps_per_epoch == 0

    def in_schedule(self, step: int) -> int:
        """The place of a step in the schedule: by epochs, but where the run has a fixed number of steps."""
        return self.place(step) if self.task.recipe.steps is None else step


def start(task: Task[Any, Any], world: ProcessGroup, runtime: Runtime, branch_from: Path | None = None) -> Run:
    """Everything in place for the next step: all processes call this together."""
    learner = _learner(task, world, runtime)
    task.out.mkdir(parents=True, exist_ok=True)
    # What is told of the model before training is of its first weights, so it is measured before a checkpoint
    # replaces them.
    with uncompiled(learner.compiled):
        task.begin(learner)
    recipe, per_epoch = task.recipe, task.stream.steps_per_epoch
    found = resume(task.out, task.settings, learner, changeable=recipe.changeable, branch_from=branch_from)
    beginning = _with_batch(task, found)
    first_epoch = (beginning.step + beginning.offset) // per_epoch
    num_steps = recipe.steps or recipe.epochs * per_epoch - beginning.offset
    return Run(
        task=task,
        runtime=runtime,
        learner=learner,
        beginning=beginning,
        num_steps=num_steps,
        records=_records(task, learner, beginning.step, first_epoch) if world.first else None,
    )


def _records(task: Task[Any, Any], learner: Learner, first_step: int, first_epoch: int) -> Records:
    lowest_scale = min(group["lr_scale"] for group in learner.optimizer.param_groups)
    history = History(task.out, first_step, first_epoch, num_parameters(learner), lowest_scale)
    return Records(task.out, history, first_step, as_json(task.settings))


def _with_batch(task: Task[Any, Any], found: Beginning) -> Beginning:
    """The beginning, at the place where a batch of another size than up to here goes on."""
    for change in found.changed:
        if change.name == "batch_clips":
            offset = placed_anew(found, int(change.stored), task.recipe.batch_clips, len(task.stream.members))
            return replace(found, offset=offset)
    return found


def num_parameters(learner: Learner) -> int:
    """Number of weights of the whole model."""
    return sum(p.numel() for p in learner.model.parameters())


def _learner(task: Task[Any, Any], world: ProcessGroup, runtime: Runtime) -> Learner:
    """The model at its start, the same in every process."""
    recipe = task.recipe
    micro_clips = micro_clips_for(recipe.batch_clips, world.size, runtime.micro_clips, world.device)
    compiled = world.device.type == "cuda" if runtime.compile is None else runtime.compile
    float32_products(world.device)
    drawing = [world.device] if world.device.type == "cuda" else []
    with torch.random.fork_rng(devices=drawing):
        torch.manual_seed(task.seed)
        # A giant of 1e9 weights takes a minute to draw on a CPU, and each process on the machine would do so.
        with world.device:
            model = task.make_model()
    blocks = task.blocks(model)
    if compiled:
        compile_blocks(blocks)
        task.compile_rest(model)
    computes_bfloat16 = used_dtype(world.device, recipe.dtype) == "bfloat16"
    called = spread(model, blocks, world, runtime.parallel, gather_bfloat16=computes_bfloat16)
    optimizer = make_optimizer(model, recipe.weight_decay, recipe.betas, task.layer_decay)
    if world.device.type == "cpu":
        allocate_state(optimizer)
    return Learner(
        model=model,
        called=called,
        optimizer=optimizer,
        world=world,
        dtype=recipe.dtype,
        num_micro_steps=recipe.batch_clips // (world.size * micro_clips),
        compiled=compiled,
        average=None if task.average_decay is None else Average.begin(model, task.average_decay),
    )
