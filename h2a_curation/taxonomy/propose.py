"""Class files from other people's lists (hashtags one a line, CSV, YAML): what they lack is proposed by rule."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from h2a_curation.foundation import csv_file, yaml_file
from h2a_curation.foundation.csv_text import cell_text
from h2a_curation.foundation.plain_text import read_text
from h2a_curation.taxonomy.export import COLUMNS, LIST_SEPARATOR
from h2a_curation.taxonomy.hashtags import normalise
from h2a_curation.taxonomy.load import prompts_by_rule
from h2a_curation.taxonomy.model import BENCHMARKS, ActionClass, ClassFile, GivenClass, Mappings

_TO_WRITE = ("definition", "excluded_hashtags", "siblings")
_TAG_COLUMNS = ("hashtag", "tag")
_MAX_WORD_LETTERS = 20
_MOST_BYTES = 4 * 2**20
"""All shipped classes, with all that is said of them, have 0.4 MB."""
_MOST_LETTERS = 150
_MOST_DIGITS = 10
"""A longer label is left to be refused as text."""
_MOST_CLASSES = 10_000
_BETWEEN = re.compile(r"[,;|，、；｜]+")
_SIGN = re.compile(r"[#＃﹟]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One class as it can be proposed, and what a person must still look at."""

    given: GivenClass
    taken_from: str | None
    """Id of the shipped class that has the tag, and gave its text."""
    todo: tuple[str, ...]


def propose(file: Path, shipped: Sequence[ActionClass]) -> list[Proposal]:
    """The classes that a .txt, .csv, .yaml or .yml file lists, in its order; ValueError names line and remedy.

    A hashtag that a shipped class answers to takes that class's text. Else its words, found by the vocabulary of the
    shipped classes, give name and prompts. A line that repeats another is no class of its own, and one with several
    hashtags is as many: two tags for one action are told, not merged.
    """
    readers = {".txt": _of_text, ".csv": _of_csv, ".yaml": _of_yaml, ".yml": _of_yaml}
    if file.suffix.lower() not in readers:
        raise ValueError(f"{file}: a list of classes is a .txt, .csv, .yaml or .yml file")
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError(f"{file}: more than {_MOST_BYTES // 2**20} MiB, which is no list of classes")
        given = readers[file.suffix.lower()](file, shipped)
    except FileNotFoundError as missing:
        raise ValueError(f"{file}: there is no such file") from missing
    if not given:
        raise ValueError(f"{file}: no class in it; list at least one hashtag")
    return _numbered(_among_themselves(_once(given)))


def words_of(tag: str, vocabulary: Iterable[str]) -> list[str]:
    """The fewest known words that make up the tag, longest first; the tag itself where none do.

    >>> words_of("playingbasketball", ["play", "playing", "basket", "ball", "basketball"])
    ['playing', 'basketball']
    """
    known = set(vocabulary)
    best: list[list[str] | None] = [[], *[None] * len(tag)]
    for end in range(1, len(tag) + 1):
        for start in range(max(0, end - _MAX_WORD_LETTERS), end):
            before, word = best[start], tag[start:end]
            if before is not None and word in known and (best[end] is None or len(before) + 1 < len(best[end] or ())):
                best[end] = [*before, word]
    return best[-1] or [tag]


def vocabulary(classes: Sequence[ActionClass]) -> set[str]:
    """The English words that the classes are described with."""
    text = " ".join(part for c in classes for part in (c.id, c.name, c.definition, *c.prompts))
    return {word for word in re.findall(r"[a-z]+", text.casefold()) if len(word) > 1}


def _of_text(file: Path, shipped: Sequence[ActionClass]) -> list[Proposal]:
    proposals: list[Proposal] = []
    for number, line in enumerate(read_text(file).split("\n"), 1):
        tags = [normalise(part) for part in _parts(line)]
        if line.strip() and not any(tags):
            raise ValueError(f"{file}:{number}: '{line.strip():.80}' has no letter or digit; write one hashtag a line")
        if len(proposals) + len(tags) > _MOST_CLASSES or any(len(tag) > _MOST_LETTERS for tag in tags):
            raise ValueError(
                f"{file}:{number}: a hashtag of more than {_MOST_LETTERS} letters, or more than {_MOST_CLASSES} of"
                " them; list hashtags that stand for actions"
            )
        proposals += [_proposal(*_of_tag(tag, shipped)) for tag in tags if tag]
    return proposals


