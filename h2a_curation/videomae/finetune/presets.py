"""Fine-tuning recipes by name: those of the official scripts, and what is closest to them where there is no script."""

from dataclasses import dataclass, replace
from typing import Annotated

from h2a_curation.foundation.ranges import Range, check_ranges
from h2a_curation.videomae.presets import PRESETS, ModelConfig
from h2a_curation.videomae.rules import FinetuningRecipe

_Number = Annotated[int | None, Range(at_least=1, at_most=8192)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is told of the model besides its weights; None leaves what the checkpoint says, or else the preset of its
    size.
    """

    num_heads: _Number = None
    image_px: _Number = None
    """Side of the square frames; another one than in pretraining is possible, as positions are computed."""
    num_frames: _Number = None

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuningPreset:
    """A recipe with its name."""

    name: str
    recipe: FinetuningRecipe
    model: ModelFacts = ModelFacts()
    note: str = ""
    """What is to be said of it where no official script is its origin."""

    def check_size(self, model: ModelConfig, source: str) -> None:
        """ValueError where it is a recipe for models of another size."""
        size = next((size for size in PRESETS if self.name.startswith(f"{size}_")), None)
        if size is not None and not _alike(known := PRESETS[size].model, model):
            raise ValueError(
                f"preset {self.name} is for a {size} of width {known.width} and depth {known.depth}, and {source} has "
                f"width {model.width} and depth {model.depth}: choose another preset or checkpoint"
            )


def _official(batch_clips: int, rate: float, epochs: int, **other: object) -> FinetuningRecipe:
    """What all official scripts have in common, with what this one has of its own."""
    common = {
        "batch_clips": batch_clips,
        "learning_rate": rate,
        "epochs": epochs,
        "views": 2,
        "min_learning_rate": 1e-6,
        "betas": (0.9, 0.999),
        "warmup_epochs": 5,
        "drop_path": 0.1,
        "save_epochs": 10,
    }
    return FinetuningRecipe(**{**common, **other})  # type: ignore[arg-type]


_SSV2 = {"sparse": True, "flip": False}
_HUGE = {"layer_decay": 0.8, "drop_path": 0.2}
_GIANT = {"layer_decay": 0.9, "drop_path": 0.25}
_SMALL_SETS = {"layer_decay": 0.9, "drop_path": 0.35, "head_dropout": 0.5}

# videomae2.md 7.2; batch_clips are the scripts' GPUs times clips on each.
_SCRIPTS = {
    "vit_b_k400": _official(32 * 16, 7e-4, 90),
    "vit_b_ssv2": _official(16 * 16, 2e-3, 25, layer_decay=0.65, **_SSV2),
    "vit_l_k400": _official(32 * 6, 2e-3, 35, drop_path=0.2),
    "vit_l_ssv2": _official(32 * 6, 5e-4, 20, drop_path=0.2, **_SSV2),
    "vit_h_k400": _official(32 * 4, 1e-3, 40, head_dropout=0.5, **_HUGE),
    "vit_h_ssv2": _official(32 * 4, 5e-4, 20, **_HUGE, **_SSV2),
    "vit_g_k400": _official(64 * 3, 1e-3, 30, weight_decay=0.1, layer_decay=0.9, drop_path=0.2),
    "vit_g_ssv2": _official(32 * 3, 3e-4, 20, **_GIANT, **_SSV2),
    "vit_g_k710_k400": _official(32 * 3, 1e-5, 3, weight_decay=0.1, warmup_epochs=1, **_GIANT),
    "vit_g_ucf101": _official(8 * 3, 1e-3, 50, **_SMALL_SETS),
    "vit_g_hmdb51": _official(8 * 3, 5e-4, 15, stride=2, **_SMALL_SETS),
}
_ANY = _official(
    16,
    1e-2,
    20,
    dtype="float32",
    stride=2,
    drop_path=0.0,
    layer_decay=0.9,
    rand_operations=0,
    erase_probability=0.0,
    crop_area=(0.5, 1.0),
    save_epochs=5,
)


def _borrowed(size: str, task: str) -> FinetuningPreset:
    """A recipe for a size that has no script for the task: ViT-g's, with what the size's own scripts have by size."""
    own = _SCRIPTS["vit_b_k400" if size == "vit_s" else f"{size}_k400"]
    if task in ("ucf101", "hmdb51"):
        recipe = replace(_SCRIPTS[f"vit_g_{task}"], layer_decay=own.layer_decay, drop_path=own.drop_path)
        origin = f"ViT-g's for {task}, with layer decay and drop path of {size}"
    else:
        recipe, origin = _SCRIPTS[f"vit_b_{task}"], "ViT-B's"
    return FinetuningPreset(
        name=f"{size}_{task}", recipe=recipe, note=f"no official script fine-tunes {size} on {task}: this is {origin}"
    )


_ALL = [
    *(FinetuningPreset(name=name, recipe=recipe) for name, recipe in _SCRIPTS.items()),
    *(_borrowed(size, task) for size in ("vit_b", "vit_l", "vit_h") for task in ("ucf101", "hmdb51")),
    *(_borrowed("vit_s", task) for task in ("k400", "ssv2", "ucf101", "hmdb51")),
    FinetuningPreset(name="any", recipe=_ANY),
]
FINETUNING = {preset.name: preset for preset in _ALL}


def finetuning_preset(name: str) -> FinetuningPreset:
    """The preset of that name; ValueError names the known ones."""
    if name not in FINETUNING:
        raise ValueError(f"no preset {name!r} for fine-tuning; known: {', '.join(FINETUNING)}")
    return FINETUNING[name]


def preset_for(task: str, model: ModelConfig) -> FinetuningPreset:
    """The preset that is taken where none is named: that of the model's size and of the task, K400's for other tasks;
    `any` for models of another size than the official ones.
    """
    size = next((name for name, known in PRESETS.items() if _alike(known.model, model)), "")
    names = (f"{size}_{task}", f"{size}_k400", "any")
    return next(FINETUNING[name] for name in names if name in FINETUNING)


def _alike(known: ModelConfig, model: ModelConfig) -> bool:
    return all(getattr(known, name) == getattr(model, name) for name in ("width", "depth", "patch_px"))
