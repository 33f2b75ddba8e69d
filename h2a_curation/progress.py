"""How far each step is: bars in a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from h2a_curation.build import Progress

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
    """A Progress that draws on stderr, so that stdout stays for results."""
    if not sys.stderr.isatty():
        yield _line
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(step: str, done: int, total: int) -> None:
            if done == 0 or step not in tasks:
                if step in tasks:
                    bars.remove_task(tasks[step])
                tasks[step] = bars.add_task(_WORDS.get(step, step), total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield progress


def _line(step: str, done: int, total: int) -> None:
    if done in (0, total) or done * 10 // total != (done - 1) * 10 // total:
        sys.stderr.write(f"{_WORDS.get(step, step)}: {done} of {total}\n")
        sys.stderr.flush()
