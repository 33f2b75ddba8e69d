"""A run's settings as its checkpoints hold them, and whether a stored run is the one that is asked for.

A run may have been begun before a setting existed. What its checkpoint lacks then has the default of its field, so a
new field's default must be what was done before the field was there.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_ABSENT = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One setting in which a stored run is another one than that which is asked for."""

    place: tuple[str, ...]
    """Names from the outermost field inwards."""
    stored: Any
    asked: Any
    metadata: Mapping[str, Any]
    """What the field is marked with: see rules.py."""

    @property
    def field(self) -> str:
        """The outermost field, such as `preset` or `seed`."""
        return self.place[0]

    @property
    def name(self) -> str:
        """The innermost field, such as `learning_rate`."""
        return self.place[-1]

    @property
    def says(self) -> str:
        """Its place, and both values."""
        return f"{'.'.join(self.place)} is {_shown(self.stored)} there and {_shown(self.asked)} here"

    def allowed(self, changeable: tuple[str, ...]) -> bool:
        """Whether a run may go on with it, when its recipe names these fields as changeable."""
        may_change = "may_change" in self.metadata and self.name in changeable
        return may_change or "free" in self.metadata or "always" in self.metadata

    @property
    def counts(self) -> bool:
        """Whether it decides numbers of the run."""
        return "free" not in self.metadata


def as_json(settings: "DataclassInstance") -> dict[str, Any]:
    """The settings as plain JSON values."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return plain


def differences(stored: Any, asked: "DataclassInstance") -> list[Difference]:
    """What a stored run's settings, as JSON holds them, say otherwise than those that are asked for."""
    filled = _with_defaults(stored if isinstance(stored, dict) else {}, type(asked))
    marks = dict(_marks((), type(asked)))
    return list(_differences((), filled, as_json(asked), marks))


def _with_defaults(stored: Mapping[str, Any], kind: "type[DataclassInstance]") -> dict[str, Any]:
    """The stored values, and for each field of `kind` that they lack its default, where it has one."""
    filled = dict(stored)
    hints = get_type_hints(kind)
    for field in fields(kind):
        inner = stored.get(field.name, _ABSENT)
        if isinstance(inner, dict) and is_dataclass(hints[field.name]):
            filled[field.name] = _with_defaults(inner, hints[field.name])
        elif inner is _ABSENT and field.default is not MISSING:
            filled[field.name] = json.loads(json.dumps(field.default))
    return filled


def _marks(
    place: tuple[str, ...], kind: "type[DataclassInstance]"
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """The metadata of each field, those of inner dataclasses too."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        yield (*place, field.name), field.metadata
        if is_dataclass(hints[field.name]):
            yield from _marks((*place, field.name), hints[field.name])


def _differences(
    place: tuple[str, ...], stored: Any, asked: Any, marks: Mapping[tuple[str, ...], Mapping[str, Any]]
) -> Iterator[Difference]:
    if isinstance(stored, dict) and isinstance(asked, dict):
        for key in sorted(stored.keys() | asked.keys()):
            yield from _differences((*place, key), stored.get(key, _ABSENT), asked.get(key, _ABSENT), marks)
    elif stored != asked:
        yield Difference(place=place, stored=stored, asked=asked, metadata=marks.get(place, {}))


def _shown(value: Any) -> str:
    return "unknown" if value is _ABSENT else json.dumps(value)
