"""The catalog as DuckDB sees it: one view a table, one row a key, over all parts of a lake."""

import dataclasses
import glob
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

import schemas
from h2a_curation.catalog import fates
from h2a_curation.foundation import parquet_file
from h2a_curation.lake import layout


def _ok_then_newest(moment: str) -> str:
    """What came first, before all that failed; of failures the newest, since it says what to do next."""
    return f"outcome <> 'ok', if(outcome = 'ok', 1, -1) * round, if(outcome = 'ok', 1, -1) * epoch_us({moment})"


FACTS: dict[str, tuple[type, str, str, str]] = {
    # table: (record, stage, key, which of two rows with one key stays)
    "round_plan": (schemas.RoundPlan, "plan", "round", "num_pages"),
    "round_end": (schemas.RoundEnd, "round", "round", "round"),
    "allocation": (schemas.Allocation, "plan", "round, source, tag, visit", "num_pages"),
    "tag_claim": (schemas.TagClaim, "plan", "tag, class_id", "round"),
    "arm_change": (schemas.ArmChange, "plan", "round, source, tag", "state"),
    "audit_draw": (schemas.AuditDraw, "draw", "post_id", "round"),
    "label": (schemas.Label, "label", "post_id, class_id", "labelled_at DESC, labeller"),
    "request": (schemas.Request, "mine", "source, tag, visit, cursor", _ok_then_newest("requested_at")),
    "hit": (schemas.Hit, "mine", "source, tag, visit, cursor, post_id", "rank"),
    "post": (schemas.Post, "mine", "post_id", "seen_at"),
    "media": (schemas.Media, "fetch", "post_id", _ok_then_newest("fetched_at")),
    "probe": (schemas.Probe, "probe", "media_id", "model"),
    "clip": (schemas.Clip, "cut", "media_id", "model"),
    "failure": (schemas.Failure, "look", "clip_id, model", "outcome"),
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
    "hit": "(source, tag, visit, cursor) IN (SELECT (source, tag, visit, cursor) FROM request)",
    "post": "post_id IN (SELECT post_id FROM hit)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Which of a lake's rows a catalog shows."""

    models: Mapping[str, str] = field(default_factory=dict)
    """One fingerprint for each measuring stage, and for a signal that has its own that one, under `sense.SIGNAL`; rows
    of any other are not shown."""
    before_round: int | None = None
    """The facts are those of before this round of mining."""
    decision: Path | Collection[str] | None = None
    """A saved decision's folder, or the names of those tables of one that lie in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """SQL of one view: what stands before its rows' place and after it."""

    before: str
    after: str = ""
    files: Path | None = None
    """Pattern of the Parquet files that hold the rows; None where the SQL asks other views alone."""
    record: type | None = None
    """What the rows are: until there is a file the view has none, in the record's columns."""
    with_filename: bool = False
    """Whether the SQL asks of each row, as `filename`, the path of its file."""

    @property
    def has_files(self) -> bool:
        """Whether there is anything to read by now."""
        return self.record is None or (self.files is not None and _any_file(self.files))


class Catalog:
    """A DuckDB connection on one lake, and the views of one reading of it.

    A view is made when a query first names it: DuckDB reads the foot of every file then, which with thousands of parts
    takes longer than most queries. It lists the files anew at each query, so a catalog that stays open shows what is
    committed meanwhile.
    """

    def __init__(self, lake: Path, connection: duckdb.DuckDBPyConnection, reading: Reading) -> None:
        self.lake = lake
        self.connection = connection
        self._reading = reading
        self._views = _views(lake, reading)
        self._made: dict[str, bool] = {}
        """Names of the views that were made, each with whether it had files to read then."""

    def before(self, round_no: int) -> "Catalog":
        """The facts as they stood before a round of mining, on this connection's database."""
        return self._other(replace(self._reading, before_round=round_no, decision=None))

    def decided(self, decision: Path | Mapping[str, pa.Table]) -> "Catalog":
        """The same facts with a decision's tables beside them: one that was saved, or one that lies in memory."""
        if isinstance(decision, Path):
            return self._other(replace(self._reading, decision=decision))
        catalog = self._other(replace(self._reading, decision=tuple(decision)))
        for name, table in decision.items():
            catalog.connection.register(_given(name), table)
        return catalog

    def _other(self, reading: Reading) -> "Catalog":
        """Another reading by the same database, whose settings are locked: nothing is opened, and no view made yet.

        Its views stand in a schema of their own, the only one that its connection searches, so that a view which is
        not made yet is never taken for that of another reading.
        """
        connection = self.connection.cursor()
        name = f"reading_{next(_READINGS)}"
        connection.execute(f"CREATE SCHEMA {name}; SET search_path = '{name}'")
        return Catalog(self.lake, connection, reading)

    def tell(self, sql: str, given: Collection[str] = ()) -> None:
        """Make those views that the SQL names and that are not `given`; where it asks for names, all."""
        for name in [name for name, had_files in self._made.items() if not had_files]:
            if self._views[name].has_files:
                self._make(name)
        texts = {name: f"{view.before} {view.after}" for name, view in self._views.items() if name not in given}
        for name in fates.named(sql, texts):
            if name not in self._made:
                self._make(name)

    def _make(self, name: str) -> None:
        view = self._views[name]
        had_files = view.has_files
        rows = _read(self._pattern(view.files), view.with_filename) if view.files else ""
        later = _later_columns(view.record)
        if view.record is not None and (later or not had_files):
            self.connection.register(_nothing(name), _empty(view.record, view.with_filename))
            rows = _with_defaults(_nothing(name), rows, later) if had_files else _nothing(name)
        with _in_words():
            self.connection.execute(f"CREATE OR REPLACE VIEW {name} AS {view.before} {rows} {view.after}")
        self._made[name] = had_files

    def _pattern(self, files: Path) -> str:
        """The pattern as DuckDB takes it: in the lake's own path no letter stands for others, as in `run[1]`."""
        if not files.is_relative_to(self.lake):
            return glob.escape(str(files))
        return str(Path(glob.escape(str(self.lake)), files.relative_to(self.lake)))

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
            for batch in parquet_file.batches(file, str(file), ["clip_id", "model", "times_s", "vectors"]):
                yield from _block(batch, model, seen)


def connect(
    lake: Path,
    *,
    models: Mapping[str, str] | None = None,
    before_round: int | None = None,
    decision: Path | None = None,
) -> Catalog:
    """Open the catalog, which reads this lake and nothing else, since SQL comes from users and recipes.

    The options are those of Reading. What needs several readings opens one and takes the others from it.
    """
    connection = duckdb.connect()
    # Of the database, not of this connection: those of other readings begin with its settings, and can change none.
    connection.execute("SET GLOBAL TimeZone = 'UTC'; SET GLOBAL preserve_insertion_order = false")
    connection.execute("SET GLOBAL python_enable_replacements = false; SET enable_progress_bar = false")
    # A pattern is allowed or refused as it is written, before DuckDB looks which files it means.
    reach = f"[{_text(lake)}, {_text(glob.escape(str(lake)))}]"
    connection.execute(f"SET allowed_directories = {reach}; SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return Catalog(lake, connection, Reading(models=models or {}, before_round=before_round, decision=decision))


_READINGS = itertools.count(1)


def _views(lake: Path, reading: Reading) -> dict[str, View]:
    """All views of a reading, in an order in which each asks those before it."""
    views = {}
    for table, (record, stage, key, first) in FACTS.items():
        where = []
        if stage in reading.models:
            where.append(_is_of(reading.models, stage))
        elif stage == "look" and reading.models:
            where.append(f"model IN ({', '.join(map(_text, sorted(reading.models.values())))})")
        if reading.before_round is not None and table in _ROUND:
            where.append(_ROUND[table].format(reading.before_round))
        condition = f"WHERE {' AND '.join(where)} " if where else ""
        views[table] = View(
            before="SELECT * FROM",
            after=f"{condition}QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {first}) = 1",
            files=lake / layout.parts_of(stage, table),
            record=record,
        )
    for name, table in TRIES.items():
        views[name] = replace(views[table], before="SELECT DISTINCT * FROM", after="")
    views["member"] = View(
        before="SELECT parse_path(filename)[-2] AS version, * EXCLUDE (filename) FROM",
        files=lake / layout.EVERY_MEMBERS,
        record=schemas.Member,
        with_filename=True,
    )
    views |= {name: View(before=sql) for name, sql in fates.OF_FACTS.items()}
    if reading.decision is not None:
        views |= {table: _decided(reading.decision, table, record) for table, record in DECIDED.items()}
        views |= {name: View(before=sql) for name, sql in fates.OF_DECISION.items()}
    return views


def _decided(decision: Path | Collection[str], table: str, record: type) -> View:
    if isinstance(decision, Path):
        return View(before="SELECT * FROM", files=decision / layout.table(table), record=record)
    return (
        View(before=f"SELECT * FROM {_given(table)}")
        if table in decision
        else View(before="SELECT * FROM", record=record)
    )


def _given(table: str) -> str:
    """The name under which a decision's table in memory is registered."""
    return f"given_{table}"


def _nothing(view: str) -> str:
    """The name of the table without rows that a view reads until there are files."""
    return f"no_{view}"


def _read(pattern: str, with_filename: bool) -> str:
    """SQL of the rows in the files of a pattern."""
    filename = ", filename = true" if with_filename else ""
    # Where a lake lies says nothing of its rows: a folder `day=3` above it would give each table a column.
    return f"read_parquet({_text(pattern)}, union_by_name = true, hive_partitioning = false{filename})"


def _later_columns(record: type | None) -> list[dataclasses.Field[Any]]:
    """The columns that were added since there are lakes: parts of before lack them, and maybe all parts do."""
    return [f for f in dataclasses.fields(record) if f.default is not MISSING] if record is not None else []


def _with_defaults(nothing: str, rows: str, later: Sequence[dataclasses.Field[Any]]) -> str:
    """SQL of rows whose later columns have their defaults where a part is of before they came.

    The table without rows stands first, so that columns have their order whatever parts hold: a view that is made
    already must not change when the first part with a new column comes.
    """
    if not later:
        return rows
    both = f"(FROM {nothing} UNION ALL BY NAME FROM {rows})"
    filled = ", ".join(f"coalesce({f.name}, {_text(f.default)}) AS {f.name}" for f in later if f.default is not None)
    return f"(SELECT * REPLACE ({filled}) FROM {both})" if filled else both


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


def _any_file(pattern: Path) -> bool:
    """Whether a file fits the pattern, whose only star stands for a part's folder."""
    if pattern.parent.name != "*":
        return pattern.exists()
    return next(pattern.parent.parent.glob(f"*/{pattern.name}"), None) is not None


def _text(value: object) -> str:
    """A literal of SQL: a path, or a fingerprint that a received lake's decision.json may give as anything."""
    return "'" + str(value).replace("'", "''") + "'"


def _empty(record: type, with_filename: bool = False) -> pa.Table:
    """No rows, in types that DuckDB reads from Arrow: it has no 16-bit floats there, and reads them as 32-bit ones."""
    half, single = pa.list_(pa.float16()), pa.list_(pa.float32())
    schema = schemas.arrow_schema(record)
    fields = [f.with_type(single) if f.type == half else f for f in schema]
    filename = [pa.field("filename", pa.string())] if with_filename else []
    return pa.schema(fields + filename).empty_table()


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
