"""Classes in a benchmark's own order, and whether what a file says of them agrees."""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_SOMETHING = re.compile(r"\[([^\]]*)\]")


def plain(name: str) -> str:
    """A class's name as it is compared: distributions differ in case, blanks, quotes and marks.

    >>> plain('"Making_tea"'), plain("HandStandPushups") == plain("HandstandPushups")
    ('makingtea', True)
    """
    return re.sub(r"[\W_]+", "", name.casefold())


class ClassNumbers:
    """Finds a class's number by its name."""

    def __init__(self, task: str, classes: Sequence[str]) -> None:
        self._task = task
        self._classes = classes
        self._numbers = {plain(name): number for number, name in enumerate(classes)}

    def __len__(self) -> int:
        return len(self._classes)

    def name(self, number: int) -> str:
        """The class's own name."""
        return self._classes[number]

    def number(self, name: str, where: str) -> int:
        """ValueError with the nearest name for a class that the benchmark does not have."""
        number = self._numbers.get(plain(name))
        if number is None:
            near = difflib.get_close_matches(plain(name), self._numbers, n=1)
            hint = f": is it {self._classes[self._numbers[near[0]]]!r}?" if near else ""
            raise ValueError(f"{where}: {self._task} has no class {name!r}{hint}")
        return number

    def check_order(self, numbers: Mapping[str, int], where: str) -> None:
        """ValueError unless these are the benchmark's classes with its own numbers."""
        for name, number in numbers.items():
            if (ours := self.number(name, where)) != number:
                raise ValueError(f"{where} numbers {name!r} {number}, and it is class {ours} of {self._task}")
        if len(numbers) != len(self._classes):
            raise ValueError(f"{where} names {len(numbers)} classes, and {self._task} has {len(self._classes)}")

    def said_by_model(self, names: Sequence[str], source: Path) -> list[str]:
        """What is to be said of classes that a checkpoint names; ValueError where it has them in another order."""
        strange = []
        for number, name in enumerate(names):
            ours = self._numbers.get(plain(name))
            if ours is None:
                strange.append(name)
            elif ours != number:
                raise ValueError(f"{source} has {name!r} as class {number}, and it is class {ours} of {self._task}")
        shown = ", ".join(map(repr, strange[:3]))
        return [f"{len(strange)} class names of the checkpoint are none of {self._task}'s: {shown}"] if strange else []


def without_brackets(template: str) -> str:
    """A template of Something-Something as its label list has it.

    >>> without_brackets("Putting [something] on [a surface]")
    'Putting something on a surface'
    """
    return _SOMETHING.sub(r"\1", template)
