"""`h2a evaluate`: how well a checkpoint tells a benchmark's classes."""

import enum
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from h2a_curation.cli.options import (
    DecodersOption,
    DeviceOption,
    DtypeOption,
    EvaluationDtype,
    FactsOption,
    Sampling,
    SamplingOption,
    StrideOption,
    ViewsAtOnceOption,
)
from h2a_curation.foundation.terminal import remark, say

if TYPE_CHECKING:
    from h2a_curation.jobs.evaluate import Checked, Evaluation
    from h2a_curation.videomae.evaluate.figures import Figures
    from schemas import VideoFeature, VideoScore

SHOWN = 20
"""Videos that could not be seen and are named on the terminal; videos.parquet names all."""


class MergeOf(enum.StrEnum):
    """What is averaged over a video's views."""

    PROB = "prob"
    SCORE = "score"


def evaluate(
    task: Annotated[
        str, typer.Option(help="k400, ucf101, hmdb51, ssv2, or a list of `path label` or `path num_frames label`.")
    ],
    data: Annotated[Path, typer.Option(help="Folder with the videos, or folders of frames, and the lists.")],
    source: Annotated[
        list[Path] | None,
        typer.Option("--from", help="A fine-tuned checkpoint of any layout; three times for one on each of 3 splits."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Default: build/evaluate/TASK-CHECKPOINT.")] = None,
    listing: Annotated[
        Path | None, typer.Option("--list", help="The list to read, in place of the one that lies in the data.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="One split of several; default: all, and their mean.")] = None,
    views: Annotated[str | None, typer.Option(help="SEGMENTSxCROPS; default: 5x3, and 2x3 for ssv2.")] = None,
    sampling: SamplingOption = None,
    stride: StrideOption = None,
    merge: Annotated[MergeOf, typer.Option(help="Mean over views of probabilities, or of logits.")] = MergeOf.PROB,
    facts: FactsOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read the whole list and open each video, then say what is amiss.")
    ] = False,
    dtype: DtypeOption = EvaluationDtype.FLOAT32,
    device: DeviceOption = None,
    workers: DecodersOption = 2,
    views_at_once: ViewsAtOnceOption = None,
) -> None:
    """Accuracy of a fine-tuned checkpoint on a benchmark, by the official views; called again, it goes on. For many
    devices: torchrun --nproc-per-node 8 --no-python h2a evaluate ..."""
    from h2a_curation.jobs.evaluate import Means, Sampled, Task
    from h2a_curation.jobs.evaluate import check as checked
    from h2a_curation.jobs.evaluate import evaluate as evaluated

    asked = Task(task=task, data=data, listing=listing, split=split)
    if check:
        _show_check(checked(asked))
        return
    if not source:
        raise ValueError("--from is missing: name a fine-tuned checkpoint, or read the list alone with --check")
    sampled = Sampled(
        views=None if views is None else read_views(views),
        sparse=None if sampling is None else sampling is Sampling.SPARSE,
        stride=stride,
        merge=merge.value,
    )
    means = Means(device=device, dtype=dtype.value, workers=workers, views_at_once=views_at_once)
    folder = out or Path("build") / "evaluate" / f"{Path(task).stem}-{source[0].stem}"
    done = evaluated(
        asked, source, folder, sampled, means, _facts(facts or []), told_progress("evaluate", of_split=True), say
    )
    if done is not None:
        show_evaluation(done)


def read_views(text: str) -> tuple[int, int]:
    """SEGMENTSxCROPS as two numbers; ValueError for anything else."""
    segments, _, crops = text.partition("x")
    if not (segments.isdigit() and crops.isdigit() and 1 <= int(segments) <= 100 and 1 <= int(crops) <= 100):
        raise ValueError(f"--views {text}: write SEGMENTSxCROPS, such as 5x3, each from 1 to 100")
    return int(segments), int(crops)


def _facts(facts: list[str]) -> dict[str, int]:
    from h2a_curation.videomae.convert.shape import read_facts

    return read_facts(facts)


def told_progress(command: str, *, of_split: bool = False) -> "Callable[[int, int, VideoScore | VideoFeature], None]":
    """A line at each tenth of all videos, or of a split's, and for each of the first videos that cannot be seen."""
    num_lost = 0

    def progress(done: int, total: int, row: "VideoScore | VideoFeature") -> None:
        nonlocal num_lost
        num_lost += bool(row.reason)
        if row.reason and num_lost <= SHOWN:
            remark(f"{command}: {row.status} in split {row.split}: {row.path}: {row.reason}")
        if done * 10 // total != (done - 1) * 10 // total:
            place = f"split {row.split}, " if of_split else ""
            remark(f"{command}: {place}{done} of {total} videos")

    return progress


def _show_check(found: "Checked") -> None:
    benchmark = found.benchmark
    for split, videos in benchmark.splits.items():
        classes = {video.label for video in videos}
        lost = [one for one in found.lost if one[0] == split]
        say(
            f"{benchmark.task} {split}: {len(videos)} videos of {len(classes)} classes (of {len(benchmark.classes)}),"
            f" {len(lost)} missing or not readable"
        )
    for note in benchmark.notes:
        say(note)
    for split, video, status, reason in found.lost[:SHOWN]:
        say(f"{status} in {split}: {video.path}: {reason}")
    if len(found.lost) > SHOWN:
        say(f"and {len(found.lost) - SHOWN} more")


def show_evaluation(done: "Evaluation") -> None:
    """Print the figures of each split."""
    for name, one in done.figures.items():
        show_figures(name, one)
    for note in done.notes:
        say(note)
    say(f"page {done.page}")


def show_figures(name: str, one: "Figures") -> None:
    """A line with the accuracies of a split, and one more where videos could not be seen."""
    low, high = one.intervals["top1"]
    say(
        f"{name}: top-1 {one.top1:.2%} ({low:.2%} to {high:.2%}), top-5 {one.top5:.2%}, mean over classes"
        f" {one.mean_class:.2%}, calibration error {one.calibration_error:.2%}"
    )
    if one.num_seen < one.num_videos:
        say(
            f"{name}: {one.num_videos - one.num_seen} of {one.num_videos} videos could not be seen and count as"
            f" wrong; of the others top-1 {one.top1_of_seen:.2%}, top-5 {one.top5_of_seen:.2%}"
        )
