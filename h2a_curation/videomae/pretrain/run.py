"""What a training run has in hand, from the first batch to the last."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

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
from h2a_curation.videomae.pretrain.runtime import Runtime
from h2a_curation.videomae.pretrain.step import patch_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that decides a run's numbers. It lies in every checkpoint of the run, by which the run is known again."""

    preset: Preset
    seed: int
    version: str
    """Name of the version that is trained on."""
    clips: str
    """SHA-256 of that version's table of clips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """What a run is to do: train a preset on the shards of a version, in a folder of its own."""

    out: Path
    version: Version
    preset: Preset
    seed: int

    @property
    def settings(self) -> Settings:
        """The settings by which the run is known again."""
        return Settings(preset=self.preset, seed=self.seed, version=self.version.name, clips=self.version.clips_sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run has in hand while it lasts."""

    job: TrainingJob
    runtime: Runtime
    stream: Stream
    held_out: list[Batch]
    """This process's share of the clips that are held out."""
    held_out_before: HeldOutLoss
    learner: Learner
    compiled: bool
    first_step: int
    num_steps: int
    records: Records | None
    """What people follow the run by; the first process writes it, the others have None."""


def start(job: TrainingJob, world: ProcessGroup, runtime: Runtime) -> Run:
    """Everything in place for the next step: all processes call this together."""
    members, held_out = split_members(job.version)
    read = partial(read_clip, job.version)
    stream = Stream(members=members, read=read, preset=job.preset, seed=job.seed)
    batches = held_out_batches(held_out, read, job.preset, job.seed, world)
    compiled = world.device.type == "cuda" if runtime.compile is None else runtime.compile
    learner = _learner(job, world, runtime, compiled=compiled)
    job.out.mkdir(parents=True, exist_ok=True)
    # The loss before training is that of the first weights, so it is measured before a checkpoint replaces them.
    with uncompiled(compiled):
        before = measure(learner.model, batches, world, learner.dtype)
    first_step = resume(job.out, job.settings, learner)
    num_parameters = sum(p.numel() for p in learner.model.parameters())
    return Run(
        job=job,
        runtime=runtime,
        stream=stream,
        held_out=batches,
        held_out_before=before,
        learner=learner,
        compiled=compiled,
        first_step=first_step,
        num_steps=job.preset.recipe.num_steps(stream.steps_per_epoch),
        records=Records(job.out, first_step, stream.steps_per_epoch, num_parameters) if world.first else None,
    )


def _learner(job: TrainingJob, world: ProcessGroup, runtime: Runtime, *, compiled: bool) -> Learner:
    """The model at its start, the same in every process."""
    recipe = job.preset.recipe
    micro_clips = micro_clips_for(recipe.batch_clips, world.size, runtime.micro_clips, world.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        model = MaskedAutoencoder(job.preset.model, recompute=recipe.recompute)
        if recipe.neighbour_start:
            look_at_neighbours(model)
    if compiled:
        compile_blocks(model)
    called = spread(model, world, runtime.parallel)
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
