"""The whole contract of class files: also what loading lets a user leave out, and what spans several classes.

Loading refuses what cannot be read; this finds what a curator would not sign: a tag in two classes, a sibling that does
not know of it, a prompt that could belong to anything.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from h2a_curation.taxonomy.benchmarks import benchmark_classes
from h2a_curation.taxonomy.child_words import word_for_a_child
from h2a_curation.taxonomy.model import BENCHMARKS, ClassFile, GivenClass

_SEED_TAGS, _PROMPTS, _SIBLINGS = (3, 8), (5, 12), (1, 5)
_MIN_NAMING_PROMPTS = 2
_STEM_LETTERS = 4
_SAY_NOTHING = (
    "the and with for from into onto over under near front back side both two one who that his her their its someone "
    "person people man woman hand hands"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing to mend in one class."""

    class_id: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """The model that reads prompts, as lint needs it."""

    model: str
    """The name by which the user knows it."""
    max_tokens: int
    """Tokens that it reads of a prompt; what is beyond is cut, and nothing says so."""
    num_tokens: Callable[[str], int]
    """Tokens that a prompt takes."""


def lint(files: Sequence[ClassFile], reader: Reader | None = None) -> list[Fault]:
    """What is wrong with the classes of these files, class by class in their order. Without a reader, the length of
    prompts is not looked at.
    """
    classes = [c for file in files for c in file.classes]
    faults = [Fault(class_id=c.id, says=says) for c in classes for says in _alone(c)]
    if reader is not None:
        faults += [Fault(class_id=c.id, says=says) for c in classes for says in _too_long(c, reader)]
    faults += [Fault(class_id=c.id, says="no group: name one at the top of its file") for c in _without_group(files)]
    faults += [*_tags(classes), *_siblings(classes), *_prompts(classes)]
    order = {c.id: n for n, c in enumerate(classes)}
    return sorted(faults, key=lambda fault: order[fault.class_id])


def place(path: Path, class_id: str) -> str:
    """`file:line` at which the class begins, in a class file or a folder of them."""
    starts = re.compile(rf"""[\s{{-]*id:\s*['"]?{re.escape(class_id)}['"]?\s*([,}}#].*)?""")
    for file in sorted(path.glob("*.yaml")) if path.is_dir() else [path]:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if starts.fullmatch(line):
                return f"{file}:{number}"
    return str(path)


def _alone(c: GivenClass) -> Iterator[str]:
    """What can be seen from the class itself."""
    for name, value in (("name", c.name), ("definition", c.definition), ("excluded_hashtags", c.excluded_hashtags)):
        if not value:
            yield f"{name} is empty: write it"
    if c.label is None:
        yield "label is empty: give it the next free number, for good"
    for name, values, (least, most) in (
        ("seed_hashtags", c.seed_hashtags, _SEED_TAGS),
        ("prompts", c.prompts, _PROMPTS),
        ("siblings", c.siblings, _SIBLINGS),
    ):
        if not least <= len(values) <= most:
            yield f"{len(values)} {name}: {least} to {most} are wanted"
    for tag, why in c.excluded_hashtags.items():
        if not why.strip():
            yield f"excluded hashtag '{tag}' has no reason: say what else it brings"
        if tag in c.seed_hashtags:
            yield f"hashtag '{tag}' is seed and excluded: take it out of one"
    for benchmark in BENCHMARKS:
        for name in getattr(c.mappings, benchmark):
            if name not in benchmark_classes(benchmark):
                yield f"{benchmark} has no class '{name}': data/benchmarks/{benchmark}.txt has the exact names"
    yield from _prompts_alone(c)
    if "minors" not in c.risks:
        yield from _children(c)


def _children(c: GivenClass) -> Iterator[str]:
    """Find texts of a class without the flag `minors` that name a child."""
    for field, text in (("name", c.name), ("definition", c.definition), *(("prompt", p) for p in c.prompts)):
        if word := word_for_a_child(text):
            yield (
                f"{field} '{text}' names a child ('{word}'), and frames of children would be looked for: speak of a "
                f"person or an adult, or, where the class is about children, give it risks: [minors]"
            )


