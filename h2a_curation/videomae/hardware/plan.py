"""A training run on paper: what fits on which devices, how long it takes, what it costs."""

import math
from dataclasses import dataclass

from h2a_curation.foundation.ranges import Range
from h2a_curation.videomae.hardware.cores import VIEW_S, loader_s
from h2a_curation.videomae.hardware.flops import step_flops
from h2a_curation.videomae.hardware.memory import CHECKPOINT_BYTES, num_parameters, sample_bytes, state_bytes
from h2a_curation.videomae.presets import Dtype, ModelConfig, Preset
from h2a_curation.videomae.rules import TaskRecipe

PAPER_CLIPS = 283_582
"""Clips that the Hashtag2Action paper trains on."""
USABLE = 0.9
"""Share of a device's memory that a run may plan with: the rest is CUDA's, NCCL's, the allocator's gaps and what
the backward pass holds for a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A GPU, by its maker's data sheet."""

    memory_gib: float
    bfloat16_tflops: float
    """Dense, as all the figures here."""
    float32_tflops: float

    def flops_per_s(self, dtype: Dtype) -> float:
        """Operations a second of products in that number format, at its peak."""
        return 1e12 * (self.bfloat16_tflops if dtype == "bfloat16" else self.float32_tflops)


# NVIDIA's data sheets, without their figures for sparse matrices; memory as the driver reports it.
DEVICES = {
    "a10": Device(memory_gib=22, bfloat16_tflops=125, float32_tflops=31.2),
    "l40s": Device(memory_gib=45, bfloat16_tflops=362, float32_tflops=91.6),
    "a100-40": Device(memory_gib=39, bfloat16_tflops=312, float32_tflops=19.5),
    "a100": Device(memory_gib=79, bfloat16_tflops=312, float32_tflops=19.5),
    "h100": Device(memory_gib=79, bfloat16_tflops=989, float32_tflops=67),
    "h200": Device(memory_gib=139, bfloat16_tflops=989, float32_tflops=67),
    "b200": Device(memory_gib=179, bfloat16_tflops=2250, float32_tflops=80),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is trained, as far as its cost goes."""

    model: ModelConfig
    recipe: TaskRecipe
    masks: tuple[float, float]
    """Shares of the tokens that the encoder does not see, and that are not predicted."""
    view_s: float = VIEW_S
    """Seconds of one core for a view of 16 frames of 224 px, its decoding apart."""
    pixel_bytes: int = 0
    """Memory of a view's pixels beyond that of uint8."""
    together: int = 1
    """Clips that a device must take together."""

    @classmethod
    def of(cls, preset: Preset) -> "Work":
        """A preset's pretraining."""
        recipe = preset.recipe
        return cls(model=preset.model, recipe=recipe, masks=(recipe.encoder_mask, recipe.decoder_mask))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One way to hold a model on the devices."""

    parallel: str
    """`ddp` or `fsdp`."""
    recompute: bool
    state_bytes: int
    clip_bytes: int
    """Activations of one clip with all its views."""
    micro_clips: int
    """The most clips a device can hold at a time and still make up the batch; 0 where not even one fits."""

    @property
    def bytes(self) -> int:
        """On each device, with `micro_clips`, or with one where none fits."""
        return self.state_bytes + max(1, self.micro_clips) * self.clip_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run on paper."""

    num_parameters: int
    layouts: list[Layout]
    chosen: Layout | None
    """The first layout that fits among those that recompute as the preset does; None where none fits."""
    usable_bytes: int
    num_micro_steps: int
    """Forward and backward passes of each device for one step; 0 where nothing fits."""
    step_tflops: float
    """Arithmetic of one step over all devices together, in TFLOP."""
    steps_per_epoch: int
    num_steps: int
    step_s: float
    """Seconds of a step: of its loaders or its device, whichever takes longer."""
    device_s: float
    """Seconds that the devices need for a step."""
    loading_s: float | None
    """Seconds that the cores need for a step; None where nobody says how many there are."""
    needed_cores: int
    """Cores beside each device with which loaders keep up."""
    hours: float
    device_hours: float
    clips_s: float
    """Clips that each device's loader must decode a second, to keep up."""
    checkpoint_bytes: int
    kept_checkpoints: int
    cost: float | None


def plan(
    training: Preset | Work,
    device: Device,
    num_devices: int,
    *,
    num_clips: int = PAPER_CLIPS,
    mfu: float = 0.45,
    price_per_hour: float | None = None,
    cores: int | None = None,
) -> Plan:
    """A preset's pretraining, or other work.

    `mfu` is the share of a device's peak that the model's own operations reach, and `price_per_hour` that of one
    device. `cores` are those beside each device: a step then takes as long as its loaders or its device, whichever is
    slower; without them, loaders are taken to keep up.

    ValueError in one line for devices among which the batch does not divide, or numbers that make no run.
    """
    work = Work.of(training) if isinstance(training, Preset) else training
    recipe, config = work.recipe, work.model
    counted = ("the number of clips", num_clips, Range(at_least=1, at_most=10**12))
    check_numbers(counted, num_devices=num_devices, mfu=mfu, price_per_hour=price_per_hour, cores=cores)
    share, rest = divmod(recipe.batch_clips, num_devices)
    if rest:
        raise ValueError(f"{recipe.batch_clips} clips a step cannot be divided among {num_devices} devices alike")
    if share % work.together and num_devices > 1:
        raise ValueError(
            f"{share} clips a step on each of {num_devices} devices cannot be taken {work.together} together, as mixup "
            "does: plan with another number of devices"
        )
    usable = int(USABLE * device.memory_gib * 2**30)
    layouts = [
        _layout(work, num_devices, usable, parallel, recompute)
        for recompute in (False, True)
        for parallel in ("ddp", "fsdp")
    ]
    chosen = next((layout for layout in layouts if layout.micro_clips and layout.recompute == recipe.recompute), None)
    flops = step_flops(config, recipe.batch_clips * recipe.views, *work.masks)
    device_s = flops / (num_devices * device.flops_per_s(recipe.dtype) * mfu)
    clip_s = loader_s(config, recipe.views, work.view_s)
    loading_s = None if cores is None else share * clip_s / cores
    step_s = max(device_s, loading_s or 0.0)
    steps_per_epoch = max(1, num_clips // recipe.batch_clips)
    num_steps = recipe.num_steps(steps_per_epoch)
    hours = num_steps * step_s / 3600
    return Plan(
        num_parameters=num_parameters(config),
        layouts=layouts,
        chosen=chosen,
        usable_bytes=usable,
        num_micro_steps=share // chosen.micro_clips if chosen else 0,
        step_tflops=flops / 1e12,
        steps_per_epoch=steps_per_epoch,
        num_steps=num_steps,
        step_s=step_s,
        device_s=device_s,
        loading_s=loading_s,
        needed_cores=math.ceil(share * clip_s / device_s),
        hours=hours,
        device_hours=hours * num_devices,
        clips_s=share / device_s,
        checkpoint_bytes=CHECKPOINT_BYTES * num_parameters(config),
        kept_checkpoints=-(-num_steps // (steps_per_epoch * recipe.save_epochs)),
        cost=None if price_per_hour is None else price_per_hour * hours * num_devices,
    )


def check_numbers(
    counted: tuple[str, int, Range], *, num_devices: int, mfu: float, price_per_hour: float | None, cores: int | None
) -> None:
    """ValueError in one line for numbers that make no plan; `counted` is what the plan goes through, with its range."""
    for what, number, allowed in (
        ("the number of devices", num_devices, Range(at_least=1, at_most=10**6)),
        counted,
        ("the MFU", mfu, Range(above=0, at_most=1)),
        ("the number of cores", 1 if cores is None else cores, Range(at_least=1, at_most=10**6)),
        ("the price of an hour", 0 if price_per_hour is None else price_per_hour, Range(at_least=0)),
    ):
        if not allowed.fits(number):
            raise ValueError(f"{what} must be {allowed}, not {number}")


def known_device(name: str) -> Device:
    """The device of that name; ValueError names the known ones."""
    if name not in DEVICES:
        raise ValueError(f"no GPU {name!r}; known: {', '.join(DEVICES)}")
    return DEVICES[name]


def _layout(work: Work, num_devices: int, usable_bytes: int, parallel: str, recompute: bool) -> Layout:
    recipe, config = work.recipe, work.model
    sharded = parallel == "fsdp"
    state = state_bytes(config, recipe.dtype, num_devices=num_devices, sharded=sharded, recompute=recompute)
    clip = (sample_bytes(config, recipe.dtype, *work.masks, recompute) + work.pixel_bytes) * recipe.views
    share, room = recipe.batch_clips // num_devices, max(0, usable_bytes - state) // clip
    fitting = [n for n in range(1, min(share, room) + 1) if share % n == 0 and (n % work.together == 0 or n == share)]
    return Layout(
        parallel=parallel,
        recompute=recompute,
        state_bytes=state,
        clip_bytes=clip,
        micro_clips=max(fitting, default=0),
    )
