"""`h2a try` and `h2a trace`: why one video, or a list of known positives, is kept or lost."""

from pathlib import Path
from typing import Annotated

import typer

from h2a_curation.acquire.permissions import Permissions
from h2a_curation.cli.options import (
    ClassesOption,
    DecisionOption,
    LakeOption,
    LeaveOutRisksOption,
    ModelOption,
    PretrainedOption,
    RecipeOption,
    SetOption,
    with_options_of,
)


@with_options_of(permissions=Permissions)
def try_video(
    video: Annotated[str, typer.Argument(metavar="FILE_OR_URL")],
    class_id: Annotated[str | None, typer.Option("--class", help="Judge it for this class; default: for all.")] = None,
    recipe: RecipeOption = "table",
    classes: ClassesOption = None,
    leave_out_risks: LeaveOutRisksOption = None,
    model: ModelOption = None,
    pretrained: PretrainedOption = None,
    settings: SetOption = None,
    *,
    permissions: Permissions,
) -> None:
    """Print every measurement and verdict of one video. Nothing is kept."""
    from h2a_curation.explain.try_video import trial
    from h2a_curation.foundation.screen import screen
    from h2a_curation.jobs.choice import Choice

    console = screen()
    said = Choice.said(
        recipe=recipe, classes=classes, leave_out_risks=leave_out_risks, model=model, pretrained=pretrained,
        settings=settings,
    )  # fmt: skip
    for table in trial(video, said.load(permissions), class_id):
        console.print(table)


def trace(
    known_good: Annotated[Path, typer.Argument(help="CSV with columns class and url or post_id.")],
    lake: LakeOption = None,
    recipe: DecisionOption = None,
) -> None:
    """Say at which stage each known positive was lost: not listed, not fetched, rejected by what."""
    from rich.table import Table

    from h2a_curation.cli.catalog import needed_decision
    from h2a_curation.explain.trace import trace as trace_all
    from h2a_curation.foundation.screen import screen
    from h2a_curation.foundation.secret_text import hidden
    from h2a_curation.lake.lake import find

    found = find(lake)
    decision = needed_decision(found, recipe)
    table = Table("post", "class", "stage", "what happened", box=None)
    lost: dict[str, int] = {}
    for fate in trace_all(found, known_good, decision):
        table.add_row(hidden(fate.post), fate.class_id, fate.stage, fate.what)
        lost[fate.stage] = lost.get(fate.stage, 0) + 1
    console = screen()
    console.print(table)
    console.print(", ".join(f"{n} {stage}" for stage, n in sorted(lost.items(), key=lambda item: -item[1])))
