"""The action classes: loads and checks `data/classes/*.yaml`, or a user's own class file."""

import difflib
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from h2a_curation import yaml_file
from h2a_curation.data_folder import data_folder
from h2a_curation.hashtags import normalise

REASONS = ("generalise", "specify", "noun", "noun-verb", "consolidated", "cultural")
"""The paper's six principles by which a hashtag speaks for a class."""
_TEMPLATES = (
    "a video of a person {}",
    "a photo of someone {}",
    "a short clip that shows {}",
    "{}, filmed with a phone",
    "people doing {}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenClass:
    """One class as it stands in a file: all but the id may be left out, and is then made by rule."""

    id: str
    """Kebab case; never changed."""
    label: int | None = None
    """Stable over versions; classes without one are numbered after the others, in their order."""
    name: str = ""
    definition: str = ""
    """One line that tells what must be seen."""
    seed_hashtags: dict[str, str] = field(default_factory=dict)
    """Normalised tag to the principle behind it: one of REASONS."""
    excluded_hashtags: dict[str, str] = field(default_factory=dict)
    """Homonyms and hijacked tags, with the reason."""
    prompts: tuple[str, ...] = ()
    """The CLIP ensemble; where there is none, five are made from the name."""
    siblings: tuple[str, ...] = ()
    """Classes that are easily taken for this one."""
    person_required: bool = True

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.id):
            raise ValueError(f"class id '{self.id}' is not kebab case: lower case letters, digits and single hyphens")
        for tag in [*self.seed_hashtags, *self.excluded_hashtags]:
            if tag != normalise(tag) or not tag:
                raise ValueError(f"hashtag '{tag}' of {self.id} is not normalised: write '{normalise(tag)}'")
        for tag, reason in self.seed_hashtags.items():
            if reason not in REASONS:
                raise ValueError(f"hashtag '{tag}' of {self.id} has reason '{reason}'; use one of {', '.join(REASONS)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionClass:
    """One action, complete: what must be seen, which tags speak for it, which prompts recognise it."""

    id: str
    label: int
    name: str
    group: str
    definition: str
    seed_hashtags: dict[str, str]
    excluded_hashtags: dict[str, str]
    prompts: tuple[str, ...]
    siblings: tuple[str, ...]
    person_required: bool

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that speak for the class from the start, in the file's order."""
        return tuple(self.seed_hashtags)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFile:
    """The content of one class file."""

    group: str = ""
    classes: tuple[GivenClass, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Negative:
    """Something that no class is, such as a slide of text, with the prompts that recognise it."""

    id: str
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NegativeFile:
    """The content of `data/negatives.yaml`."""

    negatives: tuple[Negative, ...]


def load_classes(path: Path | None = None) -> list[ActionClass]:
    """All classes of a file or folder (default: `data/classes`), by label; ValueError names file and remedy."""
    path = path or data_folder() / "classes"
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{path}: no class file here; a class file ends in .yaml")
    return complete([yaml_file.load(file, ClassFile) for file in files], str(path))


def complete(files: Sequence[ClassFile], where: str) -> list[ActionClass]:
    """The classes of class files, with what they leave out filled by rule; ValueError where two share what none may."""
    given = [(c, file.group) for file in files for c in file.classes]
    if not given:
        raise ValueError(f"{where}: no class in it; list at least one under 'classes'")
    free = 1 + max((c.label for c, _ in given if c.label is not None), default=-1)
    numbers = itertools.count(free)
    classes = [_complete(c, group, next(numbers) if c.label is None else c.label) for c, group in given]
    _refuse_twice(where, "class id", (c.id for c in classes))
    _refuse_twice(where, "label", (str(c.label) for c in classes))
    _refuse_twice(where, "prompt", (p for c in classes for p in c.prompts))
    return sorted(classes, key=lambda c: c.label)


def answering_to_own_name(classes: Iterable[ActionClass]) -> tuple[ActionClass, ...]:
    """The classes, each with its id as a tag too: for tables, whose column `class` names classes by id."""
    return tuple(replace(c, seed_hashtags={**c.seed_hashtags, normalise(c.id): "noun"}) for c in classes)


def class_named(class_id: str, classes: Iterable[ActionClass]) -> ActionClass:
    """The class with this id; ValueError names the nearest where there is none."""
    by_id = {c.id: c for c in classes}
    if class_id not in by_id:
        near = difflib.get_close_matches(class_id, by_id, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "`h2a classes list` shows those that ship"
        raise ValueError(f"no class '{class_id}'; {hint}")
    return by_id[class_id]


def load_negatives() -> list[Negative]:
    """What no class is (`data/negatives.yaml`)."""
    return list(yaml_file.load(data_folder() / "negatives.yaml", NegativeFile).negatives)


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
        excluded_hashtags=given.excluded_hashtags,
        prompts=given.prompts or tuple(t.format(name.lower()) for t in _TEMPLATES),
        siblings=given.siblings,
        person_required=given.person_required,
    )


def _refuse_twice(where: str, what: str, values: Iterable[str]) -> None:
    twice = [v for v, n in Counter(values).items() if n > 1]
    if twice:
        raise ValueError(f"{where}: {what} '{twice[0]}' stands twice; each may stand once")
