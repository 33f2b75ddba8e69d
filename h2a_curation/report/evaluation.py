"""The page of an evaluation: plain rows in, one self-contained HTML file out, as with the report of a build."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.report.page import environment


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFigures:
    """Figures of one split, or the mean over several. Shares of 1."""

    name: str
    num_videos: int
    num_seen: int
    top1: float
    top5: float
    mean_class: float
    intervals: Mapping[str, tuple[float, float]]
    """Two ends for each of these three."""
    top1_of_seen: float
    top5_of_seen: float
    calibration_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """How a class fared, over all splits."""

    label: int
    name: str
    num_videos: int
    top1: float
    top5: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenFor:
    """Videos of a class that were taken for another."""

    name: str
    taken_for: str
    num_videos: int
    share: float
    """Share of the class's videos."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BinFigures:
    """Videos whose first answer had about the same probability."""

    lowest: float
    num_videos: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LostVideo:
    """A video that could not be seen."""

    split: str
    video_id: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPage:
    """All that the page shows."""

    title: str
    subtitle: str
    notes: Sequence[str]
    splits: Sequence[SplitFigures]
    """The last one stands at the top of the page: the only split, or the mean."""
    classes: Sequence[ClassFigures]
    without_videos: int
    confused: Sequence[TakenFor]
    bins: Sequence[BinFigures]
    lost: Sequence[LostVideo]
    num_lost: int
    settings: Mapping[str, str]


def write_evaluation(data: EvaluationPage, target: Path) -> None:
    """Write the page, whole or not at all."""
    made = environment()
    made.filters["exact_percent"] = exact_percent
    page = made.get_template("evaluation.html.j2").render(d=data).lstrip()
    with replaced(target.parent, target) as file:
        file.write(page.encode())


def exact_percent(share: float) -> str:
    """A share of 1 as benchmarks give it.

    >>> exact_percent(0.8549)
    '85.5 %'
    """
    return f"{100 * share:.1f} %"