def _parts(line: str) -> list[str]:
    """The hashtags of a line, whose words may have blanks between where they are no hashtags.

    >>> _parts("#yoga #squat"), _parts("yoga, air drumming"), _parts("air drumming")
    (['#yoga', '#squat'], ['yoga', 'air drumming'], ['air drumming'])
    """
    parts = [part for part in _BETWEEN.split(line) if part.strip()]
    tags = ((f"#{tag}" if _SIGN.search(part) else tag).strip() for part in parts for tag in _SIGN.split(part) if tag)
    return [tag for tag in tags if tag.strip("# ")]


def _of_csv(file: Path, shipped: Sequence[ActionClass]) -> list[Proposal]:
    columns, rows = csv_file.read(file)
    known = [*COLUMNS, *_TAG_COLUMNS]
    for column in columns:
        if column not in known:
            near = difflib.get_close_matches(column, known, n=1)
            raise ValueError(f"{file}:1: no column '{column}' is known; use {near[0] if near else ', '.join(known)}")
    if not {"id", *_TAG_COLUMNS} & set(columns):
        raise ValueError(f"{file}:1: no column says which class a row is: name one 'hashtag' or 'id'")
    return [_of_row(row, f"{file}:{line}", shipped) for line, row in rows]


def _of_yaml(file: Path, shipped: Sequence[ActionClass]) -> list[Proposal]:
    content = yaml_file.read(file).content
    if isinstance(content, list) and all(isinstance(tag, (str, int)) for tag in content):
        tags = [normalise(str(tag)) for tag in content]
        return [_proposal(*_of_tag(tag, shipped)) for tag in tags if tag]
    return [_proposal(c, None) for c in yaml_file.load(file, ClassFile).classes]


def _of_row(row: Mapping[str, Any], where: str, shipped: Sequence[ActionClass]) -> Proposal:
    cells = _with_number_as_label({key: cell_text((value or "").strip()) for key, value in row.items() if key})
    tag = normalise(cells.pop("hashtag", "") or cells.pop("tag", ""))
    if not tag and not cells.get("id"):
        raise ValueError(f"{where}: neither a hashtag nor an id; give one")
    try:
        start, taken_from = _of_tag(tag, shipped) if tag else (GivenClass(id=cells["id"]), None)
        return _proposal(_given(cells, start), taken_from)
    except ValueError as misfit:
        raise ValueError(f"{where}: {misfit}") from misfit


def _with_number_as_label(cells: dict[str, str]) -> dict[str, str]:
    """Lists such as that of Kinetics number their classes in a column `id` and call them by `name`: the number is a
    label, and the name says which class it is."""
    if not cells.get("id", "").isdecimal() or not cells.get("name"):
        return cells
    words = "-".join(re.findall(r"[a-z0-9]+", cells["name"].casefold()))
    return {"hashtag": normalise(cells["name"]), "label": cells["id"]} | cells | {"id": words}


def _given(cells: Mapping[str, str], start: GivenClass) -> GivenClass:
    """The class with what the row's cells say; empty cells say nothing."""
    said: dict[str, Any] = {"id": cells.get("id") or start.id}
    for column, cell in cells.items():
        items = [item.strip() for item in cell.split(LIST_SEPARATOR) if item.strip()]
        if column in ("seed_hashtags", "excluded_hashtags"):
            pairs = [item.partition("=") for item in items]
            said[column] = {normalise(tag): why or "noun" for tag, _, why in pairs}
        elif column in ("prompts", "siblings", "risks"):
            said[column] = items
        elif column in BENCHMARKS:
            said.setdefault("mappings", {})[column] = items
        elif cell and column != "group":
            said[column] = int(cell) if cell.isdecimal() and len(cell) < _MOST_DIGITS else cell
    checked = yaml_file.check(said, GivenClass)
    fields = _fields(checked, said)
    if "person_required" in said:  # the former key, which must not stand beside what a shipped class says
        fields |= {"must_show": checked.shown, "person_required": None}
    return replace(start, **fields)


def _fields(c: GivenClass, said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: getattr(c, key) for key, value in said.items() if value or value == 0}


