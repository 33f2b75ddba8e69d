"""Features on disk: one Parquet file that says what it holds, committed in parts while it is made."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from h2a_curation.foundation import json_file, parquet_file
from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.videomae.evaluate.parts import Parts, read_table
from h2a_curation.videomae.evaluate.store import Key
from schemas import VideoFeature, feature_schema, from_arrow, to_arrow
from schemas.evaluate import OK
from schemas.features import FEATURE

FEATURES = "features.parquet"
ABOUT = b"h2a_features"
"""Key of the file's metadata under which it says, as JSON, what it holds."""
_ROWS_AT_A_TIME = 4096


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """A video and its vector."""

    about: VideoFeature
    vector: NDArray[np.float16] | None
    """[width]; None where the video could not be seen."""

    @property
    def key(self) -> Key:
        """What names the video in its set."""
        return self.about.split, self.about.video_id


class FeatureStore:
    """The folder of the features of one set, as one of several processes writes to it."""

    def __init__(self, out: Path, width: int, rank: int = 0) -> None:
        self.out = out
        self._width = width
        self._parts = Parts(out, rank)

    def seen(self) -> dict[Key, FeatureRow]:
        """Videos whose features are there. Those that could not be seen are tried again: they may lie there now."""
        schema = feature_schema(self._width)
        rows = [row for file in self._parts.files(FEATURES) for row in _rows(read_table(file, schema), self._width)]
        return {row.key: row for row in rows if row.about.status == OK}

    def commit(self, rows: Sequence[FeatureRow]) -> None:
        """Write rows to stay."""
        self._parts.add([(FEATURES, _table(rows, self._width))])

    def finish(self, rows: Sequence[FeatureRow], about: Mapping[str, Any]) -> Path:
        """One file with all rows in this order, which says what it holds, in place of the parts. Returns the file."""
        schema = feature_schema(self._width).with_metadata({ABOUT: json.dumps(about).encode()})
        file = self.out / FEATURES
        with replaced(self.out, file) as opened, pq.ParquetWriter(opened, schema) as writer:
            for first in range(0, max(len(rows), 1), _ROWS_AT_A_TIME):
                table = _table(rows[first : first + _ROWS_AT_A_TIME], self._width)
                writer.write_table(table.replace_schema_metadata(schema.metadata))
        self._parts.remove()
        return file


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """A file of features, read."""

    source: Path
    about: Mapping[str, Any]
    """What the file says of itself."""
    rows: Sequence[VideoFeature]
    vectors: NDArray[np.float16]
    """[row, width]; zeros where nothing was seen."""


def read_features(source: Path) -> Features:
    """The features in a folder of `h2a features`, or in its file; ValueError in one line for anything else."""
    file = source / FEATURES if source.is_dir() else source
    if not file.is_file():
        if source.is_dir() and Parts(source).files(FEATURES):
            raise ValueError(f"{source} holds features that are not finished: call h2a features again")
        raise ValueError(f"{source} holds no {FEATURES}: make it with h2a features")
    try:
        table = parquet_file.read(file, str(file))
        about = json_file.parse((table.schema.metadata or {})[ABOUT])
        if not table.schema.equals(feature_schema(int(about["width"]))):
            raise KeyError(ABOUT)
    except (pa.ArrowException, OSError, KeyError, OverflowError, ValueError, TypeError) as broken:
        raise ValueError(f"{file} is damaged, or no file of h2a features") from broken
    rows = from_arrow(VideoFeature, table)
    return Features(source=source, about=about, rows=rows, vectors=_vectors(table, int(about["width"])))


def _table(rows: Sequence[FeatureRow], width: int) -> pa.Table:
    vectors = np.zeros((len(rows), width), np.float16)
    for place, row in enumerate(rows):
        if row.vector is not None:
            vectors[place] = row.vector
    schema = feature_schema(width)
    column = pa.FixedSizeListArray.from_arrays(
        pa.array(vectors.reshape(-1)), type=schema.field(FEATURE).type, mask=pa.array([r.vector is None for r in rows])
    )
    return to_arrow(VideoFeature, [row.about for row in rows]).append_column(schema.field(FEATURE), column)


def _rows(table: pa.Table, width: int) -> Iterator[FeatureRow]:
    for about, vector in zip(from_arrow(VideoFeature, table), _vectors(table, width), strict=True):
        yield FeatureRow(about, vector if about.status == OK else None)


def _vectors(table: pa.Table, width: int) -> NDArray[np.float16]:
    flat = table[FEATURE].combine_chunks().values.to_numpy(zero_copy_only=False)
    vectors: NDArray[np.float16] = np.nan_to_num(flat.astype(np.float16, copy=False)).reshape(-1, width)
    return vectors
