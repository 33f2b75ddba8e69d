"""`h2a features`, `h2a probe` and `h2a predict`: what a model makes of videos, without training it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from h2a_curation.cli.evaluation import SHOWN, read_views, show_figures, told_progress
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
from h2a_curation.foundation.terminal import say

if TYPE_CHECKING:
    from h2a_curation.jobs.evaluate import Task
    from h2a_curation.jobs.features import FeaturesMade, VersionAsked
    from h2a_curation.jobs.predict import TimedAnswers
    from h2a_curation.videomae.evaluate.over_time import Answer


def features(
    source: Annotated[Path, typer.Option("--from", help="A checkpoint of any layout: pretraining or fine-tuned.")],
    lake: Annotated[str | None, typer.Option(help="With --version: a lake's folder or address.")] = None,
    version: Annotated[str | None, typer.Option(help="Name of a finished version in the lake.")] = None,
    task: Annotated[
        str | None, typer.Option(help="In place of a version: k400, ucf101, hmdb51, ssv2, or a list of `path label`.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="With --task: folder with the videos and the lists.")] = None,
    out: Annotated[Path | None, typer.Option(help="Default: build/features/DATA-CHECKPOINT.")] = None,
    listing: Annotated[
        Path | None, typer.Option("--list", help="With --task: the list to read, in place of the one in the data.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="One split of several; default: all.")] = None,
    views: Annotated[
        str, typer.Option(help="SEGMENTSxCROPS, of which a feature is the mean; 1x1 is the middle of the video.")
    ] = "1x1",
    sampling: SamplingOption = None,
    stride: StrideOption = None,
    facts: FactsOption = None,
    dtype: DtypeOption = EvaluationDtype.FLOAT32,
    device: DeviceOption = None,
    workers: DecodersOption = 2,
    views_at_once: ViewsAtOnceOption = None,
    cache: Annotated[Path | None, typer.Option(help="Folder for copies of shards that lie far away.")] = None,
) -> None:
    """Features of a frozen encoder, a row a video or clip, in one Parquet file; called again, it goes on. For many
    devices: torchrun --nproc-per-node 8 --no-python h2a features ..."""
    from h2a_curation.jobs.evaluate import Means
    from h2a_curation.jobs.features import FeatureViews, make_features
    from h2a_curation.videomae.convert.shape import read_facts

    asked = _set_asked(lake, version, task, data, listing, split, cache)
    looked = FeatureViews(
        views=read_views(views), sparse=None if sampling is None else sampling is Sampling.SPARSE, stride=stride
    )
    means = Means(device=device, dtype=dtype.value, workers=workers, views_at_once=views_at_once)
    folder = out or Path("build") / "features" / f"{version or Path(task or '').stem}-{source.stem}"
    done = make_features(asked, source, folder, looked, means, read_facts(facts or []), told_progress("features"), say)
    if done is not None:
        _show_features(done)


def _set_asked(
    lake: str | None, version: str | None, task: str | None, data: Path | None, listing: Path | None, split: str | None,
    cache: Path | None,
) -> "Task | VersionAsked":  # fmt: skip
    from h2a_curation.jobs.evaluate import Task
    from h2a_curation.jobs.features import VersionAsked

    given = [name for name, value in {"lake": lake, "version": version, "cache": cache}.items() if value is not None]
    of_lists = [value for value in (task, data, listing) if value is not None]
    of_version = not of_lists and {"lake", "version"} <= set(given)
    of_task = not given and task is not None and data is not None
    if of_version == of_task:
        raise ValueError(
            "features of what? give --lake and --version (with --cache), or --task and --data (with --list)"
        )
    if task is not None and data is not None:
        return Task(task=task, data=data, listing=listing, split=split)
    assert lake is not None and version is not None  # noqa: PT018
    return VersionAsked(lake=lake, version=version, split=split, cache=cache)


def _show_features(done: "FeaturesMade") -> None:
    for split, num in done.num_rows.items():
        num_lost = sum(row.split == split for row in done.lost)
        said = f", of which {num_lost} could not be seen and have no vector" if num_lost else ""
        say(f"{done.settings.data} {split}: {num} rows of {done.settings.width} numbers{said}")
    for row in done.lost[:SHOWN]:
        say(f"{row.status} in {row.split}: {row.path}: {row.reason}")
    if len(done.lost) > SHOWN:
        say(f"and {len(done.lost) - SHOWN} more")
    for note in done.notes:
        say(note)
    say(f"features {done.file}")


def probe(
    features: Annotated[Path, typer.Argument(help="A folder of h2a features, or its features.parquet.")],
    test: Annotated[
        Path | None, typer.Option(help="Features to test on, of the same weights; default: other splits of the same.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Default: probe in the folder of the features.")] = None,
    train_split: Annotated[str | None, typer.Option(help="The split to learn from; default: train.")] = None,
    split: Annotated[str | None, typer.Option(help="The split to test on; default: all others.")] = None,
    neighbours: Annotated[
        int | None, typer.Option(min=1, help="Neighbours that vote; default: 20, or all where there are fewer.")
    ] = None,
    temperature: Annotated[
        float, typer.Option(min=0.01, max=100, help="A neighbour's vote weighs exp(cosine / temperature).")
    ] = 0.07,
    device: DeviceOption = None,
) -> None:
    """How well nearest neighbours and a linear classifier tell classes by features of a frozen encoder."""
    from h2a_curation.jobs.probe import ProbeAsked
    from h2a_curation.jobs.probe import probe as probed

    asked = ProbeAsked(
        features=features, test=test, train_split=train_split, split=split, num_neighbours=neighbours,
        temperature=temperature,
    )  # fmt: skip
    done = probed(asked, out, device)
    say(f"learnt from {done.learnt}")
    for name, of_split in done.figures.items():
        told = ", ".join(f"{key} {value:g}" for key, value in done.settings[name].items() if key != "converged")
        say(f"{name}: {told.replace('_', ' ')}")
        for tested, one in of_split.items():
            show_figures(f"{name} {tested}", one)
    for note in done.notes:
        say(note)
    say(f"rows and summary in {done.out}")


def predict(
    video: Annotated[Path, typer.Argument(help="A video file.")],
    source: Annotated[Path, typer.Option("--from", help="A fine-tuned checkpoint of any layout.")],
    task: Annotated[
        str | None, typer.Option(help="k400, ucf101, hmdb51 or ssv2: names its classes where the checkpoint does not.")
    ] = None,
    stride: Annotated[int, typer.Option(min=1, help="Frames from one to the next in a window.")] = 4,
    facts: FactsOption = None,
    dtype: DtypeOption = EvaluationDtype.FLOAT32,
    device: DeviceOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it for a program, times in seconds.")] = False,
) -> None:
    """The five most probable classes of a video, over its time and in all, by a fine-tuned checkpoint."""
    from dataclasses import asdict
    from json import dumps

    from h2a_curation.jobs.evaluate import Means
    from h2a_curation.jobs.predict import predict as predicted
    from h2a_curation.videomae.convert.shape import read_facts

    def each(one: "TimedAnswers") -> None:
        if not as_json:
            say(f"{one.start_s:8.2f} to {one.end_s:.2f} s  {_in_words(one.top)}")

    means = Means(device=device, dtype=dtype.value)
    done = predicted(video, source, task, stride, means, read_facts(facts or []), each)
    if as_json:
        say(dumps({"video": str(video), "checkpoint": str(source), **asdict(done)}, indent=2, ensure_ascii=False))
    else:
        say(f"whole video  {_in_words(done.whole)}")
        for note in done.notes:
            say(note)


def _in_words(top: "list[Answer]") -> str:
    return ", ".join(f"{one.name} {one.probability:.1%}" for one in top)
