"""What is measured and decided on real clips, held against what people saw in them.

    python -m bench.real_clips ../shared/clips_field
    python -m bench.real_clips FOLDER --unjudged new_cuts.csv --files

The folder has a truth.csv and a cuts.csv (`bench/real_clips_truth.py` says which columns). Each file goes the product's
own way: probe, longest scene, clip, look, signals, and the default rules for clips. A cut counts as found within the
tolerance of a judged one. Cuts that are found and that nobody has judged are counted by themselves, and written to a
file in the form of cuts.csv: look at them, and add them to it.
"""

import argparse
import csv
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
from rich.console import Console
from rich.table import Table

from bench import report
from bench.real_clips_rules import Outcome, outcomes, sensors_missing
from bench.real_clips_truth import Compared, Judged, compare, read_cuts, read_truth
from bench.report import Figure
from h2a_curation.measure.cut import CutRules
from h2a_curation.video.scenes import cut_times_s

UNJUDGED = report.ROOT / "build" / "bench" / "unjudged_cuts.csv"
PERSON, MOTION = "no_person", "still"
"""The reasons of the two rules that are asked by themselves."""
RULES = {PERSON: "person_rule", MOTION: "motion_rule", "all": "all_rules"}
"""What is asked of each kind of clip, as the table has it."""
GOALS = {"person": ">= 0.95", "no person": "<= 0.15", "hands": ">= 0.8"}
"""The share that the person rule is to keep of all files whose kinds are, or begin with, these words."""


def main() -> int:
    """Exit status 1 where a goal fails, 2 where a table cannot be read."""
    given = _options()
    try:
        files = read_truth(given.folder)
        judged = read_cuts(given.folder, [seen.file for seen in files])
        cuts = sum((_cuts(given.folder, seen.file, judged, given.tolerance) for seen in files), Compared())
        with tempfile.TemporaryDirectory(prefix="h2a-bench-") as scratch:
            found = outcomes(given.folder, files, Path(scratch), [PERSON, MOTION])
            missing = sensors_missing(Path(scratch))
    except ValueError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    say = Console(stderr=given.json)
    if missing:
        say.print(f"No person can be seen here, so the person rule is left out: {missing}")
    if given.files:
        say.print(_by_file(found, cuts))
    if cuts.unjudged:
        _write_unjudged(given.unjudged, cuts)
        say.print(f"{len(cuts.unjudged)} cuts that nobody has judged are in {given.unjudged}")
    return report.finish("real_clips", figures(cuts, judged, found, sees_persons=not missing), given)


def _options() -> argparse.Namespace:
    parser = report.options(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, help="the clips, with truth.csv and cuts.csv")
    parser.add_argument("--tolerance", type=float, default=0.2, help="seconds from a judged cut (0.2)")
    parser.add_argument("--unjudged", type=Path, default=UNJUDGED, help="the file for new cuts")
    parser.add_argument("--files", action="store_true", help="print what became of each file")
    return parser.parse_args()


def _cuts(folder: Path, file: str, judged: Sequence[Judged], tolerance_s: float) -> Compared:
    try:
        found_s = cut_times_s(str(folder / file), CutRules())
    except av.FFmpegError:  # the probe says what is wrong with it
        found_s = []
    return compare(file, found_s, judged, tolerance_s)


def figures(
    cuts: Compared, judged: Sequence[Judged], found: Sequence[Outcome], *, sees_persons: bool = True
) -> list[Figure]:
    """The rows of the table."""
    return [*_of_cuts(cuts, judged), *_of_probes(found), *_of_rules(found, sees_persons=sees_persons)]


def _of_cuts(cuts: Compared, judged: Sequence[Judged]) -> Iterator[Figure]:
    counts = {"true": cuts.true, "false": cuts.false, "missed": len(cuts.missed), "unjudged": len(cuts.unjudged)}
    for name, number in counts.items():
        yield Figure(name=f"cuts_{name}", value=number, unit="cuts")
    if cuts.true + cuts.false:
        yield Figure(name="cut_precision", value=cuts.true / (cuts.true + cuts.false), unit="", goal=">= 0.92")
    if real := [place for place in judged if place.is_cut]:
        before = sum(not place.was_missed for place in real) / len(real)
        yield Figure(name="cut_recall", value=cuts.true / len(real), unit="", goal=f">= {_floored(before)}")


def _floored(share: float) -> float:
    """Rounded so that a share meets itself as a goal."""
    return math.floor(share * 1e4) / 1e4


def _of_probes(found: Sequence[Outcome]) -> Iterator[Figure]:
    for name in sorted({one.probe for one in found}):
        yield Figure(name=f"probe_{name}", value=sum(one.probe == name for one in found), unit="files")
    unsound = sum(one.probe != "ok" for one in found)
    yield Figure(name="sound_files_rejected", value=unsound, unit="files", goal="== 0")


def _of_rules(found: Sequence[Outcome], *, sees_persons: bool) -> Iterator[Figure]:
    """Shares by kind. Of files without a clip, only all rules together say something: they reject them."""
    for kind in sorted({one.kind for one in found}):
        those = [one for one in found if one.kind == kind]
        yield Figure(name=_slug(kind), value=len(those), unit="files")
        for reason, name in RULES.items():
            asked = [one.keeps[reason] for one in those if reason in one.keeps]
            if asked and (sees_persons or reason != PERSON):
                yield Figure(name=f"{_slug(kind)}.{name}", value=sum(asked) / len(asked), unit="")
    for words, goal in GOALS.items():
        asked = [one.keeps[PERSON] for one in found if PERSON in one.keeps and _is_of(one.kind, words)]
        if asked and sees_persons:
            yield Figure(name=f"all {words}: {RULES[PERSON]}", value=sum(asked) / len(asked), unit="", goal=goal)


def _is_of(kind: str, words: str) -> bool:
    return kind == words or kind.startswith(f"{words},")


def _slug(kind: str) -> str:
    """A kind's name in the table, without what stands after a colon."""
    return "_".join("".join(c if c.isalnum() else " " for c in kind.partition(":")[0].lower()).split())


def _by_file(found: Sequence[Outcome], cuts: Compared) -> Table:
    table = Table(title="what became of each file")
    for column in ("file", "kind", "probe", "default rules", "cuts missed at", "cuts unjudged at"):
        table.add_column(column)
    for one in found:
        places = [" ".join(f"{t:.3f}" for f, t in of if f == one.file) for of in (cuts.missed, cuts.unjudged)]
        table.add_row(one.file, _slug(one.kind), f"{one.probe} {one.detail}".strip(), one.reason, *places)
    return table


def _write_unjudged(file: Path, cuts: Compared) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as opened:
        rows = [(name, f"{time_s:.3f}", "") for name, time_s in cuts.unjudged]
        csv.writer(opened, lineterminator="\n").writerows([("file", "seconds", "true cut"), *rows])


if __name__ == "__main__":
    sys.exit(main())
