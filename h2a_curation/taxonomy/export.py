"""Classes as others read them: JSON lines, CSV, a class file, or a page."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import yaml

from h2a_curation.foundation.csv_text import csv_text
from h2a_curation.taxonomy.model import BENCHMARKS, ActionClass, GivenClass

LIST_SEPARATOR = "|"
"""Between the items of a list in one cell of a CSV file: no tag, prompt or benchmark class has it."""
COLUMNS = (
    *("label", "id", "name", "group", "definition", "seed_hashtags", "excluded_hashtags", "prompts", "siblings"),
    *("person_required", "must_show", "clip_stride", "risks", *BENCHMARKS),
)
"""Columns of the CSV form; `seed_hashtags` and `excluded_hashtags` hold `tag=reason` items."""


def as_jsonl(classes: Sequence[ActionClass]) -> str:
    """One object a class; its tags, prompts and siblings are lists of strings, its mappings lists by benchmark."""
    return "".join(json.dumps(_object(c), ensure_ascii=False) + "\n" for c in classes)


def as_csv(classes: Sequence[ActionClass]) -> str:
    """One row a class, with COLUMNS; lists are joined by LIST_SEPARATOR. `h2a classes import` reads it back."""
    return csv_text([COLUMNS, *([_cell(c, column) for column in COLUMNS] for c in classes)])


def as_class_file(group: str, classes: Sequence[GivenClass | ActionClass]) -> str:
    """A class file that `--classes` takes, with every key that holds something, in the style of those that ship."""
    content = {"group": group, "classes": [_entry(c) for c in classes]}
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def as_entry(given: GivenClass) -> str:
    """One class as an item of a class file's list, without its dash, in the style of those that ship."""
    return yaml.dump(_entry(given), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=114)


def as_flow(value: Any) -> str:
    """A value on one line in braces or brackets, as it may stand in a class file."""
    return yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6
    ).strip()


def as_flow_entry(given: GivenClass) -> str:
    """One class in braces, for a list that stands in brackets."""
    return as_flow(_Inline(_entry(given) | {"prompts": given.prompts}))


class _Inline(dict[str, Any]):
    """A mapping that stands on one line; a tuple does so too, a list has a line for each item."""


class _Dumper(yaml.SafeDumper):
    """Prompts and classes one a line, below their key and indented; all else in lines."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


_Dumper.add_representer(
    _Inline, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True)
)
_Dumper.add_representer(
    tuple, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)
)


def _object(c: ActionClass) -> dict[str, Any]:
    return {
        "id": c.id,
        "name": c.name,
        "group": c.group,
        "definition": c.definition,
        "label": c.label,
        "seed_hashtags": list(c.seed_hashtags),
        "prompts": list(c.prompts),
        "siblings": list(c.siblings),
        "person_required": c.person_required,
        "must_show": c.must_show,
        "mappings": {benchmark: list(getattr(c.mappings, benchmark)) for benchmark in BENCHMARKS},
    }


def _cell(c: ActionClass, column: str) -> str:
    value: Any = getattr(c.mappings if column in BENCHMARKS else c, column)
    if isinstance(value, dict):
        return LIST_SEPARATOR.join(f"{tag}={why}" for tag, why in value.items())
    if isinstance(value, tuple):
        return LIST_SEPARATOR.join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _entry(c: GivenClass | ActionClass) -> dict[str, Any]:
    """The keys of a class file, in its order; what is empty, and what the file says elsewhere, is left out."""
    given: dict[str, Any] = {key: _Inline(v) if isinstance(v, dict) else v for key, v in asdict(c).items()}
    given["mappings"] = _Inline({benchmark: names for benchmark, names in given["mappings"].items() if names})
    given["prompts"] = list(c.prompts)
    elsewhere, not_empty = ("group", "former_ids"), (0, False)
    return {key: v for key, v in given.items() if key not in elsewhere and (v or v in not_empty)}
