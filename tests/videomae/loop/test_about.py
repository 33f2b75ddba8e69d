"""What a run says of itself when it starts."""

from dataclasses import replace

import pytest
import torch

from h2a_curation.videomae.data.shards import open_version
from h2a_curation.videomae.hardware import cores
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.loop import about
from h2a_curation.videomae.loop.run import start
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.pretrain.recipe import load
from h2a_curation.videomae.pretrain.settings import Settings
from h2a_curation.videomae.pretrain.task import Pretraining

CPU = ProcessGroup(device=torch.device("cpu"))


@pytest.fixture
def lines_of(lake, tmp_path):
    """The lines of a run with these settings."""

    def lines(*settings, peak=1e9):
        version = open_version(lake, "v1")
        chosen = Settings(
            preset=load(named="micro", settings=settings), seed=0, version="v1", clips=version.clips_sha256
        )
        task = Pretraining(tmp_path, version, chosen, CPU)
        told = about.about(start(task, CPU, Runtime(device="cpu", micro_clips=1)), peak, workers=3)
        return dict(line.split(": ", 1) for line in told)

    return lines


def test_a_start_tells_data_steps_rate_device_memory_loaders_and_time(lines_of):
    told = lines_of("batch_clips=4", "steps=off", "epochs=30", "warmup=3", peak=1e6)
    assert told["data"] == "version v1, 6 clips to train on, 2 held out"
    assert told["steps"].startswith(
        "30 of 4 clips, 1 make an epoch, which leaves out 2; a clip is seen 20.0 times, with 2"
    )
    assert told["rate"] == "0.1 for 256 clips, so 0.00156 for 4, after 3 steps of warm-up"
    assert told["device"] == "1 x cpu, float32 not compiled, 1 clips at a time, 4 passes a step"
    assert told["loaders"].startswith("3 threads in each process")
    assert told["time"].startswith("about ")
    assert " hours for 30 steps" in told["time"]
    assert "memory" in told
    assert "warning" not in told


def test_a_batch_larger_than_the_data_is_a_warning(lines_of):
    assert lines_of("batch_clips=1024", "views=1")["warning"].startswith(
        "a step takes 1,024 clips and there are 6, so that each is 170.7 times in every step: --batch-clips 6 or less"
    )


def test_more_memory_than_there_is_is_a_warning(lines_of, monkeypatch):
    monkeypatch.setattr(about, "_there_bytes", lambda world: 1000)
    assert lines_of()["warning"].startswith("that is more memory than there is")


@pytest.mark.parametrize(
    ("allowed", "processes", "device", "workers"),
    [(16, 1, "cuda", 15), (16, 8, "cuda", 1), (192, 8, "cuda", 23), (1, 1, "cuda", 1), (16, 1, "cpu", 2)],
)
def test_loaders_are_as_many_as_a_process_has_cores(monkeypatch, allowed, processes, device, workers):
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    assert cores.default_workers(device) == workers


def test_a_clip_of_more_views_and_frames_costs_its_loader_more():
    model = load(named="vit_b").model
    assert cores.loader_s(model, 4) > cores.loader_s(model, 1)
    assert cores.loader_s(replace(model, num_frames=32), 4) == 2 * cores.loader_s(model, 4)
