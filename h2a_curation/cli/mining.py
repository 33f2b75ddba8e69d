"""`h2a mine`, `h2a tags` and `h2a explain tag`: rounds of mining, and why each hashtag got what it got."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from h2a_curation.acquire.permissions import Permissions
from h2a_curation.cli.options import (
    ClassesOption,
    Format,
    FormatOption,
    LakeOption,
    LeaveOutRisksOption,
    NewLakeOption,
    OutOption,
    OwnRecipeOption,
    RoundsOption,
    SetOption,
    WorkersOption,
    refuse_parquet_on_terminal,
    with_options_of,
    write_rows,
)
from h2a_curation.foundation.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from h2a_curation.explain.tag_history import Mined, TagHistory

explain = typer.Typer(help="Why something is as it is.", no_args_is_help=True)


@with_options_of(permissions=Permissions)
def mine(
    lake: NewLakeOption,
    recipe: OwnRecipeOption = None,
    rounds: RoundsOption = None,
    classes: ClassesOption = None,
    leave_out_risks: LeaveOutRisksOption = None,
    settings: SetOption = None,
    workers: WorkersOption = 0,
    *,
    permissions: Permissions,
) -> None:
    """Rounds of mining, their files and measurements; no version is made. The same command after a kill goes on."""
    from h2a_curation.cli.panel import show_left_out, show_mined, show_taken
    from h2a_curation.jobs import choice
    from h2a_curation.jobs.build import mine as run
    from h2a_curation.pipeline.rounds.schedule import parse_rounds

    wanted = None if rounds is None else parse_rounds(rounds)
    said = choice.Choice.said(recipe=recipe, classes=classes, leave_out_risks=leave_out_risks, settings=settings)
    taken = choice.at(lake, said)
    chosen = taken.load(permissions)
    show_taken(said, taken)
    show_left_out(chosen)
    rounds_done = run(lake, chosen, choice=taken, workers=workers, rounds=wanted)
    show_mined(rounds_done, lake)


def tags(
    lake: LakeOption = None,
    class_id: Annotated[
        str | None, typer.Option("--class", help="Only tags that speak for it, each with its history.")
    ] = None,
    recipe: OwnRecipeOption = None,
    classes: ClassesOption = None,
    leave_out_risks: LeaveOutRisksOption = None,
    form: FormatOption = Format.TABLE,
    out: OutOption = None,
) -> None:
    """Every hashtag that may be mined: its state, what it cost, what it gave and what is believed of it.

    csv, json, parquet and a file named by --out have all numbers.
    """
    from h2a_curation.explain.tag_history import as_table, histories, of_class
    from h2a_curation.taxonomy.load import hint

    refuse_parquet_on_terminal(form, out)
    mined = _mined(lake, recipe, classes, leave_out_risks)
    found = histories(mined)
    if class_id is not None:
        if class_id not in {c.id for c in mined.recipe.action_classes}:
            known = hint(class_id, mined.recipe.action_classes)
            raise ValueError(f"recipe '{mined.recipe.name}' has no class '{class_id}'; {known}")
        found = of_class(found, class_id)
    if form is Format.TABLE and out is None:
        _show(found, with_rounds=class_id is not None)
    else:
        write_rows(as_table(found, with_rounds=class_id is not None), form, out)


@explain.command("tag")
def explain_tag(
    tag: Annotated[str, typer.Argument(help="With or without its #, in any spelling.")],
    lake: LakeOption = None,
    recipe: OwnRecipeOption = None,
    classes: ClassesOption = None,
    leave_out_risks: LeaveOutRisksOption = None,
) -> None:
    """Why a hashtag was proposed, asked for, paused or left alone, in sentences with their numbers."""
    from h2a_curation.explain.tag_story import explain as sentences

    for line in sentences(_mined(lake, recipe, classes, leave_out_risks), tag):
        say(line)


@explain.callback()
def _group() -> None:
    """The group itself, which typer would leave out: it takes a group's only command for the group."""


def _mined(
    lake: Path | None, recipe: str | None, classes: Path | None, leave_out_risks: "Sequence[str] | None"
) -> "Mined":
    """The lake with the recipe that is named, else with that of its last build."""
    from h2a_curation.explain.tag_history import open_mined
    from h2a_curation.jobs.choice import Choice, of_lake
    from h2a_curation.lake.lake import find

    found = find(lake)
    said = Choice.said(recipe=recipe, classes=classes, leave_out_risks=leave_out_risks)
    return open_mined(found, of_lake(found, said).load())


def _show(found: "Sequence[TagHistory]", *, with_rounds: bool) -> None:
    from h2a_curation.cli.tag_panel import show_histories, show_tags

    if with_rounds:
        show_histories(found)
    else:
        show_tags(found)
