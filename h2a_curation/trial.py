"""One video through every measurement and verdict, in a lake that is thrown away."""

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.table import Table

import schemas
from h2a_curation import build, work
from h2a_curation.catalog import lake as lakes
from h2a_curation.catalog import parts
from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.recipes import Recipe

_BEST = 5


def trial(video: str, recipe: Recipe, class_id: str | None = None) -> Iterator[Table]:
    """Tables of what was measured, how the frames score, and every verdict for `class_id`, or for all classes."""
    ids = [c.id for c in recipe.action_classes]
    if class_id is not None and class_id not in ids:
        raise ValueError(f"no class '{class_id}': `h2a classes list` shows all")
    with tempfile.TemporaryDirectory(prefix="h2a-try-") as folder:
        lake = lakes.create(Path(folder) / "lake")
        rows = Path(folder) / "one.csv"
        rows.write_text(f'url\n"{_absolute(video)}"\n', encoding="utf-8")
        source = dataclasses.replace(recipe.source, kind="table", name="try", file=rows, columns={}, world="")
        recipe = dataclasses.replace(recipe, source=source)
        job = build.Job(lake=lake, recipe=recipe, run=_here, progress=_silent, models=work.models_of(recipe))
        _list(job, [class_id] if class_id else ids)
        post_ids = connect(lake.path).query("SELECT post_id FROM post")["post_id"].to_pylist()
        list(_here(lake.path, recipe, [work.Part("fetch", tuple(post_ids))]))
        yield _facts(connect(lake.path), "media", "outcome, detail, num_bytes, num_tries")
        build.measure(job)
        decided = connect(lake.path, models=job.models)
        yield _facts(decided, "probe", "* EXCLUDE (media_id, model)")
        yield _facts(decided, "clip", "* EXCLUDE (media_id, model)")
        yield _listed(decided.query("SELECT signal, value FROM sighting ORDER BY signal").to_pylist(), "signals")
        path = build.decide(job)
        decided = connect(lake.path, models=job.models, decision=path)
        scores = decided.query(f"SELECT * EXCLUDE clip_id FROM score ORDER BY probability DESC LIMIT {_BEST}")
        yield _listed(scores.to_pylist(), "best classes")
        verdicts = decided.query(
            "SELECT class_id, stage, keep, reason, value, threshold FROM verdict ORDER BY class_id"
        )
        shown = [v for v in verdicts.to_pylist() if class_id in (None, v["class_id"])]
        yield _listed(shown, "verdicts")


def _list(job: build.Job, class_ids: list[str]) -> None:
    """The one post as a fact, listed under a tag of each class for which it is judged."""
    source = work.source_of(job.recipe)
    posts = source.search("", "").posts
    tags = [next(iter(c.seed_hashtags)) for c in job.recipe.action_classes if c.id in class_ids]
    hits = [
        schemas.Hit(source=source.name, tag=tag, cursor="", post_id=post.post_id, rank=0)
        for post in posts
        for tag in tags
    ]
    tables = {
        "post": schemas.to_arrow(schemas.Post, posts),
        "hit": schemas.to_arrow(schemas.Hit, hits),
    }
    parts.commit(job.lake.path, "mine", "one", tables)


def _absolute(video: str) -> str:
    path = Path(video)
    return str(path.resolve()) if path.exists() else video


def _here(lake: Path, recipe: Recipe, todo: Sequence[work.Part]) -> Iterator[int]:
    for part in todo:
        yield work.do_part(lake, recipe, part)


def _silent(_step: str, _done: int, _total: int) -> None:
    return None


def _facts(facts: Catalog, table: str, columns: str) -> Table:
    shown = Table(table, "", box=None)
    for row in facts.query(f"SELECT {columns} FROM {table}").to_pylist():
        for name, value in row.items():
            shown.add_row(name, _text(value))
    return shown


def _listed(rows: list[dict[str, object]], title: str) -> Table:
    shown = Table(*(rows[0] if rows else ["none"]), title=title, box=None, title_justify="left")
    for row in rows:
        shown.add_row(*(_text(v) for v in row.values()))
    return shown


def _text(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
