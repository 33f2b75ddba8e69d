"""What an action class is: the keys of a class file, checked one by one as they are read."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Literal, get_args

from h2a_curation.taxonomy.hashtags import normalise

REASONS = ("generalise", "specify", "noun", "noun-verb", "consolidated", "cultural")
"""The paper's six principles by which a hashtag speaks for a class."""
Risk = Literal["minors", "danger", "medical", "weapon", "religious"]
"""What a curator must look out for: children likely in view, imitation may hurt, injury or treatment, arms, worship."""
RISKS: tuple[Risk, ...] = get_args(Risk)
MustShow = Literal["person", "hands", "nothing"]
"""What of a person a clip of a class must show: a person, that is a face or a whole body; hands, arms, legs, feet or
another detail at work, as in a close view; or nothing, because what is done is seen without any of these."""
MUST_SHOW: tuple[MustShow, ...] = get_args(MustShow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mappings:
    """The benchmark classes that a class covers, by their exact names (`data/benchmarks`)."""

    kinetics400: tuple[str, ...] = ()
    ucf101: tuple[str, ...] = ()
    hmdb51: tuple[str, ...] = ()
    ssv2: tuple[str, ...] = ()


BENCHMARKS = tuple(f.name for f in fields(Mappings))


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenClass:
    """One class as it stands in a file: all but the id may be left out, and is then made by rule."""

    id: str
    """Kebab case. `h2a classes rename` gives another one and keeps what was learnt."""
    label: int | None = None
    """Stable over versions; classes without one are numbered after the others, in their order."""
    name: str = ""
    definition: str = ""
    """One line that tells what must be seen."""
    seed_hashtags: dict[str, str] = field(default_factory=dict)
    """Normalised tag to the principle behind it: one of REASONS."""
    shared_hashtags: tuple[str, ...] = ()
    """Seed tags that knowingly speak for another class too, which declares them as well."""
    excluded_hashtags: dict[str, str] = field(default_factory=dict)
    """Homonyms and hijacked tags, with the reason."""
    prompts: tuple[str, ...] = ()
    """The CLIP ensemble; where there is none, five are made from the name."""
    siblings: tuple[str, ...] = ()
    """Classes that are easily taken for this one."""
    must_show: MustShow | None = None
    """What of a person its clips must show; left out, a person."""
    person_required: bool | None = None
    """The former way to say it: true is `must_show: person`, false is `must_show: nothing`."""
    clip_stride: Literal[2, 4] = 4
    """Frames from one sampled frame to the next, at 30 fps: 2 for what is over within a second."""
    risks: tuple[Risk, ...] = ()
    mappings: Mappings = field(default_factory=Mappings)

    def __post_init__(self) -> None:
        _refuse_other_than_kebab(self.id)
        for tag in [*self.seed_hashtags, *self.excluded_hashtags]:
            if tag != normalise(tag) or not tag:
                raise ValueError(f"hashtag '{tag}' of {self.id} is not normalised: write '{normalise(tag)}'")
        for tag, reason in self.seed_hashtags.items():
            if reason not in REASONS:
                raise ValueError(f"hashtag '{tag}' of {self.id} has reason '{reason}'; use one of {', '.join(REASONS)}")
        if self.label is not None and self.label < 0:
            raise ValueError(f"label {self.label} of {self.id} is negative; labels start at 0")
        if self.person_required is not None and self.person_required != (self.shown == "person"):
            raise ValueError(
                f"{self.id} says person_required: {str(self.person_required).lower()} and must_show: {self.must_show}, "
                f"which cannot both be; keep must_show"
            )

    @property
    def shown(self) -> MustShow:
        """What its clips must show, whichever of the two keys says so."""
        return self.must_show or ("nothing" if self.person_required is False else "person")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of classes that are no more: an entry of a class file's history, which only grows."""

    date: date
    kind: Literal["renamed", "split", "merged", "retired"]
    classes: dict[str, int]
    """Ids that ended, with their labels, which no other class may have; a renamed class keeps its label."""
    into: tuple[str, ...] = ()
    """Ids that took over: what was learnt for the ended ones speaks for these from then on."""
    why: str

    def __post_init__(self) -> None:
        for class_id in [*self.classes, *self.into]:
            _refuse_other_than_kebab(class_id)
        ended, begun, wanted = _COUNTS[self.kind]
        if len(self.classes) not in ended or len(self.into) not in begun:
            raise ValueError(f"{self.kind} means {wanted}, not {len(self.classes)} into {len(self.into)}")
        if both := set(self.classes) & set(self.into):
            raise ValueError(f"'{min(both)}' is {self.kind} into itself; the class that goes on needs an id of its own")


_COUNTS = {
    "renamed": (range(1, 2), range(1, 2), "one into one"),
    "split": (range(1, 2), range(2, 100), "one into two or more"),
    "merged": (range(2, 100), range(1, 2), "two or more into one"),
    "retired": (range(1, 100), range(1), "one or more into none"),
}
"""How many classes end and how many take over, for each kind of change, and the same in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFile:
    """The content of one class file."""

    group: str = ""
    classes: tuple[GivenClass, ...] = ()
    history: tuple[Change, ...] = ()

    def __post_init__(self) -> None:
        if not self.classes and not self.history:
            raise ValueError("no class in it; list at least one under 'classes'")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionClass:
    """One action, complete: what must be seen, which tags speak for it, which prompts recognise it."""

    id: str
    label: int
    name: str
    group: str
    definition: str
    seed_hashtags: dict[str, str]
    shared_hashtags: tuple[str, ...]
    excluded_hashtags: dict[str, str]
    prompts: tuple[str, ...]
    siblings: tuple[str, ...]
    must_show: MustShow
    clip_stride: int
    risks: tuple[str, ...]
    mappings: Mappings
    former_ids: tuple[str, ...]
    """Ids of ended classes that this one goes on for, in any number of steps; sorted."""

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that speak for the class from the start, in the file's order."""
        return tuple(self.seed_hashtags)

    @property
    def names(self) -> tuple[str, ...]:
        """All that a table may call the class, normalised as hashtags: its id, its name, and ids that it had."""
        return tuple(dict.fromkeys(normalise(name) for name in (self.id, self.name, *self.former_ids)))

    @property
    def person_required(self) -> bool:
        """Whether its clips must show a person: hands alone do not do."""
        return self.must_show == "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Negative:
    """Something that no class is, such as a slide of text, with the prompts that recognise it."""

    id: str
    prompts: tuple[str, ...]
    shown_by: tuple[str, ...] = ()
    """Classes that show just this: where one of them is chosen, it is no negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NegativeFile:
    """The content of `data/negatives.yaml`."""

    negatives: tuple[Negative, ...]


def refuse_twice(where: str, what: str, values: Iterable[str]) -> None:
    """ValueError that names the first of the values that stands twice."""
    twice = [v for v, n in Counter(values).items() if n > 1]
    if twice:
        raise ValueError(f"{where}: {what} '{twice[0]}' stands twice; each may stand once")


def _refuse_other_than_kebab(class_id: str) -> None:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", class_id):
        raise ValueError(f"class id '{class_id}' is not kebab case: lower case letters, digits and single hyphens")
