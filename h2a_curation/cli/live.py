"""Shows how a training run is doing while it runs: a bar in a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from h2a_curation.foundation.terminal import remark

if TYPE_CHECKING:
    from h2a_curation.videomae.loop.watch import Live, Progress, Watcher

LINE_EVERY_S = 60.0
"""Longest time from one line to the next; each tenth of the run has a line too."""


@contextmanager
def training_shown(name: str = "pretraining") -> "Iterator[Watcher]":
    """A Watcher that draws on stderr, so that stdout stays for results; `name` is what the training is called."""
    from h2a_curation.videomae.loop.watch import Watcher

    if not sys.stderr.isatty():
        yield Watcher(progress=_lines(name), say=remark)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    from h2a_curation.foundation.screen import screen

    columns = (
        TextColumn(name),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Bars(*columns, console=screen(stderr=True)) as bars:
        task = bars.add_task("", total=None)

        def progress(done: int, total: int, live: "Live") -> None:
            if bars.tasks[0].total is None:  # a run that goes on has steps behind it, which took no time now
                bars.reset(task, total=total, completed=done - 1)
            bars.update(task, completed=done, description=_said(live))

        yield Watcher(progress=progress, say=lambda line: bars.console.print(line))


def _lines(name: str) -> "Progress":
    said_s = time.monotonic()

    def progress(done: int, total: int, live: "Live") -> None:
        nonlocal said_s
        tenth = done * 10 // total != (done - 1) * 10 // total
        if tenth or done == total or time.monotonic() - said_s >= LINE_EVERY_S:
            said_s = time.monotonic()
            remark(f"{name}: {done} of {total}, {_said(live)}")

    return progress


def _said(live: "Live") -> str:
    speed = live.speed
    memory = f"{speed.peak_memory_bytes / 2**30:.1f} GiB"
    return f"loss {live.loss:.4f}, {speed.clips_s:.1f} clips/s, MFU {speed.mfu:.0%}, {memory}"
