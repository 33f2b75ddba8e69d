"""What fine-tuning costs on paper: the model, its recipe, and what its loaders and pixels take."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from h2a_curation.videomae.finetune.presets import FINETUNING, FinetuningPreset, finetuning_preset, preset_for
from h2a_curation.videomae.finetune.recipe import load
from h2a_curation.videomae.hardware.plan import Work
from h2a_curation.videomae.presets import PRESETS, SIZES, ModelConfig
from h2a_curation.videomae.rules import FinetuningRecipe

NUM_VIDEOS = {"k400": 240_436, "ssv2": 168_913, "ucf101": 9_537, "hmdb51": 3_570}
"""Videos to learn from in the official lists; of UCF101 and HMDB51 in the first split."""
ALL_SEEN = (0.0, 0.0)
"""Masks of a model that sees all tokens and predicts none."""
_VIEW_S = 0.088
"""Seconds of one core for an augmented view of 16 frames of 256p, 0.053 of them RandAugment's, on an AMD EPYC."""


def pixel_bytes(model: ModelConfig) -> int:
    """Memory of a view's pixels: they come as float32 and are blended into others."""
    return 8 * model.num_tokens * model.patch_dim


def planned(task: str, named: str | None, file: Path | None, settings: Sequence[str]) -> tuple[FinetuningPreset, Work]:
    """The recipe of a task, for a size as `vit_b` or a preset as `vit_b_k400`, and the work that it is.

    ValueError for an unknown task or preset, and where nothing tells the size of the model.
    """
    if task not in NUM_VIDEOS:
        raise ValueError(f"--finetune {task}: a plan is for one of {', '.join(NUM_VIDEOS)}; other sets by --clips")
    size = SIZES.get(named or "", named or "")
    if size in PRESETS:
        chosen = load(lambda _facts: preset_for(task, PRESETS[size].model), file, settings=settings)
    else:
        default = finetuning_preset(named) if named else FINETUNING[f"vit_b_{task}"]
        chosen = load(lambda _facts: default, file, named=named, settings=settings)
        size = next((size for size in PRESETS if chosen.name.startswith(f"{size}_")), "")
    if not size:
        raise ValueError(f"preset {chosen.name} is for models of any size: name a size, such as --preset vit_b")
    told = {name: value for name, value in asdict(chosen.model).items() if value is not None}
    model = replace(PRESETS[size].model, **told, decoder_width=0, decoder_depth=0, decoder_num_heads=0)
    chosen.check_size(model, f"--preset {named}")
    return chosen, work_of(chosen.recipe, model)


def work_of(recipe: FinetuningRecipe, model: ModelConfig) -> Work:
    """Fine-tuning as work."""
    return Work(
        model=model,
        recipe=recipe,
        masks=ALL_SEEN,
        view_s=_VIEW_S,
        pixel_bytes=pixel_bytes(model),
        together=recipe.clips_together,
    )
