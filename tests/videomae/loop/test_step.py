"""A step by itself: what it waits for, what it refuses, and how processes agree to leave it."""

import signal
from dataclasses import dataclass, field
from functools import partial

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from h2a_curation.videomae.data.loader import Draw
from h2a_curation.videomae.data.shards import open_version, read_clip
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.loop.learner import Learner
from h2a_curation.videomae.loop.optim import StepSize, make_optimizer
from h2a_curation.videomae.loop.signals import StopRequest
from h2a_curation.videomae.loop.step import NotFiniteError, StoppedError, train_step
from h2a_curation.videomae.loop.stopping import Stopping
from h2a_curation.videomae.model.autoencoder import MaskedAutoencoder
from h2a_curation.videomae.presets import preset
from h2a_curation.videomae.pretrain.samples import place, single_views
from h2a_curation.videomae.pretrain.task import Pretraining, patch_errors

CPU = ProcessGroup(device=torch.device("cpu"))
SIZE = StepSize(learning_rate=1e-3, weight_decay=0.05, clip_grad=0.1)


@pytest.fixture
def learner():
    torch.manual_seed(0)
    model = MaskedAutoencoder(preset("micro").model)
    optimizer = make_optimizer(model, 0.05, (0.9, 0.95))
    return Learner(model=model, called=model, optimizer=optimizer, world=CPU, dtype="float32", num_micro_steps=2)


@pytest.fixture
def pieces(lake):
    version = open_version(lake, "v1")
    members = version.split("train")[:4]
    draws = [Draw(key=str(i), member=member) for i, member in enumerate(members)]
    halves = [single_views(half, partial(read_clip, version), preset("micro")) for half in (draws[:2], draws[2:])]
    return [place(half, CPU.device) for half in halves]


@pytest.fixture
def task():
    made = object.__new__(Pretraining)  # of a task, a step uses what it computes alone
    made._errors = patch_errors
    return made


class Waits(TorchDispatchMode):
    """Counts what makes a host wait for a device: `item`, `float` and `bool` of a tensor come down to one operator."""

    num_scalars = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.num_scalars += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def test_the_host_waits_for_the_device_once_a_step(task, learner, pieces, monkeypatch):
    lists, own = [], torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda tensor: lists.append(tensor.shape) or own(tensor))
    train_step(task, learner, iter(pieces), SIZE)  # the first one makes the optimiser's state
    lists.clear()
    with Waits() as waits:
        done = train_step(task, learner, iter(pieces), SIZE, tell=lambda: [3.0, 4.0])
    assert done.told == [3.0, 4.0]
    assert waits.num_scalars == 0
    assert [tuple(shape) for shape in lists] == [(5,)]


def test_that_check_can_fail():
    with Waits() as waits:
        assert float(torch.ones(())) == torch.ones(1).item()
    assert waits.num_scalars == 2


def test_a_step_that_is_left_changes_nothing(task, learner, pieces):
    before = [p.clone() for p in learner.model.parameters()]
    with pytest.raises(StoppedError):
        train_step(task, learner, iter(pieces), SIZE, stopped=lambda piece: piece == 1)
    assert all(torch.equal(a, b) for a, b in zip(before, learner.model.parameters(), strict=True))


def test_gradients_without_an_end_are_refused_and_change_nothing(task, learner, pieces):
    weight = learner.model.mask_token
    weight.register_hook(lambda gradient: gradient * torch.inf)
    before = weight.clone()
    with pytest.raises(NotFiniteError, match=r"^the gradients are not finite, and the loss is 1\.\d+; clips of the"):
        train_step(task, learner, iter(pieces), SIZE)
    assert torch.equal(weight, before)


@dataclass(frozen=True)
class Two(ProcessGroup):
    """Two processes, of which the other one is never asked to end."""

    asked: list = field(default_factory=list)

    def largest(self, *numbers):
        self.asked.append(numbers)
        return list(numbers)


def stopping(**of_world):
    world = Two(device=torch.device("cpu"), size=2, rank=0, **of_world)
    request = StopRequest(lambda _line: None)
    return Stopping(request, world), request, world


@pytest.mark.parametrize(
    ("step_s", "asked_before"),
    [
        (0.0, [1, 2, 3, 4, 5, 6, 7]),  # nobody knows yet how long a step takes
        (0.5, []),  # a short step is never interrupted, so that nothing is sent within it
        (2.0, [4]),
        (80.0, [1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_processes_ask_each_other_about_once_a_second(step_s, asked_before):
    agreement, _, world = stopping()
    assert agreement.hear([2 * step_s, 0.0, 0.0], 8) == 0
    places = []
    for piece in range(8):
        world.asked.clear()
        assert not agreement.before(piece)
        places += [piece] * len(world.asked)
    assert places == asked_before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_any_process_was_asked_ends_all(number):
    agreement, request, _ = stopping()
    request.note(number, None)
    told = agreement.tell(1.0)
    of_both = [a + b for a, b in zip(told, [1.0, 0.0, 0.0], strict=True)]
    assert stopping()[0].hear(of_both, 8) == number
