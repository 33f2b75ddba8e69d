"""What helps a run whose memory does not suffice."""

from collections.abc import Iterator
from contextlib import contextmanager

from h2a_curation.videomae.hardware.devices import micro_clips_for
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.hardware.precision import multiplies_bfloat16
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.rules import TaskRecipe

_SIGNS = ("out of memory", "DefaultCPUAllocator: can't allocate memory")
"""What torch says where a device, page-locked memory or a CPU has no more."""


@contextmanager
def advising(recipe: TaskRecipe, runtime: Runtime, world: ProcessGroup, *, unit: int = 1) -> Iterator[None]:
    """RuntimeError in one line that names the options which take less, where memory does not suffice.

    Clips go together by `unit`: fewer than that at a time would be refused, and so would be no multiple of it.
    """
    try:
        yield
    except RuntimeError as full:
        if not any(sign in str(full) for sign in _SIGNS):
            raise
        asked = next(line for line in str(full).splitlines() if any(sign in line for sign in _SIGNS))
        raise RuntimeError(
            f"out of memory on {world.device}: what takes less is {', or '.join(_helps(recipe, runtime, world, unit))} "
            f"(torch: {asked:.160})"
        ) from full


def _helps(recipe: TaskRecipe, runtime: Runtime, world: ProcessGroup, unit: int) -> list[str]:
    share = recipe.batch_clips // world.size
    at_a_time = micro_clips_for(recipe.batch_clips, world.size, runtime.micro_clips, world.device)
    fewer = next((n for n in range(at_a_time // 2, 0, -1) if share % n == 0 and n % unit == 0), None)
    helps = [] if fewer is None else [f"--micro-clips {fewer} in place of {at_a_time}"]
    if not recipe.recompute:
        helps.append("--set recompute=true")
    if recipe.dtype == "float32" and multiplies_bfloat16(world.device.type):
        helps.append("--set dtype=bfloat16")
    if runtime.parallel != "fsdp" or world.size == 1:
        helps.append("--parallel fsdp on several devices" if world.size == 1 else "--parallel fsdp")
    return helps or ["a smaller preset, or more devices"]
