import os
import resource
import subprocess
import sys
from dataclasses import replace
from functools import partial

import pytest
import torch

from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.loop import memory_advice
from h2a_curation.videomae.loop.memory_advice import advising
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.presets import preset

LIMIT_BYTES = 6 * 2**30
RECIPE = replace(preset("micro").recipe, batch_clips=24, dtype="float32", recompute=False)


def told(error, recipe=RECIPE, size=1, **runtime):
    world = ProcessGroup(device=torch.device("cpu"), size=size)
    with pytest.raises(RuntimeError) as raised, advising(recipe, Runtime(**runtime), world):
        raise error
    return str(raised.value)


@pytest.mark.parametrize(
    ("recipe", "size", "runtime", "helps"),
    [
        (
            RECIPE,
            1,
            {"micro_clips": 8},
            "--micro-clips 4 in place of 8, or --set recompute=true, or --parallel fsdp on",
        ),
        (RECIPE, 2, {"micro_clips": 3}, "--micro-clips 1 in place of 3, or --set recompute=true, or --parallel fsdp ("),
        (RECIPE, 2, {"micro_clips": 1, "parallel": "fsdp"}, "is --set recompute=true ("),
        (
            replace(RECIPE, recompute=True),
            2,
            {"micro_clips": 1, "parallel": "fsdp"},
            "is a smaller preset, or more dev",
        ),
    ],
)
def test_memory_that_does_not_suffice_names_what_takes_less(recipe, size, runtime, helps, monkeypatch):
    monkeypatch.setattr(memory_advice, "multiplies_bfloat16", lambda _device: False)
    full = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")
    line = told(full, recipe, size, **runtime)
    assert line.startswith("out of memory on cpu: what takes less is ")
    assert helps in line
    assert "\n" not in line


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("multiplies", [True, False])
def test_bfloat16_is_advised_where_the_device_multiplies_it(dtype, multiplies, monkeypatch):
    monkeypatch.setattr(memory_advice, "multiplies_bfloat16", lambda _device: multiplies)
    line = told(torch.OutOfMemoryError("CUDA out of memory."), replace(RECIPE, dtype=dtype))
    assert ("--set dtype=bfloat16" in line) == (multiplies and dtype == "float32")


@pytest.mark.parametrize(("at_a_time", "fewer"), [(12, "--micro-clips 6 in"), (6, "--micro-clips 2 in"), (2, None)])
def test_clips_that_go_in_pairs_are_advised_in_pairs(at_a_time, fewer):
    world = ProcessGroup(device=torch.device("cpu"))
    with (
        pytest.raises(RuntimeError, match="what takes less is") as raised,
        advising(RECIPE, Runtime(micro_clips=at_a_time), world, unit=2),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory.")
    assert fewer in str(raised.value) if fewer else "--micro-clips" not in str(raised.value)


def test_torchs_own_complaint_of_a_cpu_is_known():
    with pytest.raises(RuntimeError) as full:
        torch.empty(2**60, dtype=torch.uint8)
    assert told(RuntimeError(str(full.value)), micro_clips=2).startswith("out of memory on cpu: what takes less is")


def test_another_error_stays_as_it_is():
    assert told(RuntimeError("sizes do not match")) == "sizes do not match"


def test_the_program_says_so_in_a_line(lake, tmp_path):
    """In a process that may take as much memory as its start needs, and then asks for half a million samples."""
    run = "from h2a_curation.cli.main import program; program()"
    options = ["--preset", "micro", "--set", "batch_clips=500000", "--micro-clips", "500000", "--device", "cpu"]
    command = [sys.executable, "-c", run, "pretrain", "--lake", str(lake), "--version", "v1", *options]
    ended = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES)),
    )
    assert ended.returncode == 1, ended.stderr
    assert "--micro-clips 250000 in place of 500000" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
