"""Ways to take an optimiser step that are compared: each is a process of its own, which takes a step when asked."""

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

import torch

from bench.memory import peak_bytes
from h2a_curation.videomae.hardware.devices import matmul_flops_per_s

Step = Callable[[], float]
"""One optimiser step; the loss before it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken."""

    seconds: float
    loss: float


@dataclass(frozen=True, slots=True)
class End:
    """What a process has to say when all steps are taken."""

    peak_gib: float
    matmul_flops_per_s: float


class Side:
    """A process that takes a step when asked, so that its peak of memory is its own."""

    def __init__(self, make: Callable[[], Step], threads: int) -> None:
        """`make` is called in the process, and must be known there by its name."""
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(make, threads, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def step(self) -> Taken:
        """Take one."""
        self._pipe.send("step")
        taken: Taken = self._pipe.recv()
        return taken

    def end(self) -> End:
        """End the process."""
        self._pipe.send("end")
        end: End = self._pipe.recv()
        self._process.join()
        return end


def _serve(make: Callable[[], Step], threads: int, pipe: Connection) -> None:
    torch.set_num_threads(threads)
    step = make()
    while pipe.recv() == "step":
        start_s = time.perf_counter()
        loss = step()
        pipe.send(Taken(time.perf_counter() - start_s, loss))
    peak_gib = peak_bytes() / 2**30
    pipe.send(End(peak_gib, matmul_flops_per_s(torch.device("cpu"), "float32")))
