"""Reads `data/classes/*.yaml`, or a user's own class file, and fills by rule what it leaves out."""

import difflib
import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from h2a_curation.foundation import yaml_file
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.taxonomy import history
from h2a_curation.taxonomy.hashtags import normalise
from h2a_curation.taxonomy.model import ActionClass, Change, ClassFile, GivenClass, Negative, NegativeFile, refuse_twice

_TEMPLATES = (
    "a video of a person {}",
    "a photo of someone {}",
    "a short clip that shows {}",
    "{}, filmed with a phone",
    "people doing {}",
)


def load_classes(path: Path | None = None) -> list[ActionClass]:
    """All classes of a file or folder (default: `data/classes`), by label; ValueError names file and remedy."""
    path = path or data_folder() / "classes"
    return complete(read_files(path), str(path))


def load_history(path: Path | None = None) -> list[Change]:
    """What became of classes that are no more, oldest first."""
    return sorted((c for file in read_files(path or data_folder() / "classes") for c in file.history), key=_date)


def read_files(path: Path) -> list[ClassFile]:
    """The class files of a folder, or one, as they stand."""
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{path}: no class file here; a class file ends in .yaml")
    return [_read(file) for file in files]


_KNOWN: dict[str, ClassFile] = {}
"""Class files by the hash of their bytes: 386 classes take 0.4 s to read, and a command asks for them several times."""


def _read(file: Path) -> ClassFile:
    """A class file; what this process has read before is not read again, wherever it lies."""
    before = _digest(file)
    if not before or before not in _KNOWN:
        content = yaml_file.load(file, ClassFile)
        if _digest(file) != before:  # somebody is writing it
            return content
        _KNOWN[before] = content
    return _KNOWN[before]


def _digest(file: Path) -> str:
    """Hash of the bytes of a file; empty where there is none."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def complete(files: Sequence[ClassFile], where: str) -> list[ActionClass]:
    """The classes of class files, with what they leave out filled by rule; ValueError where two share what none may."""
    given = [(c, file.group) for file in files for c in file.classes]
    if not given:
        raise ValueError(f"{where}: no class in it; list at least one under 'classes'")
    changes = sorted((change for file in files for change in file.history), key=_date)
    ended = [label for change in changes for label in change.classes.values()]
    free = 1 + max([c.label for c, _ in given if c.label is not None] + ended, default=-1)
    numbers = itertools.count(free)
    classes = [_complete(c, group, next(numbers) if c.label is None else c.label) for c, group in given]
    refuse_twice(where, "class id", (c.id for c in classes))
    refuse_twice(where, "label", (str(c.label) for c in classes))
    refuse_twice(where, "prompt", (p for c in classes for p in c.prompts))
    history.refuse_reuse(where, {c.id: c.label for c in classes}, changes)
    former = history.former_ids(changes)
    return sorted((replace(c, former_ids=former.get(c.id, ())) for c in classes), key=lambda c: c.label)


def answering_to_own_name(classes: Iterable[ActionClass]) -> tuple[ActionClass, ...]:
    """The classes, each with its ids, old ones too, as tags: for tables, whose column `class` names classes by id."""
    return tuple(
        replace(c, seed_hashtags={**c.seed_hashtags, **{normalise(name): "noun" for name in (c.id, *c.former_ids)}})
        for c in classes
    )


def class_named(class_id: str, classes: Sequence[ActionClass]) -> ActionClass:
    """The class with this id; ValueError names what it became, or the nearest."""
    by_id = {c.id: c for c in classes}
    if class_id not in by_id:
        raise ValueError(f"no class '{class_id}'; {hint(class_id, classes)}")
    return by_id[class_id]


def hint(class_id: str, classes: Sequence[ActionClass]) -> str:
    """What someone who names a class that is none may have meant."""
    if heirs := [c.id for c in classes if class_id in c.former_ids]:
        return f"it became {' and '.join(heirs)}"
    near = difflib.get_close_matches(class_id, [c.id for c in classes], n=1)
    return f"did you mean '{near[0]}'?" if near else "`h2a classes list` shows those that ship"


def load_negatives(classes: Iterable[ActionClass]) -> list[Negative]:
    """What none of these classes is (`data/negatives.yaml`)."""
    chosen = {c.id for c in classes}
    every = yaml_file.load(data_folder() / "negatives.yaml", NegativeFile).negatives
    return [n for n in every if not chosen.intersection(n.shown_by)]


def _complete(given: GivenClass, group: str, label: int) -> ActionClass:
    """Fill by rule what a short class file leaves out."""
    name = given.name or given.id.replace("-", " ").capitalize()
    return ActionClass(
        id=given.id,
        label=label,
        name=name,
        group=group,
        definition=given.definition or name,
        seed_hashtags=given.seed_hashtags or {normalise(given.id): "noun"},
        shared_hashtags=given.shared_hashtags,
        excluded_hashtags=given.excluded_hashtags,
        prompts=given.prompts or prompts_by_rule(name),
        siblings=given.siblings,
        must_show=given.shown,
        clip_stride=given.clip_stride,
        risks=given.risks,
        mappings=given.mappings,
        former_ids=(),
    )


def prompts_by_rule(name: str) -> tuple[str, ...]:
    """Five prompts from a class's name: what there is until somebody writes better ones."""
    return tuple(t.format(name.lower()) for t in _TEMPLATES)


def _date(change: Change) -> tuple[int, list[str]]:
    return change.date.toordinal(), sorted(change.classes)
