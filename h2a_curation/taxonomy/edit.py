"""New classes, and classes under another id, in the class files as they stand: comments and layout are kept.

Each function reads all files, and returns the texts of those that change. Nothing is written before the texts were read
back as class files and are what was meant; `write` then puts them in place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from h2a_curation.foundation import yaml_edit, yaml_file
from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.taxonomy import ledger
from h2a_curation.taxonomy.export import as_entry, as_flow, as_flow_entry
from h2a_curation.taxonomy.hashtags import normalise
from h2a_curation.taxonomy.lint import place
from h2a_curation.taxonomy.load import class_named, complete, read_files
from h2a_curation.taxonomy.model import Change, ClassFile, GivenClass

Texts = dict[Path, str]
"""The whole new text of each file that changes."""


def new_class(path: Path, group: str, given: GivenClass) -> Texts:
    """A class with the next free label at the end of its group's file, and of the lists of those it names as siblings.

    `path` is a class file or a folder of them. ValueError where the id or a prompt is taken, or a sibling is no class.
    """
    there = _read(path)
    files = [file for _, file in there.values()]
    target = path if _is_file(path) else _file_of_group(there, path, group)
    if target in there and there[target][1].group != group:
        raise ValueError(f"{target} is of group '{there[target][1].group}', not '{group}': name another file or group")
    _refuse_taken(given.id, files)
    _refuse_unlabelled(path, files)
    taken = [*ledger.labels_of(files), *(ledger.read_ledger(ledger.ledger_path(path)) or [])]
    given = replace(given, label=1 + max((label for label, _ in taken), default=-1))
    wanted = {file: content for file, (_, content) in there.items()}
    texts = {file: text for file, (text, _) in there.items()}
    for sibling in given.siblings:
        class_named(sibling, complete(files, str(path)))  # ValueError with a hint where it is none
        file, index = _place_of(there, sibling)
        texts[file] = _with_sibling(texts[file], index, given.id)
        wanted[file] = _mapped(
            wanted[file], lambda c, s=sibling: replace(c, siblings=(*c.siblings, given.id)) if c.id == s else c
        )
    if target in there:
        texts[target] = yaml_edit.append(texts[target], ("classes",), as_entry(given), as_flow_entry(given))
        wanted[target] = replace(wanted[target], classes=(*wanted[target].classes, given))
    else:
        texts[target] = yaml_edit.append(f"group: {yaml_edit.plain(group)}\n", ("classes",), as_entry(given), "")
        wanted[target] = ClassFile(group=group, classes=(given,))
    return _checked(path, there, texts, wanted)


def renamed_class(path: Path, old: str, new: str, *, why: str, today: date) -> Texts:
    """The class under another id: its label goes on, and a line of history says so.

    Siblings' lists follow, and so do the recipes and the negatives that lie beside the class folder. ValueError where
    `old` is no class, or `new` is one or was one.
    """
    there = _read(path)
    files = [file for _, file in there.values()]
    label = class_named(old, complete(files, str(path))).label
    _refuse_taken(new, files)
    _refuse_unlabelled(path, files)
    change = Change(date=today, kind="renamed", classes={old: label}, into=(new,), why=why)
    home, index = _place_of(there, old)
    own = there[home][1].classes[index]
    # Name and tag that are made of the id would change with it, and the prompts with the name: they are written down.
    pinned = {} if own.name else {"name": old.replace("-", " ").capitalize()}
    tags = {} if own.seed_hashtags else {"seed_hashtags": {normalise(old): "noun"}}
    texts, wanted = {}, {}
    for file, (text, content) in there.items():
        texts[file] = yaml_edit.replace_scalars(text, _names_a_class(old), new) if old in text else text
        wanted[file] = _mapped(
            content,
            lambda c: replace(
                c, id=new if c.id == old else c.id, siblings=tuple(new if s == old else s for s in c.siblings)
            ),
        )
    for key, value in (pinned | tags).items():
        shown = as_flow(value) if isinstance(value, dict) else yaml_edit.plain(value)
        texts[home] = yaml_edit.add_key(texts[home], ("classes", index), key, shown, shown)
    line = as_flow({"date": today, "kind": "renamed", "classes": {old: label}, "into": [new], "why": why})
    texts[home] = yaml_edit.append(texts[home], ("history",), line, line)
    wanted[home] = replace(
        _mapped(wanted[home], lambda c: replace(c, **pinned, **tags) if c.id == new else c),
        history=(*wanted[home].history, change),
    )
    return _checked(path, there, texts, wanted) | _beside(path, old, new)


def write(texts: Mapping[Path, str]) -> None:
    """Put the new texts in place, each at once; the ledger comes last, so that it never knows more than the files."""
    for file in sorted(texts, key=lambda file: (file.suffix == ".csv", file)):
        with replaced(file.parent, file) as target:
            target.write(texts[file].encode("utf-8"))


def _is_file(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml")


def _read(path: Path) -> dict[Path, tuple[str, ClassFile]]:
    """Each class file's text and content; none where nothing is there yet."""
    if not path.exists() or (path.is_dir() and not list(path.glob("*.yaml"))):
        return {}
    paths = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    return {p: (p.read_text(encoding="utf-8"), content) for p, content in zip(paths, read_files(path), strict=True)}


