"""Checkpoints written beside the training, one at a time, of which the newest few stay."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from h2a_curation.foundation.atomic_files import remove
from h2a_curation.videomae.loop import checkpoint
from h2a_curation.videomae.loop.runtime import KEPT
from h2a_curation.videomae.loop.signals import LeaveNowError


class Saver:
    """Writes states that nobody changes any more, in a thread of its own.

    A write that fails, as on a full disk, leaves the files before it as they are and is told at the next call: OSError
    in one line. Leaving the `with` waits for the last write, also after a fault elsewhere; but not
    after a second Ctrl-C, which leaves the name to the file before.
    """

    def __init__(self, folder: Path, keep: int | None) -> None:
        self._folder, self._keep = folder, KEPT if keep is None else keep
        there = checkpoint.numbered(folder)
        # A run that was begun when all were kept does not lose them because nobody says otherwise.
        self._spared = frozenset(there if keep is None and len(there) > KEPT else ())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="saver")
        self._writing: Future[None] | None = None

    def __enter__(self) -> "Saver":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._thread.shutdown(wait=kind is None or not issubclass(kind, LeaveNowError))
        if kind is None:
            self.wait()

    def save(self, name: str, state: dict[str, Any]) -> None:
        """Begin to write, after the write before."""
        self.wait()
        self._writing = self._thread.submit(self._write, name, state)

    def check(self) -> None:
        """Raise what a finished write ran into."""
        if self._writing is not None and self._writing.done():
            self.wait()

    def wait(self) -> None:
        """Until all is written."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _write(self, name: str, state: dict[str, Any]) -> None:
        try:
            checkpoint.save(self._folder / name, state)
        except OSError as failed:
            good = checkpoint.newest(self._folder)
            left = f"{good.name} is whole" if good else "there is no other yet"
            raise OSError(
                f"{self._folder / name} could not be written ({failed.strerror or failed}); {left}: make room, and "
                "start again with the same command"
            ) from failed
        if name not in (checkpoint.LAST, checkpoint.BEST):
            remove(self._folder, self._folder / checkpoint.LAST)
            own = [path for path in checkpoint.numbered(self._folder) if path not in self._spared]
            for old in own[: -self._keep] if self._keep else ():
                remove(self._folder, old)
