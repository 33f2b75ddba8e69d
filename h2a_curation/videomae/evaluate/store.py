"""An evaluation's rows on disk, committed in parts while it runs, so that it goes on where it was stopped."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.videomae.evaluate.parts import Parts, read_table
from schemas import VideoScore, ViewScore, arrow_schema, from_arrow, to_arrow
from schemas.evaluate import OK

VIEWS, VIDEOS, CLASSES, CONFUSION = "views.parquet", "videos.parquet", "classes.parquet", "confusion.parquet"
Key = tuple[str, str]
"""Split and name of a video."""


class Store:
    """The folder of one evaluation, as one of its processes writes to it."""

    def __init__(self, out: Path, rank: int = 0) -> None:
        self.out = out
        self._parts = Parts(out, rank)

    def seen(self) -> dict[Key, VideoScore]:
        """Videos that were seen before. Those that could not be are tried again: they may lie there now."""
        tables = (read_table(file, arrow_schema(VideoScore)) for file in self._parts.files(VIDEOS))
        rows = [row for table in tables for row in from_arrow(VideoScore, table)]
        return {(row.split, row.video_id): row for row in rows if row.status == OK}

    def commit(self, views: Sequence[ViewScore], videos: Sequence[VideoScore]) -> None:
        """Write rows to stay. Those of videos come last: a video whose row is there has all its views there."""
        self._parts.add([(VIEWS, to_arrow(ViewScore, views)), (VIDEOS, to_arrow(VideoScore, videos))])

    def finish(self, videos: Mapping[Key, VideoScore], tables: Mapping[str, pa.Table]) -> None:
        """One file for each table, videos in this order, in place of the parts."""
        with replaced(self.out, self.out / VIEWS) as file, pq.ParquetWriter(file, arrow_schema(ViewScore)) as writer:
            for table in self._views({key for key, row in videos.items() if row.status == OK}):
                writer.write_table(table)
        for name, table in {VIDEOS: to_arrow(VideoScore, videos.values()), **tables}.items():
            self._parts.write(self.out / name, table)
        self._parts.remove()

    def _views(self, wanted: set[Key]) -> Iterator[pa.Table]:
        """Views of each wanted video once: a stop between two files may have left some in both."""
        left = set(wanted)
        for file in self._parts.files(VIEWS):
            with pq.ParquetFile(file) as opened:
                here: set[Key] = set()
                for batch in opened.iter_batches():
                    keys = list(zip(batch["split"].to_pylist(), batch["video_id"].to_pylist(), strict=True))
                    yield pa.Table.from_batches([batch]).filter(pa.array([key in left for key in keys]))
                    here.update(keys)
                left -= here
