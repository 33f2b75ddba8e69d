"""`h2a mine`, `h2a tags` and `h2a explain tag`: rounds of mining, and why each hashtag got what it got."""

import enum
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from h2a_curation.tag_history import Mined, TagHistory

LakePath = Annotated[
    Path | None, typer.Option("--lake", help="Default: $H2A_LAKE, else the nearest folder with a lake.json.")
]
RecipeName = Annotated[
    str | None, typer.Option(help="A recipe's name or file; default: that of the lake's newest decision.")
]
ClassFile = Annotated[Path | None, typer.Option("--classes", help="A class file or folder, in place of the recipe's.")]
LeaveOutRisks = Annotated[
    list[str] | None,
    typer.Option(
        help="Leave out classes with this risk flag, such as minors; may be given again, adds to the recipe's."
    ),
]
Rounds = Annotated[
    str | None,
    typer.Option(help="+N: N rounds more than are done; N: as many in all; default: what the recipe leaves."),
]

explain = typer.Typer(help="Why something is as it is.", no_args_is_help=True)


class Format(enum.StrEnum):
    """How `h2a tags` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def mine(
    lake: Annotated[Path, typer.Option(help="The lake's folder; made where there is none.")],
    recipe: Annotated[str, typer.Option(help="A recipe's name or file.")],
    rounds: Rounds = None,
    classes: ClassFile = None,
    leave_out_risks: LeaveOutRisks = None,
    workers: Annotated[int, typer.Option(help="Processes that compute; 0: one a core.")] = 0,
) -> None:
    """Rounds of mining, their files and measurements; no version is made. The same command after a kill goes on."""
    from h2a_curation.cli.panel import show_left_out, show_mined
    from h2a_curation.job import mine as run
    from h2a_curation.recipes import load
    from h2a_curation.rounds.asked import wish

    wanted = None if rounds is None else wish(rounds)
    chosen = load(recipe, classes=classes, leave_out_risks=leave_out_risks or ())
    show_left_out(chosen)
    rounds_done = run(lake, chosen, workers=workers, rounds=wanted)
    show_mined(rounds_done, lake, recipe)


def tags(
    lake: LakePath = None,
    class_id: Annotated[
        str | None, typer.Option("--class", help="Only tags that speak for it, each with its history.")
    ] = None,
    recipe: RecipeName = None,
    classes: ClassFile = None,
    leave_out_risks: LeaveOutRisks = None,
    format: Annotated[Format, typer.Option(help="csv and json give all numbers.")] = Format.TABLE,
) -> None:
    """Every hashtag that may be mined: its state, what it cost, what it gave and what is believed of it."""
    from h2a_curation.catalog import render
    from h2a_curation.tag_history import as_table, histories, of_class
    from h2a_curation.taxonomy.load import hint

    mined = _mined(lake, recipe, classes, leave_out_risks)
    found = histories(mined)
    if class_id is not None:
        if class_id not in {c.id for c in mined.recipe.action_classes}:
            known = hint(class_id, mined.recipe.action_classes)
            raise ValueError(f"recipe '{mined.recipe.name}' has no class '{class_id}'; {known}")
        found = of_class(found, class_id)
    if format is Format.TABLE:
        _show(found, with_rounds=class_id is not None)
    else:
        sys.stdout.buffer.write(render.as_bytes(as_table(found, with_rounds=class_id is not None), format.value))
        sys.stdout.flush()


@explain.command("tag")
def explain_tag(
    tag: Annotated[str, typer.Argument(help="With or without its #, in any spelling.")],
    lake: LakePath = None,
    recipe: RecipeName = None,
    classes: ClassFile = None,
    leave_out_risks: LeaveOutRisks = None,
) -> None:
    """Why a hashtag was proposed, asked for, paused or left alone, in sentences with their numbers."""
    from h2a_curation.tag_story import explain as sentences

    for line in sentences(_mined(lake, recipe, classes, leave_out_risks), tag):
        typer.echo(line)


@explain.callback()
def _group() -> None:
    """Without it typer would take the group's only command for the group."""


def _mined(
    lake: Path | None, recipe: str | None, classes: Path | None, leave_out_risks: "Sequence[str] | None"
) -> "Mined":
    """The lake with the recipe that is named, else with that of its newest decision, where that ships."""
    from h2a_curation.catalog import decisions
    from h2a_curation.catalog.lake import find
    from h2a_curation.recipes import load, names
    from h2a_curation.tag_history import open_mined

    found = find(lake)
    if recipe is None:
        newest = decisions.newest(found.path)
        if newest is None:
            raise ValueError(f"{found.path} holds no decision yet: name the recipe that mines it with --recipe")
        recipe = str(decisions.about(newest)["recipe"])
        if recipe not in names():
            raise ValueError(f"recipe '{recipe}' decided this lake and does not ship: name its file with --recipe")
    return open_mined(found, load(recipe, classes=classes, leave_out_risks=leave_out_risks or ()))


def _show(found: "Sequence[TagHistory]", *, with_rounds: bool) -> None:
    from h2a_curation.cli.tag_panel import show_histories, show_tags

    if with_rounds:
        show_histories(found)
    else:
        show_tags(found)
