"""Files of a lake: written aside on the lake's own filesystem, then moved whole to their place."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from h2a_curation.foundation import atomic_files
from h2a_curation.foundation.atomic_files import SWEEP_AGE_S, keep, keep_first, synced
from h2a_curation.lake import layout


@contextmanager
def written_aside(lake: Path) -> Iterator[Path]:
    """A folder on the lake's own filesystem for what is not finished; gone afterwards."""
    with atomic_files.written_aside(lake, lake / layout.UNFINISHED) as folder:
        yield folder


def sweep(lake: Path, older_than_s: float = SWEEP_AGE_S) -> None:
    """Remove what killed writers left behind."""
    atomic_files.sweep(lake, lake / layout.UNFINISHED, older_than_s)


def replace_file(lake: Path, target: Path, content: bytes) -> None:
    """Replace one small file atomically: a reader sees the old content or the new.

    The unfinished file lies in the lake's own folder for such, never beside `target`: whoever lists `refs` must not
    find it there.
    """
    with written_aside(lake) as unfinished:
        with synced(unfinished / target.name) as file:
            file.write(content)
        keep(lake, unfinished / target.name, target)


def begin_file(lake: Path, target: Path, content: bytes) -> None:
    """Write one small file, unless it is there: when several begin at once, all go on with the first one's."""
    with written_aside(lake) as unfinished:
        with synced(unfinished / target.name) as file:
            file.write(content)
        keep_first(lake, unfinished / target.name, target)


def keep_file(lake: Path, file: Path, target: Path) -> None:
    """Move a finished file of the lake to its place, named by its content: what is there already is the same file."""
    keep(lake, file, target)
