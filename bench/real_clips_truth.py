"""What people saw in a folder of real clips: `truth.csv` says what each file shows, `cuts.csv` which cuts are real.

truth.csv has a row a file with the columns `file` and `what is seen`; cuts.csv a row a cut with `file`, `seconds` (from
the first frame) and `true cut` (`yes` or `no`). A row of a cut that the detector of November 2026 did not find says
`yes` in a further column `missed`; without that column it found all. Other columns are for the reader.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One file, and what a person says that it shows."""

    file: str
    """Path within the folder."""
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One place of a file where a detector or a person saw a cut, and whether there is one."""

    file: str
    time_s: float
    is_cut: bool
    was_missed: bool
    """Whether the detector of November 2026 did not find it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The cuts that were found in one or more files, held against the judged ones."""

    true: int = 0
    false: int = 0
    missed: tuple[tuple[str, float], ...] = ()
    """File and seconds of each real cut that was not found."""
    unjudged: tuple[tuple[str, float], ...] = ()
    """File and seconds of what was found and nobody judged."""

    def __add__(self, other: "Compared") -> "Compared":
        return Compared(
            true=self.true + other.true,
            false=self.false + other.false,
            missed=self.missed + other.missed,
            unjudged=self.unjudged + other.unjudged,
        )


def read_truth(folder: Path) -> list[Seen]:
    """What is seen in each file. ValueError names the line that cannot be used."""
    rows = []
    for place, row in _rows(folder / "truth.csv", "file", "what is seen"):
        if not (folder / row["file"]).is_file():
            raise ValueError(
                f"{place}: there is no file '{row['file']}' in {folder}: remove the row, or bring the file"
            )
        rows.append(Seen(file=row["file"], kind=row["what is seen"]))
    if not rows:
        raise ValueError(f"{folder / 'truth.csv'} names no file: give each file of the folder a row")
    return rows


def read_cuts(folder: Path, files: Iterable[str]) -> list[Judged]:
    """The judged cuts of these files. ValueError names the line that cannot be used."""
    known, rows = {*files}, []
    for place, row in _rows(folder / "cuts.csv", "file", "seconds", "true cut"):
        if row["file"] not in known:
            raise ValueError(f"{place}: '{row['file']}' is not in truth.csv: give it a row there")
        missed = row.get("missed") or "no"
        if {row["true cut"], missed} - {"yes", "no"}:
            raise ValueError(f"{place}: `true cut` and `missed` are yes or no")
        try:
            time_s = float(row["seconds"])
        except ValueError:
            raise ValueError(f"{place}: `seconds` is a number, not '{row['seconds']}'") from None
        rows.append(
            Judged(file=row["file"], time_s=time_s, is_cut=row["true cut"] == "yes", was_missed=missed == "yes")
        )
    return rows


def _rows(table: Path, *columns: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row with its place in the file, for an error's reader."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened)
            if absent := [column for column in columns if column not in (reader.fieldnames or ())]:
                raise ValueError(f"{table}:1: no column '{absent[0]}': it needs {', '.join(columns)}")
            for row in reader:
                yield f"{table}:{reader.line_num}", {name: (value or "").strip() for name, value in row.items() if name}
    except FileNotFoundError:
        raise ValueError(f"there is no {table}: write one with the columns {', '.join(columns)}") from None


def compare(file: str, found_s: Iterable[float], judged: Iterable[Judged], tolerance_s: float) -> Compared:
    """Match each found cut of a file with at most one judged place, the nearest pairs first.

    >>> judged = [Judged(file="a", time_s=2.0, is_cut=True, was_missed=False)]
    >>> compare("a", [1.95, 7.0], judged, 0.2)
    Compared(true=1, false=0, missed=(), unjudged=(('a', 7.0),))
    """
    found, places = list(found_s), [place for place in judged if place.file == file]
    pairs = sorted(
        (abs(time_s - place.time_s), f, p) for f, time_s in enumerate(found) for p, place in enumerate(places)
    )
    of_found: dict[int, int] = {}
    for apart_s, f, p in sorted(pairs):
        if apart_s <= tolerance_s and f not in of_found and p not in of_found.values():
            of_found[f] = p
    matched = [places[p].is_cut for p in of_found.values()]
    return Compared(
        true=sum(matched),
        false=len(matched) - sum(matched),
        missed=tuple(
            (file, place.time_s) for p, place in enumerate(places) if place.is_cut and p not in of_found.values()
        ),
        unjudged=tuple((file, time_s) for f, time_s in enumerate(found) if f not in of_found),
    )