def _file_of_group(there: Mapping[Path, tuple[str, ClassFile]], folder: Path, group: str) -> Path:
    return next((file for file, (_, content) in there.items() if content.group == group), folder / f"{group}.yaml")


def _place_of(there: Mapping[Path, tuple[str, ClassFile]], class_id: str) -> tuple[Path, int]:
    """The file that a class stands in, and which of its classes it is."""
    return next(
        (file, index)
        for file, (_, content) in there.items()
        for index, c in enumerate(content.classes)
        if c.id == class_id
    )


def _mapped(content: ClassFile, change: Any) -> ClassFile:
    return replace(content, classes=tuple(change(c) for c in content.classes))


def _with_sibling(text: str, index: int, class_id: str) -> str:
    name = yaml_edit.plain(class_id)
    given = yaml_file.parse(text)["classes"][index]
    if given.get("siblings"):
        return yaml_edit.append(text, ("classes", index, "siblings"), name, name)
    if "siblings" in given:
        raise ValueError(f"class '{given['id']}' has an empty list of siblings: take its key out first")
    return yaml_edit.add_key(text, ("classes", index), "siblings", f"[{name}]", f"[{name}]")


def _names_a_class(class_id: str) -> Any:
    """Whether a scalar of a class file is this id: that of the class, or in a list of siblings; history stays."""

    def is_one(way: yaml_edit.Way, value: str) -> bool:
        names = [step for step in way if isinstance(step, str)]
        return value == class_id and names in (["classes", "id"], ["classes", "siblings"])

    return is_one


def _refuse_taken(class_id: str, files: Sequence[ClassFile]) -> None:
    if class_id in {c.id for file in files for c in file.classes}:
        raise ValueError(f"class '{class_id}' is there already; `h2a classes show {class_id}` shows it")
    if class_id in {ended for file in files for change in file.history for ended in change.classes}:
        raise ValueError(f"class '{class_id}' has ended, says the history, and its id is never used again")


def _refuse_unlabelled(path: Path, files: Sequence[ClassFile]) -> None:
    """Classes without a label are numbered after the others, so a new label or an ended one would number them anew."""
    for file in files:
        for c in file.classes:
            if c.label is None:
                raise ValueError(f"{place(path, c.id)}: class '{c.id}' has no label of its own: give it one first")


def _checked(
    path: Path, there: Mapping[Path, tuple[str, ClassFile]], texts: Texts, wanted: Mapping[Path, ClassFile]
) -> Texts:
    """The texts that differ from what is there, and the ledger with the new labels, if there is a ledger.

    ValueError where the texts do not say what was meant, as where a file uses YAML in a way that no class file needs.
    """
    for file, text in texts.items():
        if yaml_file.check(yaml_file.parse(text), ClassFile) != wanted[file]:
            raise ValueError(f"{file} is written in a way that this command cannot change: do it by hand")
    complete(list(wanted.values()), str(path))
    changed = {file: text for file, text in texts.items() if file not in there or text != there[file][0]}
    known = ledger.read_ledger(ledger.ledger_path(path))
    if known is not None:
        rows = ledger.with_new_labels(known, list(wanted.values()))
        changed[ledger.ledger_path(path)] = ledger.as_ledger(rows)
    return changed


def _beside(path: Path, old: str, new: str) -> Texts:
    """The negatives and the recipes beside a class folder that name the class, as in `data/`."""
    if _is_file(path):
        return {}
    places = {path.parent / "negatives.yaml": ["negatives", "shown_by"]}
    places |= {recipe: ["only_classes"] for recipe in sorted((path.parent / "recipes").glob("*.yaml"))}
    texts = {}
    for file, names in places.items():
        if not file.exists() or old not in (text := file.read_text(encoding="utf-8")):
            continue

        def is_one(way: yaml_edit.Way, value: str, names: list[str] = names) -> bool:
            return value == old and [step for step in way if isinstance(step, str)] == names

        changed = yaml_edit.replace_scalars(text, is_one, new)
        if changed != text:
            texts[file] = changed
    return texts
