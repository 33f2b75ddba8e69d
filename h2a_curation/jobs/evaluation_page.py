"""The rows of an evaluation as its page shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from h2a_curation.report.evaluation import (
    BinFigures,
    ClassFigures,
    EvaluationPage,
    LostVideo,
    SplitFigures,
    TakenFor,
    write_evaluation,
)
from h2a_curation.videomae.evaluate.figures import Figures, calibration
from schemas import ClassScore, Confused, VideoScore
from schemas.evaluate import OK

_MOST_CONFUSED, _MOST_LOST = 30, 200


def write_page(
    target: Path,
    settings: Mapping[str, Any],
    figures: Mapping[str, Figures],
    notes: Sequence[str],
    classes: Sequence[ClassScore],
    confused: Sequence[Confused],
    rows: Sequence[VideoScore],
) -> None:
    """Write the page of an evaluation."""
    lost = [row for row in rows if row.status != OK]
    named = {row.label: row.name for row in classes}
    of_class = _of_class(classes)
    views = f"{settings['num_segments']} x {settings['num_crops']} views"
    page = EvaluationPage(
        title=f"Evaluation on {settings['task']}",
        subtitle=f"{views} of {settings['num_frames']} frames, {settings['sampling']} sampling, merged by"
        f" {settings['merge']}",
        notes=notes,
        splits=[SplitFigures(name=name, **asdict(found)) for name, found in figures.items()],
        classes=of_class,
        without_videos=len(named) - len(of_class),
        confused=_taken_for(confused, named),
        bins=[BinFigures(**asdict(one)) for one in calibration(rows)],
        lost=[
            LostVideo(split=row.split, video_id=row.video_id, status=row.status, reason=row.reason)
            for row in lost[:_MOST_LOST]
        ],
        num_lost=len(lost),
        settings={name: str(value) for name, value in settings.items()},
    )
    write_evaluation(page, target)


def _of_class(classes: Sequence[ClassScore]) -> list[ClassFigures]:
    """Classes with videos over all splits, the worst first."""
    found = []
    for label in sorted({row.label for row in classes}):
        own = [row for row in classes if row.label == label]
        num = sum(row.num_videos for row in own)
        if num:
            top1, top5 = (
                sum(counts) / num for counts in zip(*[(row.num_top1, row.num_top5) for row in own], strict=True)
            )
            found.append(ClassFigures(label=label, name=own[0].name, num_videos=num, top1=top1, top5=top5))
    return sorted(found, key=lambda one: (one.top1, one.top5, one.label))


def _taken_for(confused: Sequence[Confused], named: Mapping[int, str]) -> list[TakenFor]:
    counts: dict[tuple[int, int], int] = {}
    of_class: dict[int, int] = {}
    for row in confused:
        of_class[row.label] = of_class.get(row.label, 0) + row.num_videos
        if row.predicted is not None and row.predicted != row.label:
            pair = (row.label, row.predicted)
            counts[pair] = counts.get(pair, 0) + row.num_videos
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_CONFUSED]
    return [
        TakenFor(name=named[label], taken_for=named[predicted], num_videos=num, share=num / of_class[label])
        for (label, predicted), num in most
    ]
