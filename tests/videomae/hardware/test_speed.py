import pytest
import torch

from h2a_curation.videomae.hardware import speed
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.rules import TaskRecipe


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def monotonic(self):
        return self.now


def test_what_is_done_between_two_steps_is_part_of_neither(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(speed, "time", clock)
    meter = speed.Meter(1.0, TaskRecipe(batch_clips=4, dtype="float32"), 1, ProcessGroup(device=torch.device("cpu")))
    for _ in range(speed.WARM_UP_STEPS + 3):
        clock.now += 2
        meter.end_step()
        clock.now += 100  # a validation
        meter.leave_out()
    assert meter.overall().step_s == pytest.approx(2)
    assert meter.recent().clips_s == pytest.approx(2)
