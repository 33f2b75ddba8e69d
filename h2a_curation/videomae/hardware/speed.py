"""How fast a run is: clips and samples a second, utilisation, memory, and the share of its time spent waiting."""

import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from h2a_curation.videomae.hardware.devices import matmul_flops_per_s, peak_memory_bytes, used_dtype
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.rules import TaskRecipe

T = TypeVar("T")

WARM_UP_STEPS = 3
"""Steps that do not count, where there are more: the first ones compile and fill caches."""
RECENT_STEPS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Over all devices of a run."""

    step_s: float
    """Mean time a step, the wait for its batch included."""
    clips_s: float
    """Clips decoded a second."""
    samples_s: float
    """Views trained on a second."""
    mfu: float
    """Operations that the model asks for (flops.py), over what a plain matrix product reaches on the same devices."""
    loader_share: float
    """Part of the steps' time spent waiting for batches, in the first process."""
    peak_memory_bytes: int
    """Peak memory in bytes of the first process's device; without a device, of that process."""


class Meter:
    """Times the steps of one process."""

    def __init__(self, step_flops: float, recipe: TaskRecipe, samples_per_clip: int, world: ProcessGroup) -> None:
        self._batch_clips, self._samples_per_clip = recipe.batch_clips, samples_per_clip
        self._flops, self._device = step_flops, world.device
        self._peak_flops_per_s = world.size * matmul_flops_per_s(world.device, used_dtype(world.device, recipe.dtype))
        self._num_steps, self._counted_s, self._counted_waits_s = 0, 0.0, 0.0
        self._recent: deque[tuple[float, float]] = deque(maxlen=RECENT_STEPS)
        self._waited_s, self._began_s = 0.0, time.monotonic()

    @property
    def peak_flops_per_s(self) -> float:
        """What plain matrix products reach on all devices together."""
        return self._peak_flops_per_s

    @property
    def recent_step_s(self) -> float:
        """Mean seconds of the last few steps; 0 before the first."""
        return sum(step_s for step_s, _ in self._recent) / max(1, len(self._recent))

    def waiting(self, batches: Iterator[T]) -> Iterator[T]:
        """The batches; the time that each takes to come is time waited."""
        while True:
            asked_s = time.monotonic()
            try:
                batch = next(batches)
            except StopIteration:
                return
            self._waited_s += time.monotonic() - asked_s
            yield batch

    def end_step(self) -> None:
        """A step is done: it began where the one before it ended."""
        now_s = time.monotonic()
        self._num_steps += 1
        self._recent.append((now_s - self._began_s, self._waited_s))
        if self._num_steps > WARM_UP_STEPS:
            self._counted_s += now_s - self._began_s
            self._counted_waits_s += self._waited_s
        self._began_s, self._waited_s = now_s, 0.0

    def leave_out(self) -> None:
        """What was done since the last step, such as a validation, is no part of the next one."""
        self._began_s = time.monotonic()

    def recent(self) -> Speed:
        """Over the last few steps."""
        return self._speed(len(self._recent), *(sum(parts) for parts in zip(*self._recent, strict=True)))

    def overall(self) -> Speed:
        """Over all steps but the first few; all are 0 where no step was done."""
        if self._num_steps <= WARM_UP_STEPS:
            return self.recent() if self._recent else self._speed(0, math.inf, 0.0)
        return self._speed(self._num_steps - WARM_UP_STEPS, self._counted_s, self._counted_waits_s)

    def _speed(self, num_steps: int, seconds: float, waited_s: float) -> Speed:
        steps_per_s = num_steps / seconds
        return Speed(
            step_s=seconds / num_steps if num_steps else 0.0,
            clips_s=self._batch_clips * steps_per_s,
            samples_s=self._batch_clips * self._samples_per_clip * steps_per_s,
            mfu=self._flops * steps_per_s / self._peak_flops_per_s,
            loader_share=waited_s / seconds,
            peak_memory_bytes=peak_memory_bytes(self._device),
        )
