"""Whatever one item does is that item's row: an error that nobody expected becomes its outcome, and the rest goes on.

Its trace goes to the lake's log. The same error at item after item is no item's fault but a bug, which stops the stage
before a whole lake is rejected by it.
"""

import functools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from traceback import extract_tb
from typing import Generic, ParamSpec, TypeVar

from h2a_curation.acquire.errors import ErrorKind, FetchError, LaneStopped
from h2a_curation.foundation.machine import is_of_machine
from h2a_curation.foundation.secret_text import hidden
from h2a_curation.lake import layout, log, parts

T = TypeVar("T")
Row = TypeVar("Row")
Arguments = ParamSpec("Arguments")

UNEXPECTED = ErrorKind.UNEXPECTED.value
"""The outcome of an item at which an error arose that nobody expected."""
MANY_ALIKE = 8
"""Items in a row with the same error (type and place) that are taken for a bug. Odd files stand together in a folder,
three or four of them; a programming error hits every item, and the fewer rows it leaves the better."""
_TRACES_OF_A_KIND = 3
"""Traces that one process logs of one error: of those alike, later ones tell nothing new, and a log must not grow by a
page for every file."""


class StageBroken(RuntimeError):  # noqa: N818  # named for what happened
    """The same unexpected error arose at item after item: the stage has a bug."""


class Watch:
    """The unexpected errors of one stage of one lake, over all parts and threads of this process."""

    def __init__(self, lake: Path, stage: str) -> None:
        self._lake = lake
        self._stage = stage
        self._lock = threading.Lock()
        self._kind = ""
        self._num_alike = 0
        self._num_of_kind: Counter[str] = Counter()

    def went_well(self) -> None:
        """An item came to an end that somebody expected: what failed before it was the items' own."""
        with self._lock:
            self._num_alike = 0

    def failed(self, item: str, error: Exception) -> str:
        """Log the error, and return one line for the item's row. Raises StageBroken where too many were alike, and the
        error itself where it speaks of the machine.
        """
        if is_of_machine(error):
            raise error
        kind = _kind(error)
        with self._lock:
            self._num_alike = self._num_alike + 1 if kind == self._kind else 1
            self._kind = kind
            self._num_of_kind[kind] += 1
            num_alike, num_of_kind = self._num_alike, self._num_of_kind[kind]
        log.note(self._lake, self._stage, item, error, trace=num_of_kind <= _TRACES_OF_A_KIND)
        said = " ".join(hidden(f"{kind}: {error}").split())[:500]
        if num_alike >= MANY_ALIKE:
            self.went_well()  # who mends it in this process begins anew
            raise StageBroken(
                f"{self._stage}: {num_alike} items in a row raised {said}: this is a bug, and none of the last of them"
                f" counts as failed. {self._lake / layout.log(self._stage)} has the traces: report it with them"
            )
        return f"{said} ({layout.log(self._stage)})"


@functools.cache
def watch(lake: Path, stage: str) -> Watch:
    """The one watch of a stage of a lake in this process."""
    return Watch(lake, stage)


class Items(Generic[Row]):
    """The rows of one part's items, one item after the other."""

    def __init__(self, lake: Path, stage: str) -> None:
        self._watch = watch(lake, stage)
        self.rows: list[Row] = []
        """Rows to commit: all, or without those of the errors that stopped the stage."""
        self.done: list[str] = []
        """The items that these rows are of."""
        self.broken: StageBroken | None = None
        """Why the stage stops after what is done."""

    def do(
        self,
        items: Iterable[str],
        work: Callable[[str], Iterable[Row]],
        failed: Callable[[str, str], Iterable[Row]],
    ) -> None:
        """Do each item's work; `failed(item, detail)` gives the rows of one at which an error arose."""
        in_doubt: list[tuple[str, list[Row]]] = []
        for item in items:
            try:
                rows = list(work(item))
            except Exception as error:  # noqa: BLE001  # whatever it is: that is this module's purpose
                try:
                    detail = self._watch.failed(item, error)
                except StageBroken as broken:
                    self.broken = broken
                    return
                in_doubt.append((item, list(failed(item, detail))))
                continue
            self._watch.went_well()
            self._keep([*in_doubt, (item, rows)])
            in_doubt = []
        self._keep(in_doubt)

    def _keep(self, made: Sequence[tuple[str, list[Row]]]) -> None:
        for name, rows in made:
            self.done.append(name)
            self.rows += rows

    def name(self, fingerprint: str) -> str:
        """What a commit of these rows is named by: where the stage stopped, another word than that of the whole part,
        which is still to come under that name.
        """
        return fingerprint if self.broken is None else f"{fingerprint} {parts.part_name('', '', self.done)}"

    def end(self) -> None:
        """Raise StageBroken where the stage stopped, after all has been committed that is to be."""
        if self.broken is not None:
            raise self.broken


def asked(
    lake: Path, stage: str, ask: Callable[Arguments, T], name: Callable[Arguments, str]
) -> Callable[Arguments, T]:
    """A source's call that raises nothing but FetchError: any other error is `unexpected`, a row like others.

    Raises LaneStopped where many were alike, and what speaks of the machine as it is.
    """
    seen = watch(lake, stage)

    def safely(*given: Arguments.args, **named: Arguments.kwargs) -> T:
        try:
            came = ask(*given, **named)
        except FetchError:
            seen.went_well()
            raise
        except Exception as error:
            try:
                detail = seen.failed(name(*given, **named), error)
            except StageBroken as broken:
                raise LaneStopped(ErrorKind.UNEXPECTED, str(broken)) from error
            raise FetchError(ErrorKind.UNEXPECTED, detail) from error
        seen.went_well()
        return came

    return safely


def _kind(error: Exception) -> str:
    """The error's type, and where it arose."""
    if place := getattr(error, "place", ""):  # an error of a child process, which knows better
        return str(place)
    [*_, last] = extract_tb(error.__traceback__) or [None]
    where = "" if last is None else f" at {Path(last.filename).name}:{last.lineno}"
    return f"{type(error).__name__}{where}"
