"""Precision and recall of the quickstart on several worlds, and what the default world asks of the method.

`python -m bench.quickstart` runs `h2a quickstart` on the default seed, shows on its rendered files that every part of
the method is needed, and builds three worlds of seeds drawn afresh.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench import hardness, report
from bench.report import Figure
from h2a_curation import recipes
from h2a_curation.sample_world.world.score import TruthScore

DEFAULT_SEED = 0


def main() -> int:
    """Exit status 1 where a goal fails."""
    parser = report.options(__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", help="worlds beside the default one; else three drawn afresh")
    parser.add_argument("--scores-only", action="store_true", help="leave out the rows that show how hard the world is")
    given = parser.parse_args()
    seeds = random.SystemRandom().sample(range(1, 10_000), 3) if given.seeds is None else given.seeds
    work = report.ROOT / "build" / "bench" / "quickstart"
    shutil.rmtree(work, ignore_errors=True)
    os.environ["XDG_CACHE_HOME"] = str(work / "cache")  # so that rendering is in the time

    seconds = whole_job(work / "default", "--seed", str(DEFAULT_SEED))
    found = hardness.scored(work / "default" / "lake", work / "default" / "truth.json", recipes.load("sample"))
    figures = [
        Figure(name="default_s", value=seconds, unit="s", goal="<= 420"),
        Figure(name="default_pretraining_s", value=pretraining_s(work / "default"), unit="s", goal="<= 60"),
        Figure(name="mini_s", value=rendered_mini(work), unit="s", goal="<= 25"),
        *scores(f"seed_{DEFAULT_SEED}", found),
    ]
    if not given.scores_only:
        figures += hardness.figures(work, work / "default" / "lake", work / "default" / "truth.json", found)
    for seed in seeds:
        figures += scores(f"seed_{seed}", hardness.built(work / str(seed), hardness.recipe(seed)))
    return report.finish("quickstart", figures, given)


def whole_job(out: Path, *options: str) -> float:
    """Seconds of the command as a user runs it, installed."""
    start_s = time.monotonic()
    command = [str(Path(sys.executable).with_name("h2a")), "quickstart", "--out", str(out), *options]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return time.monotonic() - start_s


def pretraining_s(out: Path) -> float:
    """Seconds of a finished job's pretraining."""
    seconds: float = json.loads((out / "summary.json").read_text(encoding="utf-8"))["seconds"]["pretrain"]
    return seconds


def rendered_mini(work: Path) -> float:
    """Seconds of the smallest world end to end, when another run has rendered its files."""
    options = ("--recipe", "sample-mini", "--preset", "micro")
    whole_job(work / "mini-first", *options)
    return whole_job(work / "mini", *options)


def scores(name: str, found: TruthScore) -> list[Figure]:
    """The two figures of one world."""
    return [
        Figure(name=f"{name}_precision", value=found.precision, unit="", goal=">= 0.95"),
        Figure(name=f"{name}_recall", value=found.recall, unit="", goal=">= 0.80"),
    ]


if __name__ == "__main__":
    sys.exit(main())
