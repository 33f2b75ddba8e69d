"""`h2a sql` and `h2a verify`: questions to a lake."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from h2a_curation.cli.options import (
    DecisionOption,
    Format,
    FormatOption,
    LakeOption,
    OutOption,
    refuse_parquet_on_terminal,
    write_rows,
)
from h2a_curation.foundation.terminal import say

if TYPE_CHECKING:
    from h2a_curation.lake.lake import Lake


def sql(
    query: Annotated[str, typer.Argument(help="SQL on the views; `h2a sql 'SHOW TABLES'` names them.")],
    lake: LakeOption = None,
    recipe: DecisionOption = None,
    form: FormatOption = Format.TABLE,
    out: OutOption = None,
) -> None:
    """Ask the catalog: every fact, verdict and selected clip is a row."""
    from h2a_curation.catalog import render
    from h2a_curation.catalog.views import connect
    from h2a_curation.lake import decisions
    from h2a_curation.lake.lake import find

    refuse_parquet_on_terminal(form, out)
    found = find(lake)
    decision = decision_of(found, recipe)
    models = decisions.about(decision)["models"] if decision else None
    catalog = connect(found.path, models=models, decision=decision)
    table = render.answer(catalog, query)
    fits = shutil.get_terminal_size().columns if sys.stdout.isatty() and out is None else None
    write_rows(table, form, out, fits)


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


def needed_decision(lake: "Lake", recipe: str | None) -> Path:
    """The decision that `decision_of` finds; ValueError where the lake has none."""
    decision = decision_of(lake, recipe)
    if decision is None:
        raise ValueError(f"{lake.path} holds no decision yet: run `h2a build` or `h2a decide` first")
    return decision


def verify(version: Annotated[str, typer.Argument(help="A version's name.")], lake: LakeOption = None) -> None:
    """Hash a version's files and shards again and say what is not as it was published."""
    from h2a_curation.lake.lake import find
    from h2a_curation.publish.version import verify as problems_of

    problems = problems_of(find(lake).path, version)
    for problem in problems:
        say(problem)
    if problems:
        raise typer.Exit(1)
    say(f"{version}: every file and shard is as it was published")