def _too_long(c: GivenClass, reader: Reader) -> Iterator[str]:
    for prompt in c.prompts:
        if (num := reader.num_tokens(prompt)) > reader.max_tokens:
            words = prompt.split()
            while words and reader.num_tokens(" ".join(words)) > reader.max_tokens:
                words.pop()
            yield (
                f"prompt '{prompt}' has {num} tokens, of which {reader.model} reads {reader.max_tokens}: it is cut "
                f"after '{' '.join(words[-3:])}', so shorten it"
            )


def _prompts_alone(c: GivenClass) -> Iterator[str]:
    """A prompt names the action if it shares a word's first letters with the name, the definition or a tag."""
    tags = " ".join(c.seed_hashtags)
    names = _stems(f"{c.id} {c.name}")
    about = names | _stems(c.definition)
    naming = 0
    for prompt in c.prompts:
        stems = _stems(prompt)
        by_tag = any(len(stem) == _STEM_LETTERS and stem in tags for stem in stems)
        naming += bool(stems & names) or by_tag
        if not stems & about and not by_tag:
            yield f"prompt '{prompt}' has no word of the name, the definition or a tag: name what is done"
    if c.prompts and naming < _MIN_NAMING_PROMPTS:
        yield f"{naming} of its prompts name the action: at least {_MIN_NAMING_PROMPTS} should"


def _tags(classes: Sequence[GivenClass]) -> Iterator[Fault]:
    """A seed tag belongs to one class, also where it is written with other accents, unless all of them share it."""
    holders: dict[str, list[tuple[str, GivenClass]]] = defaultdict(list)
    for c in classes:
        for tag in c.seed_hashtags:
            holders[_without_accents(tag)].append((tag, c))
    for held in holders.values():
        ids = sorted({c.id for _, c in held})
        for tag, c in held:
            others = ", ".join(i for i in ids if i != c.id)
            if others and tag not in c.shared_hashtags:
                yield Fault(
                    class_id=c.id,
                    says=f"seed tag '{tag}' also stands in {others}: leave it to one, or list it under "
                    f"shared_hashtags of each",
                )
    for c in classes:
        for tag in c.shared_hashtags:
            if tag not in c.seed_hashtags:
                yield Fault(class_id=c.id, says=f"shared hashtag '{tag}' is none of its seed tags")
            elif len({other.id for _, other in holders[_without_accents(tag)]}) == 1:
                yield Fault(class_id=c.id, says=f"shared hashtag '{tag}' stands in no other class")


def _siblings(classes: Sequence[GivenClass]) -> Iterator[Fault]:
    by_id = {c.id: c for c in classes}
    for c in classes:
        for sibling in c.siblings:
            if sibling == c.id:
                yield Fault(class_id=c.id, says="is its own sibling")
            elif sibling not in by_id:
                yield Fault(class_id=c.id, says=f"sibling '{sibling}' is no class")
            elif c.id not in by_id[sibling].siblings:
                yield Fault(class_id=c.id, says=f"sibling '{sibling}' does not name it back")


def _prompts(classes: Sequence[GivenClass]) -> Iterator[Fault]:
    holders: dict[str, list[str]] = defaultdict(list)
    for c in classes:
        for prompt in c.prompts:
            holders[" ".join(prompt.casefold().split())].append(c.id)
    for prompt, ids in holders.items():
        if len(ids) > 1:
            yield from (Fault(class_id=i, says=f"prompt '{prompt}' stands {len(ids)} times") for i in sorted(set(ids)))


def _without_group(files: Sequence[ClassFile]) -> Iterator[GivenClass]:
    return (c for file in files if not file.group for c in file.classes)


def _stems(text: str) -> set[str]:
    words = re.findall(r"[^\W\d_]{3,}", text.casefold())
    return {word[:_STEM_LETTERS] for word in words if word not in _SAY_NOTHING.split()}


def _without_accents(tag: str) -> str:
    """Latin letters without their marks; other scripts' marks make other letters and stay."""
    letters = []
    for letter in tag:
        parts = unicodedata.normalize("NFD", letter)
        letters.append(parts[0] if parts[0].isascii() else letter)
    return "".join(letters)
