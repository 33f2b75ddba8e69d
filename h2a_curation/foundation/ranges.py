"""Ranges of numbers, declared in the type of a field: `rate: Annotated[float, Range(above=0)]`.

A dataclass that calls `check_ranges` when it is made refuses any other number, whether it comes from a recipe, an
option or a caller. Pydantic takes ranges as they are: a field that may be None is then switched off by `off` too, and
true and false are no numbers.
"""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from h2a_curation.foundation.misfit import MisfitError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The numbers that a field may have; infinity and what is no number are in no range."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def fits(self, number: float) -> bool:
        """Whether it lies in the range."""
        return math.isfinite(number) and not (
            (self.at_least is not None and number < self.at_least)
            or (self.above is not None and number <= self.above)
            or (self.at_most is not None and number > self.at_most)
            or (self.below is not None and number >= self.below)
        )

    def __str__(self) -> str:
        parts = (
            ("at least", self.at_least), ("above", self.above), ("at most", self.at_most), ("below", self.below),
        )  # fmt: skip
        return " and ".join(f"{word} {bound:g}" for word, bound in parts if bound is not None) or "a finite number"

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """How pydantic reads the field: it looks for this name."""
        from pydantic_core import core_schema

        optional = type(None) in typing.get_args(source)

        def plain(value: Any) -> Any:
            if optional and (value is False or value == "off"):
                return None
            if isinstance(value, bool):
                raise ValueError(f"must be a number, not {str(value).lower()}")
            return value

        return core_schema.no_info_before_validator_function(plain, handler(source))


def check_ranges(instance: "DataclassInstance", spelt: str = "{}") -> None:
    """MisfitError for the first number out of its field's range; `spelt` is how a field's name is told, as `--{}`."""
    for name, hint in _hints(type(instance)).items():
        for found, number in _numbers(hint, getattr(instance, name)):
            if not found.fits(number):
                field = spelt.format(name if spelt == "{}" else name.replace("_", "-"))
                raise MisfitError((name,), f"{field} must be {found}, not {number}")


@functools.cache
def _hints(kind: "type[DataclassInstance]") -> dict[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _numbers(hint: Any, value: Any) -> Iterator[tuple[Range, float]]:
    """Each number in a value that has a range, with the range."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield from ((mark, value) for mark in hint.__metadata__ if isinstance(mark, Range))
    elif origin is tuple and isinstance(value, tuple) and len(inner) == len(value):
        for of, part in zip(inner, value, strict=True):
            yield from _numbers(of, part)
    elif origin in (typing.Union, types.UnionType):
        for of in inner:
            yield from _numbers(of, value)
