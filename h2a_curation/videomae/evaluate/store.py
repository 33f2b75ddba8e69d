"""An evaluation's rows on disk, committed in parts while it runs, so that it goes on where it was stopped."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from h2a_curation.foundation.atomic_files import remove, replaced
from schemas import VideoScore, ViewScore, arrow_schema, from_arrow, to_arrow
from schemas.evaluate import OK

VIEWS, VIDEOS, CLASSES, CONFUSION = "views.parquet", "videos.parquet", "classes.parquet", "confusion.parquet"
_PARTS = "parts"
Key = tuple[str, str]
"""Split and name of a video."""


class Store:
    """The folder of one evaluation, as one of its processes writes to it."""

    def __init__(self, out: Path, rank: int = 0) -> None:
        self.out = out
        self._rank = rank
        self._parts = out / _PARTS
        self._next = 1 + max((int(path.name.split("-")[0]) for path in self._of_parts(VIEWS)), default=0)

    def seen(self) -> dict[Key, VideoScore]:
        """Videos that were seen before. Those that could not be are tried again: they may lie there now."""
        files = [file for file in (self.out / VIDEOS, *self._of_parts(VIDEOS)) if file.is_file()]
        rows = [row for file in files for row in from_arrow(VideoScore, _table(file))]
        return {(row.split, row.video_id): row for row in rows if row.status == OK}

    def commit(self, views: Sequence[ViewScore], videos: Sequence[VideoScore]) -> None:
        """Write rows to stay. Those of videos come last: a video whose row is there has all its views there."""
        for name, record, rows in ((VIEWS, ViewScore, views), (VIDEOS, VideoScore, videos)):
            self._write(self._parts / f"{self._next:06d}-{self._rank}.{name}", to_arrow(record, rows))
        self._next += 1

    def finish(self, videos: Mapping[Key, VideoScore], tables: Mapping[str, pa.Table]) -> None:
        """One file for each table, videos in this order, in place of the parts."""
        with replaced(self.out, self.out / VIEWS) as file, pq.ParquetWriter(file, arrow_schema(ViewScore)) as writer:
            for table in self._views({key for key, row in videos.items() if row.status == OK}):
                writer.write_table(table)
        self._write(self.out / VIDEOS, to_arrow(VideoScore, videos.values()))
        for name, table in tables.items():
            self._write(self.out / name, table)
        remove(self.out, self._parts)

    def _views(self, wanted: set[Key]) -> Iterator[pa.Table]:
        """Views of each wanted video once: a stop between two files may have left some in both."""
        left = set(wanted)
        for file in (self.out / VIEWS, *self._of_parts(VIEWS)):
            if not file.is_file():
                continue
            with pq.ParquetFile(file) as opened:
                here: set[Key] = set()
                for batch in opened.iter_batches():
                    keys = list(zip(batch["split"].to_pylist(), batch["video_id"].to_pylist(), strict=True))
                    yield pa.Table.from_batches([batch]).filter(pa.array([key in left for key in keys]))
                    here.update(keys)
                left -= here

    def _of_parts(self, name: str) -> Iterable[Path]:
        return sorted(self._parts.glob(f"*.{name}"))

    def _write(self, target: Path, table: Any) -> None:
        with replaced(self.out, target) as file:
            pq.write_table(table, file)


def _table(file: Path) -> pa.Table:
    """A table of an evaluation; ValueError where the file is damaged."""
    try:
        return pq.read_table(file, schema=arrow_schema(VideoScore))
    except (pa.ArrowInvalid, OSError) as broken:
        raise ValueError(f"{file} is damaged: choose another --out, or remove this folder") from broken
