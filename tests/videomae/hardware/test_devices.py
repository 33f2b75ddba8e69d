import pytest
import torch

from h2a_curation.videomae.hardware.devices import compiling, matmul_flops_per_s, micro_clips_for, peak_memory_bytes

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("batch", "devices", "asked", "device", "clips"),
    [
        (1024, 32, None, GPU, 32),
        (1024, 1, None, GPU, 32),
        (2048, 128, None, GPU, 16),
        (72, 2, None, GPU, 18),  # the largest divisor of 36
        (2, 1, None, CPU, 2),
        (3, 1, None, CPU, 1),
        (1024, 8, 64, GPU, 64),
    ],
)
def test_clips_at_a_time(batch, devices, asked, device, clips):
    assert micro_clips_for(batch, devices, asked, device) == clips


@pytest.mark.parametrize(
    ("batch", "devices", "asked", "says"),
    [
        (10, 4, None, "10 clips a step cannot be divided among 4 devices"),
        (8, 2, 3, "4 clips a step on each device cannot be taken 3 at a time"),
        (8, 2, 0, "cannot be taken 0 at a time"),
    ],
)
def test_clips_that_do_not_divide(batch, devices, asked, says):
    with pytest.raises(ValueError, match=says):
        micro_clips_for(batch, devices, asked, CPU)


def test_what_is_measured_is_possible():
    assert 1e8 < matmul_flops_per_s(CPU, "float32") < 1e13
    assert 2**20 < peak_memory_bytes(CPU) < 2**40


def test_a_failing_compiler_is_one_line():
    def no_compiler(graph, inputs):
        raise OSError("no C++ compiler\nand so on")

    with pytest.raises(RuntimeError, match=r"torch\.compile fails \(.*\): use --no-compile"), compiling():
        torch.compile(lambda x: x + 1, backend=no_compiler)(torch.ones(1))
