"""The training room with another task than pretraining: it knows none, and gives each what it promises."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from h2a_curation.videomae.data.loader import Stream
from h2a_curation.videomae.data.sampling import random_state
from h2a_curation.videomae.data.shards import open_version
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.run import start
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.loop.train import train
from h2a_curation.videomae.loop.watch import Watcher
from h2a_curation.videomae.rules import TaskRecipe
from schemas import Member

CPU = ProcessGroup(device=torch.device("cpu"))
RECIPE = TaskRecipe(
    batch_clips=4, views=1, dtype="float32", learning_rate=3.0, steps=12, warmup_epochs=0, save_steps=5, save_epochs=99
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Some numbers of each clip, and what is to be told of them."""

    clip_ids: list[str]
    given: Tensor
    wanted: Tensor

    def tensors(self):
        return self.given, self.wanted


@dataclass(frozen=True, slots=True)
class MakingNumbers:
    draws: list

    def make(self, i):
        """Nothing is decoded."""

    def finished(self):
        given = torch.tensor([random_state(draw.key).random_sample(3).tolist() for draw in self.draws])
        return Numbers(clip_ids=[d.member.clip_id for d in self.draws], given=given, wanted=given.sum(1, keepdim=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberStream(Stream[Member, Numbers]):
    @property
    def batch_clips(self):
        return RECIPE.batch_clips

    @property
    def class_balance(self):
        return 0.0

    @property
    def clip_bytes(self):
        return 12

    def begin(self, draws, *, pinned):
        return MakingNumbers(list(draws))


@dataclass(frozen=True)
class AddingSettings:
    recipe: TaskRecipe
    seed: int


class Adding:
    """Learns to add three numbers."""

    samples_per_clip, step_flops, recipe, seed = 1, 1e3, RECIPE, 5
    layer_decay, average_decay, picture_epochs, judged_by = 1.0, None, None, None

    def __init__(self, out: Path, members) -> None:
        self.out, self.begun = out, 0
        self.settings = AddingSettings(RECIPE, self.seed)
        self.stream = NumberStream(members=members, seed=self.seed)

    def about(self):
        return ["data: numbers"]

    def device_bytes(self, micro_clips, *, num_devices, sharded):
        return 1000

    def make_model(self):
        return nn.Linear(3, 1)

    def blocks(self, model):
        return [model]

    def compile_rest(self, model):
        raise AssertionError("nothing is compiled on a CPU")

    def place(self, batch, device):
        return batch

    def weight(self, piece):
        return torch.tensor(float(len(piece.clip_ids)))

    def error_sum(self, learner, piece):
        return (learner.called(piece.given) - piece.wanted).square().sum()

    def begin(self, learner):
        self.begun += 1

    def validate(self, learner):
        return {}

    def picture(self, learner):
        return None

    def metrics(self, learner):
        return {}


class Killed(BaseException):
    """What nothing in a run catches."""


def added(lake, out, *, kill_at=None, micro_clips=2):
    task = Adding(out, open_version(lake, "v1").split("train"))
    run = start(task, CPU, Runtime(device="cpu", threads=1, micro_clips=micro_clips))
    said = []

    def progress(done, _total, _live):
        if done == kill_at:
            raise Killed

    train(run, Watcher(progress=progress, say=said.append))
    assert (task.begun, said[0]) == (1, "data: numbers")
    return [json.loads(line)["loss"] for line in (out / "steps.jsonl").read_text().splitlines()]


def test_another_task_learns_and_goes_on_after_a_kill_as_if_nothing_had_been(lake, tmp_path):
    losses = added(lake, tmp_path / "whole")
    assert len(losses) == RECIPE.steps
    assert losses[-1] < losses[0] / 4
    with pytest.raises(Killed):
        added(lake, tmp_path / "killed", kill_at=9)
    assert checkpoint.load(tmp_path / "killed" / checkpoint.LAST)["step"] == 5
    assert added(lake, tmp_path / "killed") == losses


@pytest.mark.parametrize("micro_clips", [1, 4])
def test_passes_of_any_size_make_the_same_step(lake, tmp_path, micro_clips):
    ours, theirs = (added(lake, tmp_path / str(n), micro_clips=n) for n in (2, micro_clips))
    assert ours == pytest.approx(theirs, abs=1e-6)
