"""How a test in this folder says which situation it stands for.

    @situation("Lists grow", given="a table with a row added", wanted="the new row is asked for, nothing else is")
    def test_a_row_that_is_added_is_asked_for(...): ...

`make docs` makes docs/field-tests.md of these words, so each test has them, and two tests have not the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., None])
KINDS = (
    "Lists grow",
    "One item is one row",
    "Entries are judged one by one",
    "One form of an address",
    "Unknown shapes are refused",
    "Paths are paths",
    "Recipes are short",
    "Open sources",
)
"""Kinds of fault, in the page's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What somebody brings, and what should come of it."""

    kind: str
    given: str
    wanted: str
    thread: str
    """A public thread on such a thing in a comparable tool, as "owner/name#number"; empty if none is known."""
    test: str
    """The test that holds it, as pytest names it."""


def situation(kind: str, *, given: str, wanted: str, thread: str = "") -> Callable[[Test], Test]:
    """Tell which situation a test stands for."""
    if kind not in KINDS:
        raise ValueError(f"no kind {kind!r}: one of {KINDS}")

    def told(test: Test) -> Test:
        name = f"{Path(test.__code__.co_filename).name}::{test.__name__}"
        test.situation = Situation(kind=kind, given=given, wanted=wanted, thread=thread, test=name)  # type: ignore[attr-defined]
        return test

    return told


def field_tests() -> Iterator[Callable[..., None]]:
    """All tests of this folder, in the order of files and lines."""
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        module = import_module(f"{__package__}.{file.stem}")
        yield from (thing for name, thing in vars(module).items() if name.startswith("test_") and callable(thing))


def situations() -> list[Situation]:
    """The situations of all tests, by kind."""
    told = [test.situation for test in field_tests() if hasattr(test, "situation")]
    return sorted(told, key=lambda one: KINDS.index(one.kind))