def _of_tag(tag: str, shipped: Sequence[ActionClass]) -> tuple[GivenClass, str | None]:
    """A shipped class's text and id where one answers to the tag, else a name by the tag's words."""
    for c in shipped:
        if tag in c.seed_hashtags or tag == normalise(c.id):
            seeds = {tag: c.seed_hashtags.get(tag, "noun")} | c.seed_hashtags
            return replace(_given_of(c), seed_hashtags=seeds), c.id
    words = words_of(tag, vocabulary(shipped)) if tag.isascii() else [tag]
    class_id = "-".join(words) if tag.isascii() else "tag-" + "-".join(f"{ord(letter):x}" for letter in tag)
    return GivenClass(id=class_id, name=" ".join(words).capitalize(), seed_hashtags={tag: _principle(words)}), None


def _proposal(given: GivenClass, taken_from: str | None) -> Proposal:
    """What is missing named, and prompts made from the name."""
    name = given.name or " ".join(given.id.split("-")).capitalize()
    todo = [field for field in _TO_WRITE if not getattr(given, field)]
    if not given.prompts:
        todo.append("prompts (made from the name)")
    if not given.name:
        todo.append("name (made from the id)")
    seeds = given.seed_hashtags or {normalise(given.id): "noun"}
    prompts = given.prompts or prompts_by_rule(name)
    full = replace(given, name=name, seed_hashtags=seeds, prompts=prompts)
    return Proposal(given=full, taken_from=taken_from, todo=tuple(todo))


def _given_of(c: ActionClass) -> GivenClass:
    keys = (*("id", "name", "definition", "seed_hashtags", "excluded_hashtags", "prompts", "siblings"),)
    more = ("must_show", "clip_stride", "risks", "mappings")
    return GivenClass(**{key: getattr(c, key) for key in (*keys, *more)})


def reason_of(tag: str, class_id: str, shipped: Sequence[ActionClass]) -> str:
    """The reason code that a tag of a class gets by its form, where nobody names one."""
    return _principle(words_of(tag, vocabulary(shipped) | set(class_id.split("-"))))


def _principle(words: Sequence[str]) -> str:
    """The reason code of a tag by its form: `soccerjuggling` is noun-verb, `piano` a noun."""
    return "noun-verb" if len(words) > 1 and words[-1].endswith("ing") else "noun"


def _once(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Proposals without those that say what an earlier one said."""
    kept: list[Proposal] = []
    alike: dict[tuple[str, str], list[Proposal]] = {}
    for p in proposals:
        same = alike.setdefault((p.given.id, next(iter(p.given.seed_hashtags))), [])
        if p not in same:
            same.append(p)
            kept.append(p)
    return kept


def _among_themselves(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Ids made unique, tags left to the line that names them, siblings kept where they are in the list."""
    own = {next(iter(p.given.seed_hashtags)): n for n, p in enumerate(proposals)}
    ids = {p.given.id for p in proposals}
    seen: dict[str, int] = {}
    result = []
    for n, p in enumerate(proposals):
        first = next(iter(p.given.seed_hashtags))
        seeds = {tag: why for tag, why in p.given.seed_hashtags.items() if own.get(tag, n) == n}
        siblings = tuple(s for s in p.given.siblings if s in ids)
        todo = p.todo if siblings or "siblings" in p.todo else (*p.todo, "siblings")
        given = replace(p.given, seed_hashtags=seeds or {first: "noun"}, siblings=siblings)
        if given.id in seen:
            todo = (*todo, f"the same action as '{given.id}'? then merge them")
            given = _renamed(given, first if first.isascii() and first not in ids else f"{given.id}-{n}")
            ids.add(given.id)
        seen[given.id] = n
        result.append(replace(p, given=given, todo=todo))
    return result


def _renamed(given: GivenClass, class_id: str) -> GivenClass:
    """The same tags under another id, with nothing that the first bearer of the old one has already."""
    name = class_id.replace("-", " ").capitalize()
    return replace(given, id=class_id, name=name, prompts=prompts_by_rule(name), mappings=Mappings())


def _numbered(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Labels by the list's order where the list gives none."""
    if any(p.given.label is not None for p in proposals):
        return list(proposals)
    return [replace(p, given=replace(p.given, label=n)) for n, p in enumerate(proposals)]
