"""Small changes to the text of a YAML file: comments, order, quotes and line breaks of all else stay as they are.

A YAML writer would lay out the whole file anew and drop its comments. Here the parser only says where a value lies, and
the text is changed there. Each change gives a new text, since places in the old one no longer hold.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from h2a_curation.foundation.yaml_file import LOADER, parse

INDENT = 2
"""Columns from a key to what stands below it, where a file shows no other."""

_ANCHOR_OR_TAG = re.compile(r"(?:[&!]\S*\s+)+")

Way = tuple[str | int, ...]
"""Keys and indices from the top of a file to one of its values."""


def replace_scalars(text: str, is_wanted: Callable[[Way, str], bool], new: str) -> str:
    """The text with each wanted scalar replaced; `is_wanted` gets the way to it and its text."""
    wanted = [node for way, node in _scalars((), _root(text)) if is_wanted(way, node.value)]
    spans = {(_start(text, node), node.end_mark.index) for node in wanted}
    for start, end in sorted(spans, reverse=True):  # from the end, so that the places before still hold
        text = f"{text[:start]}{plain(new)}{text[end:]}"
    return text


def append(text: str, way: Way, item: str, flow_item: str) -> str:
    """The text with one more item at the end of the list at `way`; the list is made where there is none.

    `item` is written where a list has a line for each item, `flow_item` where it stands in brackets. The mapping that
    has the list must be there.
    """
    *above, key = way
    node = _at(_root(text), tuple(above))
    if not isinstance(node, yaml.MappingNode):
        raise ValueError(f"{'.'.join(map(str, above)) or 'the file'} is no mapping: write it by hand")
    found = _value(node, str(key))
    if found is None or (isinstance(found, yaml.ScalarNode) and not found.value):  # `classes:` with nothing after it
        if found is not None:
            return _insert_below(text, found.end_mark.index, _block_item(item, _column(node) + INDENT))
        lines = _block_item(item, _column(node) + INDENT)
        return add_key(text, tuple(above), str(key), f"\n{lines}", f"[{flow_item}]")
    if not isinstance(found, yaml.SequenceNode):
        raise ValueError(f"{key} is no list: write it by hand")
    if found.flow_style:
        if not found.value:
            place = found.start_mark.index + 1
            return f"{text[:place]}{flow_item}{text[place:]}"
        place = _end(found.value[-1])
        return f"{text[:place]}, {flow_item}{text[place:]}"
    return _insert_below(text, _end(found), _block_item(item, found.start_mark.column))


def add_key(text: str, way: Way, key: str, value: str, flow_value: str) -> str:
    """The text with `key: value` at the end of the mapping at `way`; `flow_value` where the mapping is in braces."""
    node = _at(_root(text), way)
    if not isinstance(node, yaml.MappingNode):
        raise ValueError(f"{'.'.join(map(str, way)) or 'the file'} is no mapping: write it by hand")
    if node.flow_style:
        place = _end(node.value[-1][1]) if node.value else node.start_mark.index + 1
        comma = ", " if node.value else ""
        return f"{text[:place]}{comma}{key}: {flow_value}{text[place:]}"
    space = "" if value.startswith("\n") else " "
    return _insert_below(text, _end(node), f"{' ' * _column(node)}{key}:{space}{value}")


def plain(value: str) -> str:
    """A string as YAML writes it: in quotes where it would be read as something else, such as `no` or `12`."""
    return value if parse(value) == value else yaml.dump(value, default_flow_style=True).strip().split("\n")[0]


def _root(text: str) -> Any:
    return yaml.compose(text, Loader=LOADER)


def _scalars(way: Way, node: Any) -> Iterator[tuple[Way, yaml.ScalarNode]]:
    if isinstance(node, yaml.ScalarNode):
        yield way, node
    elif isinstance(node, yaml.SequenceNode):
        for place, inner in enumerate(node.value):
            yield from _scalars((*way, place), inner)
    elif isinstance(node, yaml.MappingNode):
        for key, inner in node.value:
            yield from _scalars((*way, key.value), inner)


def _at(node: Any, way: Way) -> Any:
    for step in way:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
        else:
            node = _value(node, str(step)) if isinstance(node, yaml.MappingNode) else None
    return node


def _value(node: yaml.MappingNode, key: str) -> Any:
    return next((inner for known, inner in node.value if known.value == key), None)


def _column(node: Any) -> int:
    """The column in which a block mapping's keys begin."""
    column: int = node.value[0][0].start_mark.column if node.value else node.start_mark.column
    return column


def _start(text: str, node: yaml.ScalarNode) -> int:
    """The place of a scalar's first character; the parser counts an anchor or a tag before it as part of it."""
    found = _ANCHOR_OR_TAG.match(text, node.start_mark.index)
    return found.end() if found else node.start_mark.index


def _end(node: Any) -> int:
    """The place after the last character of a node: that of a block reaches over the empty lines below it."""
    if isinstance(node, yaml.MappingNode | yaml.SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    place: int = node.end_mark.index
    return place


def _insert_below(text: str, place: int, lines: str) -> str:
    """The text with lines after the line of `place`; a block scalar ends at the start of the line after it."""
    if place and text[place - 1] == "\n":
        return f"{text[:place]}{lines}\n{text[place:]}"
    end = text.find("\n", place)
    if end < 0:
        return f"{text}\n{lines}\n"
    return f"{text[: end + 1]}{lines}\n{text[end + 1 :]}"


def _block_item(item: str, column: int) -> str:
    first, *rest = item.rstrip("\n").split("\n")
    return "\n".join(
        [f"{' ' * column}- {first}", *(f"{' ' * (column + INDENT)}{line}" if line else line for line in rest)]
    )
