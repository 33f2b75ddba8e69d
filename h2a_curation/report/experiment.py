"""The page and the table of an experiment: plain rows in, one self-contained HTML file and one of Markdown out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.report.evaluation import exact_percent
from h2a_curation.report.figures import arm_dots
from h2a_curation.report.page import environment


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanOverSeeds:
    """One figure of an arm. Shares of 1."""

    values: Sequence[float]
    """One for each seed."""
    mean: float
    low: float | None
    """Ends of its interval; None for too few seeds."""
    high: float | None
    difference: float | None
    """From the arm that all are compared with, seed by seed; None for that arm itself."""
    difference_low: float | None
    difference_high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFigures:
    """How an arm fared."""

    name: str
    about: str
    num_clips: int
    num_seeds: int
    figures: Mapping[str, MeanOverSeeds | None]
    """Figures by the names of the columns; None where an arm has no such figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentPage:
    """All that page and table show."""

    title: str
    subtitle: str
    columns: Sequence[str]
    baseline: str
    """Name of the arm that all are compared with."""
    arms: Sequence[ArmFigures]
    verdicts: Sequence[str]
    """What the intervals say, a sentence each."""
    notes: Sequence[str]
    settings: Mapping[str, str]


def write_experiment(data: ExperimentPage, page: Path, table: Path) -> None:
    """Write both, each whole or not at all."""
    html, markdown = environment(), _markdown()
    for made in (html, markdown):
        made.filters |= {"exact_percent": exact_percent, "points": points}
    shown = [(arm.name, arm.figures[data.columns[0]]) for arm in data.arms]
    dots = arm_dots(
        [(name, list(found.values), (found.low, found.high)) for name, found in shown if found], data.columns[0]
    )
    for target, content in (
        (page, html.get_template("experiment.html.j2").render(d=data, dots=dots).lstrip()),
        (table, markdown.get_template("experiment.md.j2").render(d=data)),
    ):
        with replaced(target.parent, target) as file:
            file.write(content.encode())


def points(difference: float) -> str:
    """A difference of shares in points of percent.

    >>> points(-0.0213)
    '-2.1'
    """
    return f"{100 * difference:+.1f}"


def _markdown() -> Environment:
    return Environment(  # nosec B701  # Markdown, of numbers and the names of arms, which are our own
        loader=PackageLoader("h2a_curation", "report"), autoescape=False, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
