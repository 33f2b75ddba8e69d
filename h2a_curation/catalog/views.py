"""The catalog as DuckDB sees it: one view a table, one row a key, over all parts of a lake."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

import schemas
from h2a_curation.catalog import fates
from h2a_curation.lake import layout


def _ok_then_newest(moment: str) -> str:
    """What came first, before all that failed; of failures the newest, since it says what to do next."""
    return f"outcome <> 'ok', if(outcome = 'ok', 1, -1) * round, if(outcome = 'ok', 1, -1) * epoch_us({moment})"


FACTS: dict[str, tuple[type, str, str, str]] = {
    # table: (record, stage, key, which of two rows with one key stays)
    "round_plan": (schemas.RoundPlan, "plan", "round", "num_pages"),
    "round_end": (schemas.RoundEnd, "round", "round", "round"),
    "allocation": (schemas.Allocation, "plan", "round, source, tag", "num_pages"),
    "tag_claim": (schemas.TagClaim, "plan", "tag, class_id", "round"),
    "arm_change": (schemas.ArmChange, "plan", "round, source, tag", "state"),
    "audit_draw": (schemas.AuditDraw, "draw", "post_id", "round"),
    "label": (schemas.Label, "label", "post_id, class_id", "labelled_at DESC, labeller"),
    "request": (schemas.Request, "mine", "source, tag, cursor", _ok_then_newest("requested_at")),
    "hit": (schemas.Hit, "mine", "source, tag, cursor, post_id", "rank"),
    "post": (schemas.Post, "mine", "post_id", "seen_at"),
    "media": (schemas.Media, "fetch", "post_id", _ok_then_newest("fetched_at")),
    "probe": (schemas.Probe, "probe", "media_id", "model"),
    "clip": (schemas.Clip, "cut", "media_id", "model"),
    "fingerprint": (schemas.Fingerprint, "hash", "clip_id", "model"),
    "sighting": (schemas.Sighting, "sense", "clip_id, signal", "model"),
    "frame_embedding": (schemas.FrameEmbedding, "embed", "clip_id", "model"),
    "prompt_embedding": (schemas.PromptEmbedding, "prompt", "prompt, model", "model"),
}
TRIES = {"request_try": "request", "media_try": "media"}
"""Views of each row once, where the table's own has one row a key: how often something was asked for."""
DECIDED: dict[str, type] = {
    "opted_out": schemas.OptedOut,
    "candidate": schemas.Candidate,
    "verdict": schemas.Verdict,
    "score": schemas.Score,
    "duplicate": schemas.Duplicate,
    "selection": schemas.Selection,
    "reupload": schemas.Reupload,
}
_ROUND = {
    "round_plan": "round < {0}",
    "round_end": "round < {0}",
    "allocation": "round < {0}",
    "tag_claim": "round < {0}",
    "arm_change": "round < {0}",
    "audit_draw": "round < {0}",
    "request": "round < {0}",
    "media": "round < {0}",
    "hit": "(source, tag, cursor) IN (SELECT (source, tag, cursor) FROM request)",
    "post": "post_id IN (SELECT post_id FROM hit)",
}


class Catalog:
    """A DuckDB connection on one lake's views."""

    def __init__(
        self, lake: Path, connection: duckdb.DuckDBPyConnection, untold: Mapping[str, str] | None = None
    ) -> None:
        """`untold` has SQL of views by name, in an order in which each asks those before it: see `tell`."""
        self.lake = lake
        self.connection = connection
        self._untold = dict(untold or {})

    def tell(self, sql: str, given: Collection[str] = ()) -> None:
        """Open those views of stories.py that the SQL names and that are not `given`; where it asks for names, all.

        DuckDB reads the foot of every file of a view when the view is made. With thousands of parts these would treble
        the time of opening a lake, and a build, which opens one at every step, needs none of them until it ends.
        """
        for name in fates.named(sql, {n: q for n, q in self._untold.items() if n not in given}):
            with _in_words():
                self.connection.execute(f"CREATE VIEW {name} AS {self._untold.pop(name)}")

    def query(
        self, sql: str, tables: Mapping[str, pa.Table] | None = None, params: Mapping[str, object] | None = None
    ) -> pa.Table:
        """Run SQL on the views, with Arrow tables registered beside them for this one query.

        ValueError for SQL that is wrong, as a rule of a recipe may be; OSError where the lake's files are damaged.
        """
        self.tell(sql, tables or ())
        for name, table in (tables or {}).items():
            self.connection.register(name, table)
        try:
            with _in_words():
                return self.connection.sql(sql, params=dict(params or {})).to_arrow_table()
        finally:
            for name in tables or {}:
                self.connection.unregister(name)

    def vectors(self, model: str) -> Iterator[tuple[list[str], NDArray[np.float16]]]:
        """Clip ids and their frames' vectors [clip, frame, dim] by one model, in blocks, each clip once."""
        seen: set[str] = set()
        for file in sorted(self.lake.glob(layout.parts_of("embed", "frame_embedding"))):
            reader = pq.ParquetFile(file)
            for batch in reader.iter_batches(batch_size=8192, columns=["clip_id", "model", "times_s", "vectors"]):
                yield from _block(batch, model, seen)


