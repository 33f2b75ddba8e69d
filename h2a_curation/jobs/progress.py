"""Shows how far each step of a job is: bars in a terminal, plain lines elsewhere."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from h2a_curation.foundation.terminal import remark
from h2a_curation.pipeline.build import Progress

_WORDS = {
    "mine": "listing tags",
    "fetch": "fetching files",
    "probe": "probing files",
    "cut": "cutting scenes",
    "look": "looking at clips",
    "prompt": "reading prompts",
    "pack": "packing shards",
    "pretrain": "pretraining",
}


@contextmanager
def shown() -> Iterator[Progress]:
    """A Progress that draws on stderr, so that stdout stays for results; Ctrl-C ends what it shows at its next call."""
    with _drawn() as draw, _ctrl_c_remembered() as refuse_to_go_on:

        def progress(step: str, done: int, total: int) -> None:
            refuse_to_go_on()
            draw(step, done, total)

        yield progress
        refuse_to_go_on()


@contextmanager
def _ctrl_c_remembered() -> Iterator[Callable[[], None]]:
    """A KeyboardInterrupt that arises in a destructor or a library's callback is lost; so the signal is kept too."""
    pressed = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.default_int_handler(number, frame)

    def refuse_to_go_on() -> None:
        if pressed:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # as a shell sets it for what runs in the background: Ctrl-C is not meant for that
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield refuse_to_go_on
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _drawn() -> Iterator[Progress]:
    """Bars in a terminal, lines elsewhere."""
    if not sys.stderr.isatty():
        yield _line
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    from h2a_curation.foundation.screen import screen

    columns = (TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=screen(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def bar(step: str, done: int, total: int) -> None:
            if done == 0 or step not in tasks:
                if step in tasks:
                    bars.remove_task(tasks[step])
                tasks[step] = bars.add_task(_WORDS.get(step, step), total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield bar


def _line(step: str, done: int, total: int) -> None:
    if done in (0, total) or done * 10 // total != (done - 1) * 10 // total:
        remark(f"{_WORDS.get(step, step)}: {done} of {total}")
