"""Read a YAML file into checked dataclasses: every mistake is one line with file, line and remedy."""

import dataclasses
import difflib
import functools
import re
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError
from yaml.constructor import SafeConstructor

from h2a_curation.foundation.misfit import MisfitError, Place
from h2a_curation.foundation.plain_text import read_text

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser is ten times faster, and is in every wheel of PyYAML; a build from source may lack it."""

_MOST_VALUES = 100_000
"""Values that aliases may add to those that are written out."""

_MOST_LEVELS = 100
_MOST_BYTES = 8 * 2**20
_MOST_MARKS = 200_000
"""Lines, commas and opening brackets: the shipped classes have 16,000 in all; a text of 800,000 takes half a minute."""
_SHOWN = 80
"""Letters of an option that an error repeats."""
_BRACKET = re.compile(r"[\[\]{}]")
_MOST_DIGITS = 250
"""The longest whole number, whatever its base: a float, which most fields make of it, can hold no longer one."""
_DEEP_LINE = re.compile(rf"(?m)^[ \t?-]{{{_MOST_LEVELS}}}")
T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Plain content, and where somebody wrote it."""

    name: str
    """A file's path, or the words of an option."""
    content: Any
    root: yaml.Node | None = None
    """The content's place in the file; None where it stands in no file."""

    def where(self, place: Place) -> str:
        """The place in the layer, for an error's reader."""
        return self.name if self.root is None else f"{self.name}:{_line(self.root, place)}"


def load(file: Path, into: type[T]) -> T:
    """The file's content as an instance of the dataclass `into`; ValueError names file, line and what to do."""
    return merged([read(file)], into)


def merged(layers: Sequence[Layer], into: type[T]) -> T:
    """Layers as one instance of `into`; ValueError names the layer and line that is wrong, and what to do.

    A later layer goes before an earlier one: key by key in mappings, while lists and single values are replaced whole.
    """
    try:
        return check(functools.reduce(_over, [layer.content for layer in layers]), into)
    except MisfitError as misfit:
        told = next((layer for layer in reversed(layers) if holds(layer.content, misfit.place)), layers[-1])
        raise ValueError(f"{told.where(misfit.place)}: {misfit}") from misfit


def _over(below: Any, above: Any) -> Any:
    """What two layers say together."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: _over(below[key], value) if key in below else value for key, value in above.items()}}


def holds(content: Any, place: Place) -> bool:
    """Whether the content says something at the place; a list says all that lies in it, also what it lacks."""
    for step in place:
        try:
            content = content[step]
        except (KeyError, IndexError, TypeError):
            return isinstance(content, list)
    return True


def setting(text: str) -> Layer:
    """A `--set KEY=VALUE` of the command line, such as `decide.post.max_duration_s=30`, the value being YAML.

    ValueError for any other text.
    """
    key, sign, value = text.partition("=")
    names = key.split(".")
    option = f"--set {text}" if len(text) <= _SHOWN else f"--set {text[:_SHOWN]}..."
    if not sign or not all(names) or len(names) > _MOST_LEVELS:
        raise ValueError(f"{option}: write KEY=VALUE, such as decide.post.max_duration_s=30")
    try:
        content = _content(_root(value))
    except _BrokenError as broken:
        raise ValueError(f"{option}: {broken}") from broken
    for name in reversed(names):
        content = {name: content}
    return Layer(name=option, content=content)


def parse(text: str) -> Any:
    """What a text of our own says, by the safe loader; what others wrote is for `read` and `setting`, with limits.

    YAMLError where it is no YAML.
    """
    return yaml.load(text, Loader=LOADER)  # nosec B506  # a safe loader, which makes plain values only


def with_paths_from(folder: Path, content: Any, hint: Any) -> Any:
    """Content for `hint` in which each path says the same from anywhere, those of the content being beside `folder`."""
    kinds = (hint, *typing.get_args(hint))
    if isinstance(content, str) and Path in kinds:
        return str((folder / Path(content).expanduser()).absolute())
    if isinstance(content, dict) and (of := next(filter(dataclasses.is_dataclass, kinds), None)):
        hints = _hints(typing.cast("type", of))
        return {key: with_paths_from(folder, value, hints.get(key)) for key, value in content.items()}
    return content


def read(file: Path) -> Layer:
    """What stands in the file, not yet held against what it should be. ValueError names file, line and what to do."""
    try:
        text = read_text(file)
        root = _root(text)
        content = {} if root is None else _content(root)
    except FileNotFoundError as missing:
        raise ValueError(f"{file}: there is no such file") from missing
    except _BrokenError as broken:
        raise ValueError(f"{file}{broken.line}: {broken}") from broken
    if twice := _key_given_twice(root):
        raise ValueError(f"{file}:{twice.start_mark.line + 1}: '{twice.value}' stands twice here; keep one")
    return Layer(name=str(file), content=content, root=root)


class _BrokenError(ValueError):
    """What a stranger's text is that cannot be read as YAML; a line by `line`, as `:3`, where one is to blame."""

    def __init__(self, text: str, mark: Any = None) -> None:
        super().__init__(text)
        self.line = "" if mark is None else f":{mark.line + 1}"


