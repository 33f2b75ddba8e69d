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
    says: str

    @property
    def field(self) -> str:
        """The outermost field, such as `preset` or `seed`."""
        return self.place[0]


def as_json(settings: "DataclassInstance") -> dict[str, Any]:
    """The settings as plain JSON values."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return plain


def differences(stored: Any, asked: "DataclassInstance") -> list[Difference]:
    """What a stored run's settings, as JSON holds them, say otherwise than those that are asked for."""
    filled = _with_defaults(stored if isinstance(stored, dict) else {}, type(asked))
    return list(_differences((), filled, as_json(asked)))


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


def _differences(place: tuple[str, ...], stored: Any, asked: Any) -> Iterator[Difference]:
    if isinstance(stored, dict) and isinstance(asked, dict):
        for key in sorted(stored.keys() | asked.keys()):
            yield from _differences((*place, key), stored.get(key, _ABSENT), asked.get(key, _ABSENT))
    elif stored != asked:
        yield Difference(place=place, says=f"{'.'.join(place)} is {_shown(stored)} there and {_shown(asked)} here")


def _shown(value: Any) -> str:
    return "unknown" if value is _ABSENT else json.dumps(value)
