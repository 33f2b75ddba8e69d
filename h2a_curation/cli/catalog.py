"""`h2a sql` and `h2a verify`: questions to a lake."""

import enum
import sys
from pathlib import Path
from typing import Annotated

import typer

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
    format: Annotated[Format, typer.Option(help="parquet needs --out or a redirect.")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of the terminal.")] = None,
) -> None:
    """Ask the catalog: every fact, verdict and selected clip is a row."""
    from h2a_curation.catalog import decisions, render
    from h2a_curation.catalog.lake import find
    from h2a_curation.catalog.views import connect

    found = find(lake)
    decision = decisions.newest(found.path, recipe)
    if recipe is not None and decision is None:
        raise ValueError(f"{found.path} holds no decision of a recipe '{recipe}'")
    models = decisions.about(decision)["models"] if decision else None
    catalog = connect(found.path, models=models, decision=decision)
    table = render.answer(catalog, query)
    content = render.as_bytes(table, format.value)
    if out is not None:
        out.write_bytes(content)
    elif format is Format.PARQUET and sys.stdout.isatty():
        raise ValueError("Parquet is not for a terminal: add --out FILE or redirect")
    else:
        sys.stdout.buffer.write(content)


def verify(version: Annotated[str, typer.Argument(help="A version's name.")], lake: LakePath = None) -> None:
    """Hash a version's files and shards again and say what is not as it was published."""
    from h2a_curation.catalog.lake import find
    from h2a_curation.publish.version import verify as problems_of

    problems = problems_of(find(lake).path, version)
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(1)
    typer.echo(f"{version}: every file and shard is as it was published")