def _root(text: str) -> yaml.Node | None:
    """The text as nodes, not yet values; _BrokenError where it is no YAML or would grow without end."""
    if len(text) > _MOST_BYTES or sum(map(text.count, "\n,[{")) > _MOST_MARKS:
        raise _BrokenError(f"more than {_MOST_MARKS:,} lines and commas, or {_MOST_BYTES // 2**20} MiB; write less")
    if _is_too_deep(text):
        raise _BrokenError(f"lists stand in lists, more than {_MOST_LEVELS} deep; mend it")
    try:
        root = yaml.compose(text, Loader=LOADER)
    except yaml.YAMLError as broken:
        raise _not_yaml(broken) from broken
    if root is not None and (grown := _grown(root)):
        raise _BrokenError("aliases make this grow without end; write it out", grown.start_mark)
    return root


_WHOLE_NUMBER = "tag:yaml.org,2002:int"
_CANNOT_BE = (ValueError, IndexError, KeyError, AttributeError, TypeError, ArithmeticError)
"""What PyYAML raises for a day of month 13, a number of 5,000 digits, or a `!!bool maybe`."""


def _content(root: yaml.Node | None) -> Any:
    """Plain values of the nodes; _BrokenError names the line of one that cannot be the value that it is marked as."""
    if root is None:
        return None
    if long := _long_number(root):
        raise _BrokenError(f"a number of more than {_MOST_DIGITS} digits; mend it, or put quotes around it", long)
    try:
        return SafeConstructor().construct_document(root)
    except yaml.YAMLError as broken:
        raise _not_yaml(broken) from broken
    except _CANNOT_BE as broken:
        raise _BrokenError(
            f"a value that cannot be read ({_first_line(broken):.80}); mend it, or put quotes around it",
            _unmakeable(root),
        ) from broken


def _long_number(node: yaml.Node) -> Any:
    """The place of the first whole number that no field can be."""
    if isinstance(node, yaml.ScalarNode):
        return node.start_mark if node.tag == _WHOLE_NUMBER and len(node.value) > _MOST_DIGITS else None
    return next(filter(None, map(_long_number, _inner(node))), None)


def _unmakeable(node: yaml.Node) -> Any:
    """The place of the first value that cannot be made."""
    if isinstance(node, yaml.ScalarNode):
        try:
            SafeConstructor().construct_document(node)
        except _CANNOT_BE:
            return node.start_mark
    return next(filter(None, map(_unmakeable, _inner(node))), None)


def _not_yaml(broken: yaml.YAMLError) -> _BrokenError:
    return _BrokenError(f"not valid YAML: {_first_line(broken)}; mend it there", getattr(broken, "problem_mark", None))


def _is_too_deep(text: str) -> bool:
    """Whether its nesting would end the process: libyaml's parser has no limit, but what makes nodes of it recurses."""
    depth = deepest = 0
    for mark in _BRACKET.findall(text):
        depth = max(0, depth + (1 if mark in "[{" else -1))
        deepest = max(deepest, depth)
    if deepest <= _MOST_LEVELS and not _DEEP_LINE.search(text):
        return False
    level = 0  # brackets may stand in quotes: what the parser says counts
    try:
        for event in yaml.parse(text, Loader=LOADER):
            level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if level > _MOST_LEVELS:
                return True
    except yaml.YAMLError:
        return False  # broken before it is deep: compose says where
    return False


