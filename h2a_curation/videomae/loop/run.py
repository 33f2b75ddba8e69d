"""What a training run has in hand, from the first batch to the last."""

from dataclasses import dataclass
from typing import Any

import torch

from h2a_curation.videomae.hardware.devices import compile_blocks, micro_clips_for, uncompiled
from h2a_curation.videomae.hardware.heap import allocate_state
from h2a_curation.videomae.hardware.parallel import ProcessGroup, spread
from h2a_curation.videomae.loop.learner import Learner
from h2a_curation.videomae.loop.optim import make_optimizer
from h2a_curation.videomae.loop.records import Records
from h2a_curation.videomae.loop.resume import resume
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.loop.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run has in hand while it lasts."""

    task: Task[Any, Any]
    runtime: Runtime
    learner: Learner
    first_step: int
    num_steps: int
    records: Records | None
    """What people follow the run by; the first process writes it, the others have None."""

    @property
    def steps_per_epoch(self) -> int:
        """The length of an epoch."""
        return self.task.stream.steps_per_epoch


def start(task: Task[Any, Any], world: ProcessGroup, runtime: Runtime) -> Run:
    """Everything in place for the next step: all processes call this together."""
    learner = _learner(task, world, runtime)
    task.out.mkdir(parents=True, exist_ok=True)
    # What is told of the model before training is of its first weights, so it is measured before a checkpoint
    # replaces them.
    with uncompiled(learner.compiled):
        task.begin(learner)
    first_step = resume(task.out, task.settings, learner)
    per_epoch = task.stream.steps_per_epoch
    return Run(
        task=task,
        runtime=runtime,
        learner=learner,
        first_step=first_step,
        num_steps=task.recipe.num_steps(per_epoch),
        records=Records(task.out, first_step, per_epoch, num_parameters(learner)) if world.first else None,
    )


def num_parameters(learner: Learner) -> int:
    """Number of weights of the whole model."""
    return sum(p.numel() for p in learner.model.parameters())


def _learner(task: Task[Any, Any], world: ProcessGroup, runtime: Runtime) -> Learner:
    """The model at its start, the same in every process."""
    recipe = task.recipe
    micro_clips = micro_clips_for(recipe.batch_clips, world.size, runtime.micro_clips, world.device)
    compiled = world.device.type == "cuda" if runtime.compile is None else runtime.compile
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(task.seed)
        model = task.make_model()
    blocks = task.blocks(model)
    if compiled:
        compile_blocks(blocks)
        task.compile_rest(model)
    called = spread(model, blocks, world, runtime.parallel)
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
        compiled=compiled,
    )
