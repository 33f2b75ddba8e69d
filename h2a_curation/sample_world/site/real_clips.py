"""A folder of real clips with `labels.csv`, as a small platform: each action is a class and a tag."""

import csv
import itertools
import re
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from h2a_curation.taxonomy.hashtags import normalise
from h2a_curation.taxonomy.load import load_classes

_COLUMNS = ("file", "action", "is_action", "note")
_TEMPLATES = (
    "a video of a person {}",
    "a photo of someone {}",
    "a short clip that shows {}",
    "{}, filmed with a phone",
    "people {}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledClip:
    """One line of labels.csv."""

    file: str
    """Name within the folder."""
    action: str | None
    """What is done, in words; None: no action that a class stands for."""
    is_action: bool
    note: str


def read_labels(folder: Path) -> list[LabelledClip]:
    """The lines of `folder/labels.csv`; ValueError says file, line, what is wrong and what to do."""
    table = folder / "labels.csv"
    if not table.is_file():
        raise ValueError(f"{table}: there is no such file; write one with the columns {', '.join(_COLUMNS)}")
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as broken:
        raise ValueError(f"{table}: not UTF-8 ({broken.reason} at byte {broken.start}); save it as UTF-8") from broken
    reader = csv.DictReader(text.splitlines())
    try:
        return _labels(table, reader)
    except csv.Error as broken:
        raise ValueError(f"{table}:{reader.line_num + 1}: not a CSV table: {broken}; mend it there") from None


def _labels(table: Path, reader: "csv.DictReader[str]") -> list[LabelledClip]:
    lacking = [c for c in _COLUMNS if c not in (reader.fieldnames or ())]
    if lacking:
        raise ValueError(f"{table}:1: column '{lacking[0]}' is missing; the first line must be {','.join(_COLUMNS)}")
    labels: list[LabelledClip] = []
    ids: set[str] = set()
    for row in reader:
        label = _label(f"{table}:{reader.line_num}", table.parent, row)
        if clip_id(label.file) in ids:
            raise ValueError(f"{table}:{reader.line_num}: '{label.file}' stands twice; keep one line a file")
        ids.add(clip_id(label.file))
        labels.append(label)
    if not any(label.action for label in labels):
        raise ValueError(f"{table}: no line names an action; give at least one file its action")
    return labels


def classes_of(labels: list[LabelledClip]) -> list[dict[str, Any]]:
    """One class an action, as a class file has them, in alphabetical order."""
    shown = _must_show()
    return [
        {
            "id": _kebab(action),
            "name": action.capitalize(),
            "definition": f"Somebody is {action}.",
            "seed_hashtags": {normalise(action): "noun"},
            "prompts": [template.format(action) for template in _TEMPLATES],
            "siblings": [],
            "must_show": shown.get(normalise(action), "person"),
        }
        for action in sorted({label.action for label in labels if label.action})
    ]


def _must_show() -> dict[str, str]:
    """What clips of an action must show, by its name in a benchmark or a tag, as the classes that ship say."""
    return {
        normalise(name): c.must_show
        for c in load_classes()
        for name in (*itertools.chain.from_iterable(astuple(c.mappings)), *c.seed_hashtags, c.id)
    }


def listings_of(labels: list[LabelledClip]) -> dict[str, tuple[str, ...]]:
    """Each tag's clip ids. A file without an action stands under all tags whose action must show a person, or under
    every tag where no action must: the model decides nothing here, and nothing else tells a cat from hands.
    """
    tags = dict.fromkeys(normalise(label.action) for label in labels if label.action)
    shown = _must_show()
    of_all = {tag for tag in tags if shown.get(tag, "person") == "person"} or tags.keys()
    return {
        tag: tuple(
            clip_id(label.file)
            for label in labels
            if (normalise(label.action) == tag if label.action else tag in of_all)
        )
        for tag in tags
    }


def clip_id(file: str) -> str:
    """The post id of a file: its name with the suffix, in letters, digits and hyphens.

    >>> clip_id("eye_makeup.avi")
    'eye-makeup-avi'
    """
    return _kebab(file)


def _label(place: str, folder: Path, row: dict[str | None, Any]) -> LabelledClip:
    """`None` as a key holds cells beyond the last column, as a value a cell that is missing."""
    if None in row or None in row.values():
        raise ValueError(f"{place}: not {len(_COLUMNS)} cells; put text with commas between double quotes")
    file, action, is_action = (row[name].strip() for name in _COLUMNS[:3])
    if Path(file).name != file or not (folder / file).is_file():
        raise ValueError(f"{place}: no file '{file}' in {folder}; put it there or remove the line")
    if is_action not in ("0", "1"):
        raise ValueError(f"{place}: is_action is '{is_action}'; write 1 or 0")
    if bool(action) != (is_action == "1"):
        raise ValueError(f"{place}: action '{action}' does not go with is_action {is_action}; write 1 with one, else 0")
    if action and not _kebab(action):
        raise ValueError(f"{place}: action '{action}' has no letter or digit from a to z; name it in plain words")
    return LabelledClip(file=file, action=action or None, is_action=is_action == "1", note=row["note"].strip())


def _kebab(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))
