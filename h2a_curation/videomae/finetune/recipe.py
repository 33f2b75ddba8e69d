"""A recipe of fine-tuning: a YAML file over a preset, and `--set KEY=VALUE` over both, checked field by field."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from h2a_curation.foundation import yaml_file
from h2a_curation.foundation.misfit import MisfitError
from h2a_curation.videomae.finetune.presets import FinetuningPreset, ModelFacts, finetuning_preset
from h2a_curation.videomae.loop.recipe_file import Layer, Sections, length, read, told_preset, where_told
from h2a_curation.videomae.presets import ModelConfig
from h2a_curation.videomae.rules import (
    AugmentationRules,
    ClassifierRules,
    FinetuningRecipe,
    KeepingRules,
    LearningRules,
    MixingRules,
    SampledRules,
)

SECTIONS = Sections(
    {
        "model": ModelFacts,
        "data": SampledRules,
        "augmentation": AugmentationRules,
        "mixing": MixingRules,
        "classifier": ClassifierRules,
        "optimisation": LearningRules,
        "saving": KeepingRules,
    }
)


@dataclass(frozen=True, kw_only=True)
class FinetuningFile:
    """All that decides a fine-tuning run, but for its data, the weights it begins with and its seed."""

    NOT_HERE = SECTIONS.belongs()

    preset: str
    """The preset that is taken for all that is not said."""
    model: ModelFacts
    data: SampledRules
    augmentation: AugmentationRules
    mixing: MixingRules
    classifier: ClassifierRules
    optimisation: LearningRules
    saving: KeepingRules

    def resolved(self) -> FinetuningPreset:
        """The recipe. MisfitError, with the field's place, for what does not go together."""
        parts = (self.data, self.augmentation, self.mixing, self.classifier, self.optimisation, self.saving)
        given = {f.name: getattr(part, f.name) for part in parts for f in fields(part)}
        known = finetuning_preset(self.preset)
        try:
            return replace(known, model=self.model, recipe=FinetuningRecipe(**given))
        except MisfitError as misfit:
            raise SECTIONS.place(misfit) from misfit


def load(
    default: Callable[[ModelFacts], FinetuningPreset],
    file: Path | None = None,
    *,
    named: str | None = None,
    settings: Sequence[str] = (),
) -> FinetuningPreset:
    """A preset as it is trained: with what the file says, then each of `settings`, KEY=VALUE.

    The file names a preset, or `named` does; without either it is what `default` says of the model. ValueError in one
    line names the file and line, or the setting, that is wrong, and what to do.
    """
    own = [*([] if file is None else [read(file)]), *(SECTIONS.setting(text) for text in settings)]
    told = told_preset(own)
    if told is not None:
        try:
            base = finetuning_preset(told.content["preset"])
        except ValueError as unknown:
            raise ValueError(f"{told.where(('preset',))}: {unknown}") from unknown
        if named not in (None, base.name):
            raise ValueError(
                f"{told.where(('preset',))}: the preset is {base.name} here, and --preset {named}: give one"
            )
    else:
        base = finetuning_preset(named) if named else default(_facts(own))
    layers = [Layer(name=f"preset {base.name}", content=_content(base)), *own, *length(own)]
    whole = yaml_file.merged(layers, FinetuningFile)
    try:
        return whole.resolved()
    except MisfitError as misfit:
        raise where_told(own, misfit, layers[-1]) from misfit


def as_yaml(chosen: FinetuningPreset) -> str:
    """The whole recipe, every field of it, as a file that `load` takes for the same."""
    return yaml.safe_dump(_content(chosen), sort_keys=False, width=110, default_flow_style=None)


def told_facts(facts: ModelFacts, config: ModelConfig) -> ModelConfig:
    """The model with what the recipe says of it."""
    said = {name: value for name, value in asdict(facts).items() if value is not None}
    return replace(config, **said)


def _facts(own: Sequence[Layer]) -> ModelFacts:
    """What the layers say of the model, before anything else is known."""
    base = Layer(name="the model", content={"model": asdict(ModelFacts())})
    kept = [replace(layer, content={"model": layer.content["model"]}) for layer in own if "model" in layer.content]
    return yaml_file.merged([base, *kept], _OnlyModel).model


@dataclass(frozen=True, kw_only=True)
class _OnlyModel:
    model: ModelFacts


def _content(chosen: FinetuningPreset) -> dict[str, Any]:
    sections = [name for name in SECTIONS.kinds if name != "model"]
    return {"preset": chosen.name, "model": asdict(chosen.model), **SECTIONS.content(chosen.recipe, sections)}
