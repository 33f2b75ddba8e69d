"""A recipe of pretraining: a YAML file over a preset, and `--set KEY=VALUE` over both, checked field by field."""

import dataclasses
import difflib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from h2a_curation.foundation import yaml_file
from h2a_curation.foundation.misfit import MisfitError
from h2a_curation.videomae.presets import ModelConfig, Overrides, Preset, TrainingRecipe, preset
from h2a_curation.videomae.rules import DataRules, MaskingRules, OptimisationRules, SavingRules

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DEFAULT_PRESET = "tiny"
SECTIONS: "dict[str, type[DataclassInstance]]" = {
    "model": ModelConfig,
    "data": DataRules,
    "masking": MaskingRules,
    "optimisation": OptimisationRules,
    "saving": SavingRules,
}
SHORT = {"lr": "learning_rate", "min_lr": "min_learning_rate", "warmup": "warmup_epochs", "batch": "batch_clips"}
"""Names that people type, for fields."""


def _section(name: str) -> str | None:
    """The section with a field of that name."""
    return next((key for key, kind in SECTIONS.items() if name in {f.name for f in fields(kind)}), None)


def _belongs() -> dict[str, str]:
    """The section of each name that people look for at the top of a recipe."""
    names = {f.name: f.name for kind in SECTIONS.values() for f in fields(kind)} | SHORT
    return {name: f"it is `{field}` under `{_section(field)}`" for name, field in names.items()}


@dataclass(frozen=True, kw_only=True)
class PretrainingRecipe:
    """All that decides a pretraining run, but for its data and its seed."""

    NOT_HERE = _belongs()

    preset: str
    """The preset that is taken for all that is not said."""
    model: ModelConfig
    data: DataRules
    masking: MaskingRules
    optimisation: OptimisationRules
    saving: SavingRules

    def resolved(self) -> Preset:
        """The model and its training. MisfitError, with the field's place, for what does not go together."""
        sections = (self.data, self.masking, self.optimisation, self.saving)
        given = {f.name: getattr(section, f.name) for section in sections for f in fields(section)}
        try:
            return Preset(name=preset(self.preset).name, model=self.model, recipe=TrainingRecipe(**given))
        except MisfitError as misfit:
            section = _section(str(misfit.place[0]))
            raise MisfitError((section, *misfit.place) if section else misfit.place, str(misfit)) from misfit


def load(
    file: Path | None = None,
    *,
    named: str | None = None,
    overrides: Overrides = Overrides(),
    settings: Sequence[str] = (),
) -> Preset:
    """A preset as it is trained: with what the file says, then the overrides, then each of `settings`, KEY=VALUE.

    The file names a preset, or `named` does; without either it is `tiny`. ValueError in one line names the file and
    line, or the setting, that is wrong, and what to do.
    """
    read, said = [] if file is None else [_read(file)], [_setting(text) for text in settings]
    base = _base([*read, *said], named)
    options = [_options(given)] if (given := overrides.given(base.recipe)) else []
    own = [*read, *options, *said]
    layers = [yaml_file.Layer(name=f"preset {base.name}", content=_content(base)), *own, *_length(own)]
    whole = yaml_file.merged(layers, PretrainingRecipe)
    try:
        return whole.resolved()
    except MisfitError as misfit:
        # What does not go together stands in two places: it is told where the user wrote one of them.
        told = next((layer for layer in reversed(own) if yaml_file.holds(layer.content, misfit.place)), layers[-1])
        raise ValueError(f"{told.where(misfit.place)}: {misfit}") from misfit


def as_yaml(chosen: Preset) -> str:
    """The whole recipe, every field of it, as a file that `load` takes for the same."""
    return yaml.safe_dump(_content(chosen), sort_keys=False, width=110, default_flow_style=None)


def _read(file: Path) -> yaml_file.Layer:
    layer = yaml_file.read(file)
    if not isinstance(layer.content, dict):
        raise ValueError(f"{file}: a recipe is a mapping of names to values")
    return layer


def _base(layers: Sequence[yaml_file.Layer], named: str | None) -> Preset:
    """The preset below all layers."""
    told = next((layer for layer in reversed(layers) if isinstance(layer.content.get("preset"), str)), None)
    if told is None:
        return preset(named or DEFAULT_PRESET)
    try:
        found = preset(told.content["preset"])
    except ValueError as unknown:
        raise ValueError(f"{told.where(('preset',))}: {unknown}") from unknown
    if named is not None and preset(named) != found:
        raise ValueError(f"{told.where(('preset',))}: the preset is {found.name} here, and --preset {named}: give one")
    return found


def _content(chosen: Preset) -> dict[str, Any]:
    """A preset as the content of a recipe file."""
    recipe, content = chosen.recipe, {"preset": chosen.name, "model": asdict(chosen.model)}
    for name, kind in SECTIONS.items():
        if name != "model":
            values = {f.name: getattr(recipe, f.name) for f in fields(kind)}
            content[name] = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
    return content


def _length(own: Sequence[yaml_file.Layer]) -> list[yaml_file.Layer]:
    """A layer that takes away a fixed length, where the last word on it asks for epochs: steps would win over them."""

    def last(name: str) -> int:
        told = (i for i, layer in enumerate(own) if yaml_file.holds(layer.content, ("optimisation", name)))
        return max(told, default=-1)

    if last("epochs") <= last("steps"):
        return []
    return [yaml_file.Layer(name=own[last("epochs")].name, content={"optimisation": {"steps": None}})]


def _options(given: Mapping[str, Any]) -> yaml_file.Layer:
    """What options say, as a layer."""
    content: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        content.setdefault(str(_section(name)), {})[name] = value
    return yaml_file.Layer(name=" ".join(f"--{name.replace('_', '-')}" for name in given), content=content)


def _setting(text: str) -> yaml_file.Layer:
    """A `--set KEY=VALUE`; a field may stand without its section, and some have a short name."""
    key, sign, value = text.partition("=")
    section, _, name = key.rpartition(".")
    name = SHORT.get(name, name)
    if not section and name not in SECTIONS and name != "preset":
        known = _section(name)
        if known is None:
            raise ValueError(f"--set {text}: {_nearest(name)}")
        section = known
    if not sign:
        raise ValueError(f"--set {text}: write KEY=VALUE, such as lr=1e-3 or optimisation.clip_grad=0.5")
    layer = yaml_file.setting(f"{section}.{name}={value}" if section else f"{name}={value}")
    return dataclasses.replace(layer, name=f"--set {text}")


@functools.cache
def _names() -> list[str]:
    return [f.name for kind in SECTIONS.values() for f in fields(kind)] + list(SHORT)


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name, _names(), n=1, cutoff=0.5)
    return f"unknown key '{name}'; " + (f"did you mean '{close[0]}'?" if close else f"known are {', '.join(_names())}")
