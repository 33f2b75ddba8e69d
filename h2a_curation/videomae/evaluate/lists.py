"""The videos of a task: from the lists of its owners, or from one of the official code's."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from h2a_curation.videomae.evaluate.classes import ClassNumbers, plain
from h2a_curation.videomae.evaluate.listed import Benchmark, Listed, is_number, line_of, lines, shown, without_repeats
from h2a_curation.videomae.evaluate.owners_lists import KINETICS, READERS, Purpose
from h2a_curation.videomae.evaluate.places import Places

TASKS = {"k400": "kinetics400", "ucf101": "ucf101", "hmdb51": "hmdb51", "ssv2": "ssv2"}
"""Names of tasks, and what their class lists are called in `data/benchmarks`."""


def read(
    task: str, data: Path, classes: Sequence[str], listing: Path | None = None, purpose: Purpose = "test"
) -> Benchmark:
    """The videos of a benchmark below `data`; of a list of the official code, where `task` is none of TASKS.

    `classes` are the benchmark's, in its order. `listing` is the list to read in place of the one that lies in `data`.
    `purpose` says whether videos to test on or to learn from are wanted.
    ValueError in one line, with file and line, for a list that cannot be read or is of other classes.
    """
    places = Places(data)
    if task not in TASKS:
        if not Path(task).is_file():
            raise ValueError(f"--task {task} is neither a file nor one of {', '.join(TASKS)}")
        return _official("list", Path(task), data, classes, purpose)
    found = listing if listing is not None else _own_list(task, places, purpose)
    if found is not None and found.is_file() and _is_official(found):
        return _official(task, found, data, classes, purpose)
    splits, notes = {}, []
    for split, videos in READERS[task](places, ClassNumbers(task, classes), listing, purpose).items():
        splits[split], said = without_repeats(videos, split)
        notes += said
    return Benchmark(task=task, classes=classes, splits=splits, notes=notes, **_looked_at(task))


def _looked_at(task: str) -> dict[str, Any]:
    """Sampling of the official scripts."""
    if task == "ssv2":
        return {"sparse": True, "num_segments": 2}
    return {"stride": 2 if task == "hmdb51" else 4}


def _own_list(task: str, places: Places, purpose: Purpose) -> Path | None:
    if task == "k400":
        return places.file(KINETICS[purpose], "list of Kinetics-400")
    names = ("val.csv", "test.csv") if purpose == "test" else ("train.csv",)
    folder = next((folder for name in names if (folder := places.folder_of(name)) is not None), None)
    return next((folder / name for name in names if (folder / name).is_file()), None) if folder is not None else None


def _is_official(file: Path) -> bool:
    """Whether it is a list of the official code, of `path label` or `path num_frames label`."""
    if file.suffix == ".json":
        return False
    _, first = lines(file)[0]
    return "," not in first and first.rpartition(" ")[2].lstrip("-").isdigit()


def _official(task: str, file: Path, data: Path, classes: Sequence[str], purpose: Purpose) -> Benchmark:
    """A list of the official code; a path may hold blanks, and one that is relative lies in `data`."""
    numbers = {plain(name): number for number, name in enumerate(classes)}
    videos = []
    for number, line in lines(file):
        path, _, label = line.rpartition(" ")
        name, _, count = path.rpartition(" ")
        if not path or not is_number(label):
            raise ValueError(
                f"{line_of(file, number)}: {shown(line)} is neither `path label` nor `path num_frames label`"
            )
        if classes and int(label) >= len(classes):
            raise ValueError(f"{line_of(file, number)}: label {label} of {len(classes)} classes, which begin with 0")
        _check_folder(path, int(label), numbers, line_of(file, number))
        counted = bool(name) and is_number(count) and not (data / path).exists()
        videos.append(
            Listed(
                video_id=name if counted else path,
                path=data / (name if counted else path),
                label=int(label),
                num_frames=int(count) if counted else None,
            )
        )
    videos, notes = without_repeats(videos, file.name)
    highest = max(video.label for video in videos)
    if purpose == "train" and task in TASKS and highest + 1 < len(classes):
        told = f"{file} has labels up to {highest}, and {task} has {len(classes)} classes"
        raise ValueError(
            f"{told}: it is another benchmark's list, or a part of this one's, which goes by --task {file}"
        )
    named = classes or [str(number) for number in range(1 + highest)]
    looked_at = _looked_at("ssv2" if all(video.num_frames is not None for video in videos) else task)
    return Benchmark(
        task=task, classes=named, splits={"train" if purpose == "train" else "val": videos}, notes=notes, **looked_at
    )


def _check_folder(path: str, label: int, numbers: Mapping[str, int], where: str) -> None:
    """ValueError where a video lies in a folder of another class than the list says, as in lists of another order."""
    for folder in path.split("/")[:-1]:
        if (number := numbers.get(plain(folder), label)) != label:
            raise ValueError(f"{where} gives label {label} to a video in {folder}, which is class {number}")
