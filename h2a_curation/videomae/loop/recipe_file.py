"""A recipe of any task as layers of YAML: a preset, a file over it, and `--set KEY=VALUE` over both."""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from h2a_curation.foundation import yaml_file
from h2a_curation.foundation.misfit import MisfitError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SHORT = {"lr": "learning_rate", "min_lr": "min_learning_rate", "warmup": "warmup_epochs", "batch": "batch_clips"}
"""Names that people type, for fields."""
T = TypeVar("T")
Layer = yaml_file.Layer


@dataclass(frozen=True, slots=True)
class Sections:
    """The sections of a task's recipe, each a dataclass whose fields stand in it."""

    kinds: "Mapping[str, type[DataclassInstance]]"

    def holding(self, name: str) -> str | None:
        """The section with a field of that name."""
        return next((key for key, kind in self.kinds.items() if name in {f.name for f in fields(kind)}), None)

    def belongs(self) -> dict[str, str]:
        """For each name that people look for at the top of a recipe, where it stands."""
        names = {f.name: f.name for kind in self.kinds.values() for f in fields(kind)} | SHORT
        return {name: f"it is `{field}` under `{self.holding(field)}`" for name, field in names.items()}

    def place(self, misfit: MisfitError) -> MisfitError:
        """The same fault with its place in the recipe: its field may stand in any section."""
        section = self.holding(str(misfit.place[0]))
        return MisfitError((section, *misfit.place) if section else misfit.place, str(misfit))

    def content(self, holder: object, sections: Sequence[str]) -> dict[str, Any]:
        """What an object with all fields of these sections holds, as the content of a file."""
        found: dict[str, Any] = {}
        for name in sections:
            values = {f.name: getattr(holder, f.name) for f in fields(self.kinds[name])}
            found[name] = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
        return found

    def setting(self, text: str) -> Layer:
        """A `--set KEY=VALUE`; a field may stand without its section, and some have a short name."""
        key, sign, value = text.partition("=")
        section, _, name = key.rpartition(".")
        name = SHORT.get(name, name)
        if not section and name not in self.kinds and name != "preset":
            known = self.holding(name)
            if known is None:
                raise ValueError(f"--set {text}: {self._nearest(name)}")
            section = known
        if not sign:
            raise ValueError(f"--set {text}: write KEY=VALUE, such as lr=1e-3 or optimisation.clip_grad=0.5")
        layer = yaml_file.setting(f"{section}.{name}={value}" if section else f"{name}={value}")
        return dataclasses.replace(layer, name=f"--set {text}")

    def options(self, given: Mapping[str, Any]) -> Layer:
        """What options say, as a layer."""
        content: dict[str, dict[str, Any]] = {}
        for name, value in given.items():
            content.setdefault(str(self.holding(name)), {})[name] = value
        return Layer(name=" ".join(f"--{name.replace('_', '-')}" for name in given), content=content)

    def _nearest(self, name: str) -> str:
        names = [f.name for kind in self.kinds.values() for f in fields(kind)] + list(SHORT)
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        return f"unknown key '{name}'; " + (f"did you mean '{close[0]}'?" if close else f"known are {', '.join(names)}")


def read(file: Path) -> Layer:
    """A recipe's file; ValueError for what is no mapping."""
    layer = yaml_file.read(file)
    if not isinstance(layer.content, dict):
        raise ValueError(f"{file}: a recipe is a mapping of names to values")
    return layer


def length(own: Sequence[Layer]) -> list[Layer]:
    """A layer that takes away a fixed length, where the last word on it asks for epochs: steps would win over them."""

    def last(name: str) -> int:
        told = (i for i, layer in enumerate(own) if yaml_file.holds(layer.content, ("optimisation", name)))
        return max(told, default=-1)

    if last("epochs") <= last("steps"):
        return []
    return [Layer(name=own[last("epochs")].name, content={"optimisation": {"steps": None}})]


def told_preset(own: Sequence[Layer]) -> Layer | None:
    """The last layer that names a preset."""
    return next((layer for layer in reversed(own) if isinstance(layer.content.get("preset"), str)), None)


def where_told(own: Sequence[Layer], misfit: MisfitError, otherwise: Layer) -> ValueError:
    """A fault of what does not go together stands in two places: it is told where the user wrote one of them."""
    told = next((layer for layer in reversed(own) if yaml_file.holds(layer.content, misfit.place)), otherwise)
    return ValueError(f"{told.where(misfit.place)}: {misfit}")
