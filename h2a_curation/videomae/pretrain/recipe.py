"""A recipe of pretraining: a YAML file over a preset, and `--set KEY=VALUE` over both, checked field by field."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from h2a_curation.foundation import yaml_file
from h2a_curation.foundation.misfit import MisfitError
from h2a_curation.videomae.loop.recipe_file import Sections, length, read, told_preset, where_told
from h2a_curation.videomae.presets import ModelConfig, Overrides, Preset, TrainingRecipe, preset
from h2a_curation.videomae.rules import DataRules, MaskingRules, OptimisationRules, SavingRules

DEFAULT_PRESET = "tiny"
SECTIONS = Sections(
    {
        "model": ModelConfig,
        "data": DataRules,
        "masking": MaskingRules,
        "optimisation": OptimisationRules,
        "saving": SavingRules,
    }
)


@dataclass(frozen=True, kw_only=True)
class PretrainingRecipe:
    """All that decides a pretraining run, but for its data and its seed."""

    NOT_HERE = SECTIONS.belongs()

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
            raise SECTIONS.place(misfit) from misfit


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
    from_file, said = [] if file is None else [read(file)], [SECTIONS.setting(text) for text in settings]
    base = _base([*from_file, *said], named)
    options = [SECTIONS.options(given)] if (given := overrides.given(base.recipe)) else []
    own = [*from_file, *options, *said]
    layers = [yaml_file.Layer(name=f"preset {base.name}", content=_content(base)), *own, *length(own)]
    whole = yaml_file.merged(layers, PretrainingRecipe)
    try:
        return whole.resolved()
    except MisfitError as misfit:
        raise where_told(own, misfit, layers[-1]) from misfit


def as_yaml(chosen: Preset) -> str:
    """The whole recipe, every field of it, as a file that `load` takes for the same."""
    return yaml.safe_dump(_content(chosen), sort_keys=False, width=110, default_flow_style=None)


def _base(layers: Sequence[yaml_file.Layer], named: str | None) -> Preset:
    """The preset below all layers."""
    told = told_preset(layers)
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
    sections = [name for name in SECTIONS.kinds if name != "model"]
    return {"preset": chosen.name, "model": asdict(chosen.model), **SECTIONS.content(chosen.recipe, sections)}
