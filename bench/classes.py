"""How long reading and checking the 386 classes takes, beside PyYAML's own reader on the same files.

python -m bench.classes
"""

import statistics
import sys
import time
from collections.abc import Callable

import yaml

from bench import report
from bench.report import Figure
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.taxonomy.lint import lint
from h2a_curation.taxonomy.load import load_classes, read_files

FOLDER = data_folder() / "classes"
_TIMES = 5


def parse_alone() -> None:
    """What `yaml.safe_load` takes, with nothing checked."""
    for file in sorted(FOLDER.glob("*.yaml")):
        yaml.safe_load(file.read_text(encoding="utf-8"))


def check_all() -> None:
    """Read once more, and lint."""
    lint(read_files(FOLDER))


def main() -> int:
    """Interleaved, medians; the first reading of a process, which builds the checkers, is a figure of its own."""
    given = report.options(__doc__).parse_args()
    first = _seconds(load_classes)
    runs = [[_seconds(what) for what in (parse_alone, load_classes, check_all)] for _ in range(_TIMES)]
    alone, read, lint_too = (statistics.median(times) for times in zip(*runs, strict=True))
    return report.finish(
        "classes",
        [
            Figure(name="safe_load_s", value=alone, unit="s"),
            Figure(name="first_read_s", value=first, unit="s", goal="< 0.5", baseline="safe_load_s"),
            Figure(name="read_s", value=read, unit="s", goal="< 0.5", baseline="safe_load_s"),
            Figure(name="read_and_lint_s", value=lint_too, unit="s", baseline="safe_load_s"),
        ],
        given,
    )


def _seconds(what: Callable[[], object]) -> float:
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
