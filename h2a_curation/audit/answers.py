"""Import a filled-in sheet as Label rows: all of its answers, or none if a line is wrong."""

import csv
import io
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import schemas
from h2a_curation.catalog.views import connect
from h2a_curation.foundation.csv_text import cell_text
from h2a_curation.lake import parts
from schemas import Label

YES = frozenset({"yes", "y", "true", "1", "x"})
NO = frozenset({"no", "n", "false", "0"})
UNSURE = frozenset({"", "?", "unsure"})
NEEDED = ("post_id", "class_id", "shows")
"""Columns that a sheet must have; it may have others."""
_MAX_FAULTS_SHOWN = 5
"""Wrong lines that an error names: enough to see what is wrong, and an error that fits on a screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Counts of what a sheet added."""

    num_answers: int
    """Rows of the sheet with a yes or a no."""
    num_new: int
    """Answers to questions that had none in the lake."""
    num_changed: int
    """Answers that contradict the newest one in the lake: they count from now on."""
    num_unsure: int
    """Rows of the sheet without an answer."""


def import_answers(
    file: Path, lake: Path, class_ids: Collection[str], *, labeller: str, now: Callable[[], datetime]
) -> Imported:
    """Add the answers that the lake does not have, in one commit; ValueError names each line that is wrong."""
    name = labeller.strip()
    if not name:
        raise ValueError("--labeller must name who gave the answers, by a name or a pseudonym")
    facts = connect(lake)
    post_ids = set(facts.query("SELECT post_id FROM post")["post_id"].to_pylist())
    answers, num_unsure = read_answers(file, post_ids, class_ids)
    in_lake = {(row.post_id, row.class_id): row for row in schemas.from_arrow(Label, facts.query("FROM label"))}
    news = {pair: shows for pair, shows in answers.items() if pair not in in_lake or in_lake[pair].shows != shows}
    # The newest answer counts. So a changed one must be younger than the one before, also where clocks disagree.
    former = [in_lake[pair].labelled_at for pair in news if pair in in_lake]
    labelled_at = max([now(), *(at + timedelta(microseconds=1) for at in former)])
    rows = [
        Label(post_id=post_id, class_id=class_id, shows=shows, labeller=name, labelled_at=labelled_at)
        for (post_id, class_id), shows in sorted(news.items())
    ]
    if rows:
        keys = [f"{row.post_id} {row.class_id} {row.shows}" for row in rows]
        part = parts.part_name("label", f"{name} {labelled_at.isoformat()}", keys)
        parts.commit(lake, "label", part, {"label": schemas.to_arrow(Label, rows)})
    num_changed = len(former)
    return Imported(
        num_answers=len(answers), num_new=len(news) - num_changed, num_changed=num_changed, num_unsure=num_unsure
    )


def read_answers(
    file: Path, post_ids: Collection[str], class_ids: Collection[str]
) -> tuple[dict[tuple[str, str], bool], int]:
    """Answers by post and class, and the number of rows without an answer. ValueError names each line that is wrong."""
    answers: dict[tuple[str, str], bool] = {}
    faults: list[str] = []
    num_unsure = 0
    for line, row in _rows(file):
        post_id, class_id, said = (row[name] for name in NEEDED)
        word = said.lower()
        pair = post_id, class_id
        if post_id not in post_ids:
            faults.append(f"line {line}: the lake has no post '{post_id}'")
        elif class_id not in class_ids:
            faults.append(f"line {line}: the decision has no class '{class_id}'")
        elif word in UNSURE:
            num_unsure += 1
        elif word not in YES | NO:
            faults.append(f"line {line}: shows is yes, no, or empty where you are not sure, not '{said}'")
        elif answers.setdefault(pair, word in YES) != (word in YES):
            faults.append(f"line {line}: another line says the contrary of {post_id} and {class_id}")
    if faults:
        more = f"; and {len(faults) - _MAX_FAULTS_SHOWN} more" if len(faults) > _MAX_FAULTS_SHOWN else ""
        raise ValueError(f"{file}: nothing was imported: {'; '.join(faults[:_MAX_FAULTS_SHOWN])}{more}")
    return answers, num_unsure


def _rows(file: Path) -> list[tuple[int, Mapping[str, str]]]:
    """Line number and stripped cells of each row that is not empty."""
    try:
        text = file.read_bytes().decode("utf-8-sig")  # a cell may hold a line's end of another kind
    except (FileNotFoundError, IsADirectoryError) as missing:
        raise ValueError(f"{file}: there is no such file") from missing
    except UnicodeDecodeError as broken:
        raise ValueError(f"{file}: not a CSV table in UTF-8: {broken}") from broken
    # Spreadsheets save with the separator of their language: the one that the header has most of is taken.
    head = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    rows: list[tuple[int, Mapping[str, str]]] = []
    try:
        names = [name.strip() for name in next(lines, [])]
        if missing_names := [name for name in NEEDED if name not in names]:
            raise ValueError(f"{file}: needs the column {missing_names[0]}; it has {', '.join(names) or 'none'}")
        for cells in lines:
            if any(cell.strip() for cell in cells):
                # Some spreadsheets leave out empty cells at the end of a line.
                padded = [*cells, *[""] * (len(names) - len(cells))]
                rows.append((lines.line_num, {n: cell_text(c.strip()) for n, c in zip(names, padded, strict=False)}))
    except csv.Error as broken:
        raise ValueError(f"{file}: line {lines.line_num}: not a CSV table: {broken}") from broken
    return rows
