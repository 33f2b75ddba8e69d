"""The lists of four benchmarks as their owners give them: of the videos to test on, or to learn from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from h2a_curation.foundation import csv_file, json_file
from h2a_curation.videomae.evaluate.classes import ClassNumbers, without_brackets
from h2a_curation.videomae.evaluate.listed import Listed, is_number, line_of, lines, shown
from h2a_curation.videomae.evaluate.places import Places

Splits = dict[str, list[Listed]]
Purpose = Literal["test", "train"]
KINETICS: dict[Purpose, tuple[str, ...]] = {
    "test": ("validate.csv", "val.csv", "validation.csv"),
    "train": ("train.csv", "training.csv"),
}
_SSV2: dict[Purpose, tuple[str, ...]] = {
    "test": ("validation.json", "something-something-v2-validation.json"),
    "train": ("train.json", "something-something-v2-train.json"),
}
_SSV2_CLASSES = ("labels.json", "something-something-v2-labels.json")
_MARKS: dict[Purpose, str] = {"test": "2", "train": "1"}
"""HMDB51's marks of videos to test on and to learn from; 0 is neither."""


def _kinetics(places: Places, numbers: ClassNumbers, listing: Path | None, purpose: Purpose) -> Splits:
    """`label,youtube_id,time_start,time_end,split`, as DeepMind and CVDF give it."""
    file = listing or places.file(KINETICS[purpose], "list of Kinetics-400")
    columns, rows = csv_file.read(file)
    if missing := [name for name in ("label", "youtube_id", "time_start", "time_end") if name not in columns]:
        raise ValueError(f"{file} has no column {', '.join(missing)}: it is neither Kinetics' list nor `path label`")
    videos = [_kinetics_video(row, places, numbers, line_of(file, line)) for line, row in rows]
    if not videos:
        raise ValueError(f"{file} holds no video")
    return {_split_of(purpose): videos}


def _split_of(purpose: Purpose) -> str:
    """What the one split of a benchmark is called."""
    return "train" if purpose == "train" else "val"


def _kinetics_video(row: dict[str, str], places: Places, numbers: ClassNumbers, where: str) -> Listed:
    label, video, start, end = (row[name] for name in ("label", "youtube_id", "time_start", "time_end"))
    number = numbers.number(label, where)
    try:
        stem = f"{video}_{int(float(start)):06d}_{int(float(end)):06d}"
    except (ValueError, OverflowError) as broken:
        raise ValueError(f"{where}: {start!r:.80} to {end!r:.80} are no times in seconds") from broken
    folders = (label, label.replace(" ", "_"))
    return Listed(video_id=stem, path=places.video((stem, video), folders), label=number)


def _ucf101(places: Places, numbers: ClassNumbers, listing: Path | None, purpose: Purpose) -> Splits:
    """`classInd.txt` and `testlist01.txt` to `testlist03.txt`, or `trainlist01.txt` and so on."""
    if listing is not None:
        return {purpose: _ucf101_split(listing, places, numbers)}
    file = places.file(("classInd.txt",), "classInd.txt of UCF101")
    told = {}
    for number, line in lines(file):
        place, _, name = line.partition(" ")
        if not is_number(place) or not name:
            raise ValueError(f"{line_of(file, number)}: {shown(line)} is no number and class")
        told[name] = int(place) - 1
    numbers.check_order(told, str(file))
    found = {split: file.parent / f"{purpose}list0{split}.txt" for split in "123"}
    if absent := [path.name for path in found.values() if not path.is_file()]:
        raise ValueError(f"{file.parent} holds no {', '.join(absent)}: UCF101 has three splits")
    return {split: _ucf101_split(path, places, numbers) for split, path in found.items()}


def _ucf101_split(file: Path, places: Places, numbers: ClassNumbers) -> list[Listed]:
    videos = []
    for number, line in lines(file):
        path = line.split(" ")[0]  # lists of videos to train on end with the class's number
        folder, _, name = path.rpartition("/")
        label = numbers.number(folder, line_of(file, number))
        videos.append(Listed(video_id=path, path=places.video((name, Path(name).stem), (folder,)), label=label))
    return videos


def _hmdb51(places: Places, numbers: ClassNumbers, listing: Path | None, purpose: Purpose) -> Splits:
    """`CLASS_test_split1.txt` to 3 of each class, in one folder."""
    if listing is not None and not listing.is_dir():
        raise ValueError(f"--list {listing}: HMDB51's splits are a folder of files, three a class")
    first = f"{numbers.name(0)}_test_split1.txt"
    folder = listing if listing is not None else places.folder_of(first)
    if folder is None:
        raise ValueError(f"{places.roots[0]} holds no splits of HMDB51: neither it nor a folder in it has {first}")
    return {split: _hmdb51_split(folder, split, places, numbers, _MARKS[purpose]) for split in "123"}


def _hmdb51_split(folder: Path, split: str, places: Places, numbers: ClassNumbers, wanted: str) -> list[Listed]:
    videos = []
    for label in range(len(numbers)):
        name = numbers.name(label)
        file = folder / f"{name}_test_split{split}.txt"
        if not file.is_file():
            raise ValueError(f"{folder} holds no {file.name}: HMDB51 has three files for each of its classes")
        for number, line in lines(file):
            video, _, mark = line.rpartition(" ")
            if mark not in ("0", *_MARKS.values()):
                raise ValueError(f"{line_of(file, number)}: {shown(line)} does not end with 0, 1 or 2")
            if mark == wanted:
                video = video.strip()
                path = places.video((video, Path(video).stem), (name,))
                videos.append(Listed(video_id=f"{name}/{video}", path=path, label=label))
    return videos


def _ssv2(places: Places, numbers: ClassNumbers, listing: Path | None, purpose: Purpose) -> Splits:
    """`validation.json` or `train.json`, and, where it lies there, `labels.json` to check the order of classes."""
    file = listing or places.file(_SSV2[purpose], "list of Something-Something V2")
    for name in _SSV2_CLASSES:
        if (folder := places.folder_of(name)) is not None:
            told = _json(folder / name, dict)
            if wrong := next((str(number) for number in told.values() if not is_number(str(number))), None):
                raise ValueError(f"{folder / name}: {wrong:.80} is no number of a class")
            numbers.check_order({label: int(number) for label, number in told.items()}, str(folder / name))
    videos = []
    for place, row in enumerate(_json(file, list), 1):
        where = f"{file}, entry {place}"
        if not isinstance(row, dict) or "id" not in row or not (row.get("template") or row.get("label")):
            raise ValueError(f"{where} has no id and template")
        label = numbers.number(without_brackets(str(row.get("template") or row["label"])), where)
        name = str(row["id"])
        videos.append(Listed(video_id=name, path=places.video((name,)), label=label))
    return {_split_of(purpose): videos}


def _json(file: Path, kind: type) -> Any:
    content = json_file.read(file)
    if not isinstance(content, kind):
        raise ValueError(f"{file} holds no {'list of videos' if kind is list else 'classes by name'}")
    return content


READERS: dict[str, Callable[[Places, ClassNumbers, Path | None, Purpose], Splits]] = {
    "k400": _kinetics,
    "ucf101": _ucf101,
    "hmdb51": _hmdb51,
    "ssv2": _ssv2,
}
"""For each benchmark: its videos by split, from the list that lies in the folder or from another one."""
