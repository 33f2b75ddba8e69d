"""The classes of one video over its time, by a fine-tuned checkpoint."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from h2a_curation.jobs.evaluate import Means
from h2a_curation.taxonomy.benchmarks import benchmark_classes
from h2a_curation.videomae.convert.fill import classifier_from
from h2a_curation.videomae.data.views import Views
from h2a_curation.videomae.evaluate.classes import ClassNumbers
from h2a_curation.videomae.evaluate.lists import TASKS
from h2a_curation.videomae.evaluate.over_time import Answer, answers_of, moments
from h2a_curation.videomae.evaluate.run import Looking
from h2a_curation.videomae.hardware.parallel import alone


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedAnswers:
    """The most probable classes of some seconds of a video."""

    start_s: float
    end_s: float
    top: list[Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What is said of a video."""

    windows: list[TimedAnswers]
    whole: list[Answer]
    """The classes by the mean of the windows' probabilities."""
    notes: Sequence[str] = ()


def predict(
    video: Path, source: Path, task: str | None, stride: int, means: Means, asked: Mapping[str, int],
    each: Callable[[TimedAnswers], None],
) -> Prediction:  # fmt: skip
    """The classes of each window of a video, told to `each` as they come, and of the whole of it.

    Classes have the names that the checkpoint gives them, else those of the task, else numbers. ValueError in one line
    for what is no video, for a checkpoint without a head, and for a task of another number of classes.
    """
    if not video.is_file():
        raise ValueError(f"{video} is {'a folder: name a video in it' if video.is_dir() else 'no file that is there'}")
    model, fitting, found = classifier_from(source, asked)
    if fitting.fresh:
        raise ValueError(f"{source} lacks weights of a classifier: {fitting}")
    names, notes = _names(source, task, model.num_classes, found.class_names)
    views = Views(num_frames=model.config.num_frames, stride=stride, sparse=False, num_segments=1, num_crops=1)
    told, shares = [], []
    world = alone(means.device)
    try:
        for moment in moments(video, model, Looking(views=views, dtype=means.dtype, world=world)):
            shares.append(moment.shares)
            top = answers_of(moment.shares, names)
            told.append(TimedAnswers(start_s=moment.start_s, end_s=moment.end_s, top=top))
            each(told[-1])
    except ValueError as broken:
        raise ValueError(f"{video}: {broken}") from broken
    return Prediction(windows=told, whole=answers_of(np.mean(shares, axis=0), names), notes=notes)


def _names(source: Path, task: str | None, num_classes: int, own: Sequence[str]) -> tuple[Sequence[str], list[str]]:
    """Names of the classes by number, and what is to be said of those that the checkpoint gives."""
    if task is None:
        return own, []
    if task not in TASKS:
        raise ValueError(f"--task {task}: it is none of {', '.join(TASKS)}")
    classes = benchmark_classes(TASKS[task])
    if len(classes) != num_classes:
        raise ValueError(f"{source} tells {num_classes} classes, and {task} has {len(classes)}")
    return own or classes, ClassNumbers(task, classes).said_by_model(own, source)
