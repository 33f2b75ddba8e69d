"""`h2a try` and `h2a trace`: why one video, or a list of known positives, is kept or lost."""

from pathlib import Path
from typing import Annotated

import typer

from h2a_curation.cli.mining import LeaveOutRisks


def try_video(
    video: Annotated[str, typer.Argument(metavar="FILE_OR_URL")],
    class_id: Annotated[str | None, typer.Option("--class", help="Judge it for this class; default: for all.")] = None,
    recipe: Annotated[str, typer.Option(help="A recipe's name or file: its models and rules.")] = "table",
    classes: Annotated[Path | None, typer.Option("--classes", help="A class file or folder.")] = None,
    leave_out_risks: LeaveOutRisks = None,
    model: Annotated[str | None, typer.Option("--model", help="Any open_clip model name, or local-dir:FOLDER.")] = None,
    pretrained: Annotated[
        str | None, typer.Option("--pretrained", help="The model's tag, or a file of weights.")
    ] = None,
) -> None:
    """Print every measurement and verdict of one video. Nothing is kept."""
    from rich.console import Console

    from h2a_curation.cli.jobs import recipe_of
    from h2a_curation.trial import trial

    console = Console(markup=False, highlight=False)
    chosen = recipe_of(recipe, None, classes, [], model, pretrained, leave_out_risks)
    for table in trial(video, chosen, class_id):
        console.print(table)


def trace(
    known_good: Annotated[Path, typer.Argument(help="CSV with columns class and url or post_id.")],
    lake: Annotated[
        Path | None, typer.Option(help="Default: $H2A_LAKE, else the nearest folder with a lake.json.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Whose newest decision; default: the newest of all.")] = None,
) -> None:
    """Say at which stage each known positive was lost: not listed, not fetched, rejected by what."""
    from rich.console import Console
    from rich.table import Table

    from h2a_curation.catalog.lake import find
    from h2a_curation.cli.catalog import decision_of
    from h2a_curation.trace import trace as trace_all

    found = find(lake)
    decision = decision_of(found, recipe)
    if decision is None:
        raise ValueError(f"{found.path} holds no decision yet: run `h2a build` or `h2a decide` first")
    table = Table("post", "class", "stage", "what happened", box=None)
    lost: dict[str, int] = {}
    for fate in trace_all(found, known_good, decision):
        table.add_row(fate.post, fate.class_id, fate.stage, fate.what)
        lost[fate.stage] = lost.get(fate.stage, 0) + 1
    console = Console(markup=False, highlight=False)
    console.print(table)
    console.print(", ".join(f"{n} {stage}" for stage, n in sorted(lost.items(), key=lambda item: -item[1])))
