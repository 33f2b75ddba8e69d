"""`h2a sql` and `h2a verify`: questions to a lake."""

import enum
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from h2a_curation.lake.lake import Lake

LakePath = Annotated[
    Path | None, typer.Option("--lake", help="Default: $H2A_LAKE, else the nearest folder with a lake.json.")
]


class Format(enum.StrEnum):
    """How `h2a sql` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def sql(
    query: Annotated[str, typer.Argument(help="SQL on the views; `h2a sql 'SHOW TABLES'` names them.")],
    lake: LakePath = None,
    recipe: Annotated[
        str | None, typer.Option(help="Whose newest decision to show; default: the newest of all.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="parquet needs --out or a redirect.")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of the terminal.")] = None,
) -> None:
    """Ask the catalog: every fact, verdict and selected clip is a row."""
    from h2a_curation.catalog import render
    from h2a_curation.catalog.views import connect
    from h2a_curation.foundation.atomic_files import write_output
    from h2a_curation.lake import decisions
    from h2a_curation.lake.lake import find

    if form is Format.PARQUET and out is None and sys.stdout.isatty():
        raise ValueError("Parquet is not for a terminal: add --out FILE or redirect")
    found = find(lake)
    decision = decision_of(found, recipe)
    models = decisions.about(decision)["models"] if decision else None
    catalog = connect(found.path, models=models, decision=decision)
    table = render.answer(catalog, query)
    fits = shutil.get_terminal_size().columns if sys.stdout.isatty() and out is None else None
    content = render.as_bytes(table, form.value, fits)
    if out is not None:
        write_output(out, content)
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()


def decision_of(lake: "Lake", recipe: str | None) -> Path | None:
    """The newest decision of a recipe, which may be given by its file; without one, of all, where there is any."""
    from h2a_curation.lake import decisions

    if recipe is None:
        return decisions.newest(lake.path)
    name = Path(recipe).stem if recipe.endswith((".yaml", ".yml")) else recipe
    there = decisions.recipes(lake.path)
    if name not in there:
        raise ValueError(f"{lake.path} holds no decision of a recipe '{name}'; of these: {', '.join(there) or 'none'}")
    return decisions.newest(lake.path, name)


def verify(version: Annotated[str, typer.Argument(help="A version's name.")], lake: LakePath = None) -> None:
    """Hash a version's files and shards again and say what is not as it was published."""
    from h2a_curation.lake.lake import find
    from h2a_curation.publish.version import verify as problems_of

    problems = problems_of(find(lake).path, version)
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(1)
    typer.echo(f"{version}: every file and shard is as it was published")