def connect(
    lake: Path,
    *,
    models: Mapping[str, str] | None = None,
    before_round: int | None = None,
    decision: Path | None = None,
) -> Catalog:
    """Open the catalog, which reads this lake and nothing else, since SQL comes from users and recipes.

    `models` picks one fingerprint for each measuring stage, and for a signal that has its own that one, under
    `sense.SIGNAL`; rows of any other are not shown. `before_round` shows the facts as they stood before that
    round of mining, `decision` adds that decision's tables.
    """
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    connection.execute("SET python_enable_replacements = false; SET enable_progress_bar = false")
    for table, (record, stage, key, first) in FACTS.items():
        where = []
        if models and stage in models:
            where.append(_is_of(models, stage))
        if before_round is not None and table in _ROUND:
            where.append(_ROUND[table].format(before_round))
        source = _parquet(connection, table, record, lake / layout.parts_of(stage, table))
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        with _in_words():
            connection.execute(
                f"CREATE VIEW {table} AS SELECT * FROM {source}{condition}"
                f" QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {first}) = 1"
            )
    for view, table in TRIES.items():
        record, stage, *_ = FACTS[table]
        source = _parquet(connection, table, record, lake / layout.parts_of(stage, table))
        connection.execute(f"CREATE VIEW {view} AS SELECT DISTINCT * FROM {source}")
    if decision is not None:
        for table, record in DECIDED.items():
            source = _parquet(connection, table, record, decision / layout.table(table))
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {source}")
    published = {"member": _members(connection, lake)}
    connection.execute(f"SET allowed_directories = [{_text(lake)}]; SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    of_decision = fates.OF_DECISION if decision is not None else {}
    return Catalog(lake, connection, published | fates.OF_FACTS | of_decision)


def _is_of(models: Mapping[str, str], stage: str) -> str:
    """The condition that a row is of the stage's fingerprint, or of its signal's where that has one of its own."""
    own = {key.removeprefix(f"{stage}."): model for key, model in models.items() if key.startswith(f"{stage}.")}
    cases = "".join(f" WHEN {_text(signal)} THEN {_text(model)}" for signal, model in sorted(own.items()))
    model = _text(models[stage])
    return f"model = CASE signal{cases} ELSE {model} END" if own else f"model = {model}"


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except (duckdb.IOException, duckdb.InvalidInputException) as damaged:
        raise OSError(f"the lake cannot be read: {damaged}") from damaged
    except (duckdb.ProgrammingError, duckdb.DataError) as wrong:
        raise ValueError(f"SQL: {wrong}") from wrong


def _parquet(connection: duckdb.DuckDBPyConnection, table: str, record: type, glob: Path) -> str:
    """SQL that reads the files, or an empty table of the record's schema where there is none yet."""
    folder = glob.parent.parent if glob.parent.name == "*" else glob.parent
    pattern = "*/" + glob.name if glob.parent.name == "*" else glob.name
    if next(folder.glob(pattern), None) is not None:
        return f"read_parquet({_text(glob)}, union_by_name = true)"
    connection.register(f"no_{table}", _empty(record))
    return f"no_{table}"


def _members(connection: duckdb.DuckDBPyConnection, lake: Path) -> str:
    """SQL of the clips that were published: a row a version and clip, with the version's name."""
    versions = lake / "versions"
    if next(versions.glob("*/clip.parquet"), None) is None:
        connection.register("no_member", _empty(schemas.Member))
        return "SELECT ''::VARCHAR AS version, * FROM no_member"
    files = _text(versions / "*" / "clip.parquet")
    rows = f"read_parquet({files}, union_by_name = true, filename = true)"
    return f"SELECT parse_path(filename)[-2] AS version, * EXCLUDE (filename) FROM {rows}"


def _text(value: object) -> str:
    """A literal of SQL: a path, or a fingerprint that a received lake's decision.json may give as anything."""
    return "'" + str(value).replace("'", "''") + "'"


def _empty(record: type) -> pa.Table:
    """No rows, in types that DuckDB reads from Arrow: it has no 16-bit floats there, and reads them as 32-bit ones."""
    half, single = pa.list_(pa.float16()), pa.list_(pa.float32())
    schema = schemas.arrow_schema(record)
    return pa.schema([f.with_type(single) if f.type == half else f for f in schema]).empty_table()


def _block(batch: pa.RecordBatch, model: str, seen: set[str]) -> Iterator[tuple[list[str], NDArray[np.float16]]]:
    """The batch's rows of this model that were not seen yet, grouped by their number of frames."""
    rows: dict[int, list[int]] = {}
    num_frames = pc.list_value_length(batch["times_s"]).to_pylist()
    for row, (clip_id, of) in enumerate(zip(batch["clip_id"].to_pylist(), batch["model"].to_pylist(), strict=True)):
        if of == model and clip_id not in seen:
            seen.add(clip_id)
            rows.setdefault(num_frames[row], []).append(row)
    for frames, chosen in rows.items():
        block = batch if len(chosen) == batch.num_rows else batch.take(pa.array(chosen))
        flat = block["vectors"].flatten().to_numpy(zero_copy_only=False)
        yield block["clip_id"].to_pylist(), flat.reshape(len(chosen), frames, -1)