def _grown(root: yaml.Node) -> yaml.Node | None:
    """The node at which aliases of aliases have made the content far larger than what is written, or hold themselves.

    Each node is looked at once, so that a few lines which stand for billions of values cost nothing.
    """
    sizes: dict[int, int] = {}

    def first_too_large(node: yaml.Node) -> yaml.Node | None:
        if id(node) in sizes:
            return None if sizes[id(node)] else node  # its size is not known yet: it is inside itself
        sizes[id(node)] = 0
        inner = _inner(node)
        for one in inner:
            if grown := first_too_large(one):
                return grown
        sizes[id(node)] = 1 + sum(sizes[id(one)] for one in inner)
        return node if sizes[id(node)] > _MOST_VALUES + 2 * len(sizes) else None

    return first_too_large(root)


def _inner(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [one for pair in node.value for one in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def check(content: Any, into: type[T]) -> T:
    """Plain content as an instance of `into`; raises MisfitError at the first thing that does not fit."""
    _refuse_unknown(content, into, ())
    try:
        checked: T = _adapter(typing.cast("Any", into)).validate_python(content)
        return checked
    except ValidationError as errors:
        first = errors.errors()[0]
        place = tuple(first["loc"])
        if isinstance(inner := first.get("ctx", {}).get("error"), MisfitError):  # a validator checked a part by itself
            place += inner.place
        where = ".".join(str(p) for p in place) or "the file"
        raise MisfitError(place, f"{where}: {first['msg'].removeprefix('Value error, ')}") from errors


@functools.cache
def _adapter(into: Any) -> TypeAdapter[Any]:
    """Built once: it costs more than reading a file."""
    return TypeAdapter(into)


@functools.cache
def _hints(into: type) -> dict[str, Any]:
    """Type of each key that the dataclass takes, in its order."""
    hints = typing.get_type_hints(into)
    return {f.name: hints[f.name] for f in dataclasses.fields(into)}


def _refuse_unknown(content: Any, hint: Any, place: Place) -> None:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(content, dict):
            raise MisfitError(place, f"{'.'.join(map(str, place)) or 'the file'} must be a mapping of names to values")
        hints = _hints(hint)
        known = list(hints)
        for key, value in content.items():
            if key not in known:
                raise MisfitError((*place, key), _unknown(str(key), hint, known))
            _refuse_unknown(value, hints[key], (*place, key))
        return
    inner = typing.get_args(hint)
    if isinstance(content, list) and inner:
        for i, value in enumerate(content):
            _refuse_unknown(value, inner[0], (*place, i))
    elif isinstance(content, dict):
        for option in inner:
            if dataclasses.is_dataclass(option):
                _refuse_unknown(content, option, place)


def _unknown(key: str, into: type, known: list[str]) -> str:
    """A dataclass may say in NOT_HERE where a key belongs that people look for in it."""
    if elsewhere := getattr(into, "NOT_HERE", {}).get(key):
        return f"'{key}' cannot stand in this file: {elsewhere}; known are {', '.join(known)}"
    return f"unknown key '{key}'; {_nearest(key, known)}"


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"known are {', '.join(known) or 'none'}"


def _key_given_twice(node: yaml.Node | None) -> yaml.ScalarNode | None:
    """The first key that repeats one of its own mapping: YAML forbids it, PyYAML silently keeps the last."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    return key
                seen.add(key.value)
    return next(filter(None, map(_key_given_twice, [] if node is None else _inner(node))), None)


def beside(file: Path, path: Path) -> Path:
    """A path that stands in the file: relative to the file's folder, `~` being the reader's own home."""
    return file.parent / path.expanduser()


def _line(node: yaml.Node | None, place: Place) -> int:
    """The line (from 1) of the deepest node that the place reaches."""
    line = 1 if node is None else node.start_mark.line + 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def _first_line(error: Exception) -> str:
    said = str(getattr(error, "problem", None) or error) or type(error).__name__
    return " ".join(said.splitlines()[0].split())
