"""One video through every measurement and verdict, in a lake that is thrown away."""

import csv
import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.table import Table

import schemas
from h2a_curation.catalog.views import Catalog
from h2a_curation.executors.inline import run_inline
from h2a_curation.foundation.atomic_files import scratch
from h2a_curation.lake import lake as lakes
from h2a_curation.lake import parts
from h2a_curation.pipeline import build
from h2a_curation.pipeline import part as work
from h2a_curation.recipes import Recipe
from h2a_curation.sources.rules import SourceRules
from h2a_curation.sources.table import local_path
from h2a_curation.taxonomy.load import class_named

_BEST = 5


def trial(video: str, recipe: Recipe, class_id: str | None = None) -> Iterator[Table]:
    """Tables of what was measured, how the frames score, and every verdict for `class_id`; without one, the verdict
    of each class that decided. ValueError for a class or a file that is not there, OSError for a URL that gave none.
    """
    if class_id is not None:
        class_named(class_id, recipe.action_classes)
    with scratch(prefix="h2a-try-") as folder:
        steps = build.Steps(_job(folder, _address(video), recipe))
        facts = steps.facts
        steps.do("fetch", _listed(steps.job, video))
        yield _pairs("media", facts.query("SELECT outcome, detail, num_bytes, num_tries FROM media"))
        [came] = facts.query("SELECT outcome, detail FROM media").to_pylist()
        if came["outcome"] != "ok":
            raise OSError(f"{video} gave no file: {came['outcome']}: {came['detail']}")
        with suppress(build.NothingKeptError):  # then the tables show why
            build.measure(steps)
        decided = facts.decided(build.decide(steps))
        for table in ("probe", "clip"):
            yield _pairs(table, decided.query(f"SELECT * EXCLUDE (media_id, model) FROM {table}"))
        yield _rows("signals", decided, "SELECT signal, value FROM sighting ORDER BY signal")
        yield _rows(
            "best classes",
            decided,
            f"SELECT * EXCLUDE clip_id FROM score ORDER BY probability DESC, class_id LIMIT {_BEST}",
        )
        yield _rows(
            "verdicts",
            decided,
            f"""SELECT class_id, stage, keep, reason, value, threshold
                FROM (SELECT *, list_position({list(schemas.STAGES)}, stage) AS place FROM verdict)
                LEFT JOIN (SELECT class_id, probability FROM score) USING (class_id)
                WHERE $class_id IS NULL OR class_id = $class_id
                QUALIFY $class_id IS NOT NULL OR place = max(place) OVER (PARTITION BY class_id)
                ORDER BY max(place) OVER (PARTITION BY class_id) DESC, probability DESC, class_id, place""",
            {"class_id": class_id},
        )


def _job(folder: Path, url: str, recipe: Recipe) -> build.Job:
    """The recipe on a table of this one video."""
    table = folder / "one.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["url"], [url]])
    source = _downloads(recipe.source, table)
    permissions = recipe.permissions
    if (video := local_path(url)) is not None:  # the command line names it, so it may lie anywhere
        permissions = dataclasses.replace(permissions, files_from=video.parent)
    recipe = dataclasses.replace(recipe, source=source, permissions=permissions)
    lake = lakes.create(folder / "lake", hides_people=False)  # it is gone at the end
    return build.Job(lake=lake, recipe=recipe, run=run_inline, progress=_silent, models=work.models_of(recipe))


def _downloads(given: SourceRules, table: Path) -> SourceRules:
    """The recipe's way to files, for what stands in the table."""
    fetching = given.fetch_with or given
    return SourceRules(
        kind="table", name="try", file=table, min_interval_s=fetching.min_interval_s,
        max_per_host=fetching.max_per_host, extractor_args=fetching.extractor_args, options=fetching.options,
        honour_opt_out=given.honour_opt_out and fetching.honour_opt_out, opt_out=given.opt_out or fetching.opt_out,
    )  # fmt: skip


def _listed(job: build.Job, video: str) -> list[str]:
    """The one post as a fact, listed under a tag of each class, so that each class judges it; returns its id."""
    source = work.source_of(job.recipe)
    source.check()
    posts = source.search("", "").posts
    if not posts:
        raise ValueError(f"{video}: who made it asks to be left alone: it is on the list {job.recipe.source.opt_out}")
    tags = sorted({next(iter(c.seed_hashtags)) for c in job.recipe.action_classes})
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
    return [post.post_id for post in posts]


def _address(video: str) -> str:
    """A URL as it is, a file by its whole path."""
    path = Path(video)
    if path.is_file():
        return str(path.resolve())
    if "://" not in video:
        raise ValueError(f"{video}: there is no such file: give a video file, or a URL with its https://")
    return video


def _silent(_step: str, _done: int, _total: int) -> None:
    return None


def _pairs(title: str, table: Any) -> Table:
    """One row of facts, a line a column."""
    shown = Table(title, "", box=None)
    for row in table.to_pylist() or [{"none": None}]:
        for name, value in row.items():
            shown.add_row(name, _text(value))
    return shown


def _rows(title: str, decided: Catalog, sql: str, params: Mapping[str, object] | None = None) -> Table:
    rows = decided.query(sql, params=params).to_pylist()
    shown = Table(*(rows[0] if rows else ["none"]), title=title, title_justify="left", box=None, min_width=len(title))
    for row in rows:
        shown.add_row(*(_text(value) for value in row.values()))
    return shown


def _text(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
