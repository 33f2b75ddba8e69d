"""Two processes that train together, as torchrun would start them: all jobs one after the other in the same two."""

import json
import multiprocessing
import os
import socket
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from h2a_curation.videomae import presets
from h2a_curation.videomae.hardware import devices, parallel
from h2a_curation.videomae.loop import run as loop
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.loop.watch import Watcher
from h2a_curation.videomae.pretrain import task, train
from h2a_curation.videomae.pretrain.train import pretrain

STEPS = 10
CLIPS = 4
PATCH_ERRORS, MULTIPLIES_BFLOAT16 = task.patch_errors, devices.multiplies_bfloat16
RUNTIME = Runtime(device="cpu", threads=1, workers=1)


def use_preset() -> None:
    """`many`: as micro, with clipped gradients and frequent checkpoints."""
    micro = presets.PRESETS["micro"]
    recipe = replace(micro.recipe, batch_clips=CLIPS, clip_grad=0.2, save_steps=3, steps=STEPS)
    presets.PRESETS["many"] = replace(micro, name="many", recipe=recipe)


def ignored(_done, _total, _live) -> None:
    """What a run tells of its steps, for nobody."""


def run(lake: Path, out: Path, progress=ignored, **changed):
    use_preset()
    watcher = Watcher(progress=progress)
    return pretrain(lake, "v1", "many", out, runtime=replace(RUNTIME, **changed), watcher=watcher)


def run_together(lake: Path, folder: Path, jobs: list[dict], limit_s: float = 300) -> list[list[dict]]:
    """What each process says of each job; see `_do`."""
    ports = [_free_port() for _ in jobs]
    spawn = multiprocessing.get_context("spawn")
    both = [spawn.Process(target=_serve, args=(rank, ports, lake, folder, jobs), daemon=True) for rank in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(limit_s)
    hung = [process for process in both if process.is_alive()]
    for process in hung:
        process.kill()
    assert not hung
    return [[json.loads(line) for line in (folder / f"said-{rank}").read_text().splitlines()] for rank in range(2)]


def _serve(rank: int, ports: list[int], lake: Path, folder: Path, jobs: list[dict]) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": "2"}
    (folder / f"pid-{rank}").write_text(str(os.getpid()))
    for port, job in zip(ports, jobs, strict=True):
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        said = _do(rank, lake, folder, **job)
        with (folder / f"said-{rank}").open("a") as file:
            file.write(json.dumps(said) + "\n")


def _do(
    rank: int, lake: Path, folder: Path, out: str, *, send: int | None = None, broken: int | None = None,
    recompute: bool = False, stuck_s: float = 0, gather: str = "", **changed,
) -> dict:  # fmt: skip
    """Train; `send` is a signal for process 1 after step 4, `broken` the process whose errors are no numbers, `stuck_s`
    how long process 0 hangs after step 4, a third of which the other one waits. With `gather` products are of bfloat16,
    and FSDP sends weights as that, `bfloat16` or `float32`, over 20 steps."""

    def progress(done, _total, _live):
        if done == 4:
            time.sleep(stuck_s)
        if send is not None and done == 4:
            os.kill(int((folder / "pid-1").read_text()), send)

    use_preset()
    many = presets.PRESETS["many"]
    more = {"dtype": "bfloat16", "steps": 20} if gather else {}
    presets.PRESETS["many"] = replace(many, recipe=replace(many.recipe, recompute=recompute, **more))
    # A processor without products of bfloat16 takes them in software: slow, and the same numbers.
    devices.multiplies_bfloat16 = (lambda _kind: True) if gather else MULTIPLIES_BFLOAT16
    loop.spread = partial(_spread, gather == "bfloat16") if gather else parallel.spread
    task.patch_errors = (lambda *given: PATCH_ERRORS(*given) * float("nan")) if broken == rank else PATCH_ERRORS
    train.joined = partial(parallel.joined, patience_s=stuck_s / 3 or parallel.PATIENCE_S)
    try:
        watcher = Watcher(progress=progress)
        result = pretrain(lake, "v1", "many", folder / out, runtime=replace(RUNTIME, **changed), watcher=watcher)
    except (SystemExit, FloatingPointError, OSError, ValueError) as ended:
        return {"ended": type(ended).__name__, "says": str(ended)}
    return {"after": result.held_out_after, "devices": result.num_devices}


def _spread(as_bfloat16: bool, *given, gather_bfloat16: bool):
    assert gather_bfloat16  # as the recipe asks
    return parallel.spread(*given, gather_bfloat16=as_bfloat16)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
