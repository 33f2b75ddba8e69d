"""`h2a audit`: what people say of drawn posts, and how precise and complete the newest decision is by it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from h2a_curation.cli.catalog import needed_decision
from h2a_curation.cli.options import DecisionOption, LakeOption
from h2a_curation.foundation.terminal import say

if TYPE_CHECKING:
    from h2a_curation.audit.estimate import Share
    from h2a_curation.audit.score import Scored
    from h2a_curation.catalog.views import Catalog
    from h2a_curation.lake.lake import Lake

app = typer.Typer(no_args_is_help=True, help="Measure precision and recall on posts that were drawn by lot.")


@app.command()
def sheet(
    out: Annotated[Path, typer.Option(help="The CSV file to fill in.")],
    lake: LakeOption = None,
    recipe: DecisionOption = None,
    again: Annotated[bool, typer.Option("--again", help="Ask what has an answer too, for a second person.")] = False,
) -> None:
    """Write the questions that have no answer yet: a drawn post, a class, and whether the video shows it."""
    from h2a_curation.audit.pairs import drawn_pairs
    from h2a_curation.audit.sheet import sheet as as_csv
    from h2a_curation.foundation.atomic_files import write_output
    from h2a_curation.lake import decisions
    from h2a_curation.lake.lake import find

    found = find(lake)
    decision = needed_decision(found, recipe)
    definitions = decisions.about(decision).get("classes", {})
    text, num_questions = as_csv(drawn_pairs(_opened(found, decision)), definitions, found.path, again=again)
    write_output(out, text.encode())
    say(f"{num_questions} questions in {out}: fill in `shows` with yes or no, then `h2a audit import {out}`")


@app.command("import")
def import_sheet(
    sheet: Annotated[Path, typer.Argument(help="The filled-in CSV file.")],
    labeller: Annotated[str, typer.Option(help="Who gave the answers: a name or a pseudonym.")],
    lake: LakeOption = None,
    recipe: DecisionOption = None,
) -> None:
    """Read yes, no (also y, n, 1, 0, true, false, x); an empty `shows` is no answer. All lines are read, or none."""
    from datetime import UTC, datetime

    from h2a_curation.audit.answers import import_answers
    from h2a_curation.lake import decisions
    from h2a_curation.lake.lake import find_to_write

    found = find_to_write(lake)
    decision = needed_decision(found, recipe)
    candidates = _opened(found, decision).query("SELECT DISTINCT class_id FROM candidate")["class_id"].to_pylist()
    class_ids = {*decisions.about(decision).get("classes", {}), *candidates}
    came = import_answers(sheet, found.path, class_ids, labeller=labeller, now=lambda: datetime.now(UTC))
    say(
        f"{came.num_answers} answers: {came.num_new} new, {came.num_changed} changed,"
        f" {came.num_answers - came.num_new - came.num_changed} known already; {came.num_unsure} rows without one"
    )


@app.command()
def score(lake: LakeOption = None, recipe: DecisionOption = None) -> None:
    """Precision and recall of the newest decision, over all and by class, each with its 95 % interval."""
    from rich.table import Column, Table

    from h2a_curation.audit.pairs import drawn_pairs
    from h2a_curation.audit.score import score as estimate
    from h2a_curation.foundation.screen import screen
    from h2a_curation.lake.lake import find

    found = find(lake)
    scored = estimate(drawn_pairs(_opened(found, needed_decision(found, recipe))))
    console = screen()
    if scored.num_pairs > scored.num_unlabelled:
        names = ("precision", "n", "recall", "n", "")
        table = Table("class", *(Column(name, no_wrap=True) for name in names), box=None)
        for row in scored.rows:
            if row.class_id is None or row.precision or row.recall:
                few = "too few labels" if row.is_thin else ""
                table.add_row(row.class_id or "all", *_cells(row.precision), *_cells(row.recall), few)
        console.print(table)
    for line in _notes(scored):
        say(line)


def _cells(share: "Share | None") -> tuple[str, str]:
    if share is None:
        return "-", "0"
    return f"{share.value:.2f} [{share.low:.2f}, {share.high:.2f}]", str(share.num)


def _notes(scored: "Scored") -> list[str]:
    """Lines that say what the figures rest on, and what is left to do."""
    if not scored.num_pairs:
        return ["no drawn post has a file: build with a recipe whose audit.share is above 0, and ask for a round more"]
    notes = []
    if silent := [row.class_id for row in scored.rows if row.class_id and not (row.precision or row.recall)]:
        notes.append(f"no drawn post was taken for or shows: {', '.join(silent)}")
    if scored.lost:
        parts = [f"{value:.1%} {said}" for said, value in scored.lost.items()]
        notes.append(f"of what shows its class, rejected: {', '.join(parts)}")
    if scored.num_unlabelled:
        notes.append(
            f"{scored.num_unlabelled} of {scored.num_pairs} questions have no answer: `h2a audit sheet` writes them"
        )
    if scored.num_undecided:
        notes.append(f"{scored.num_undecided} answers are of posts not decided yet: `h2a build` measures them")
    return notes


def _opened(lake: "Lake", decision: Path) -> "Catalog":
    from h2a_curation.catalog.views import connect
    from h2a_curation.lake import decisions

    return connect(lake.path, models=decisions.about(decision)["models"], decision=decision)
