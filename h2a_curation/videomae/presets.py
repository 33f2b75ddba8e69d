"""Model sizes and training recipes by name: those of VideoMAE V2, and two small ones for the sample world."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

Dtype = Literal["float32", "bfloat16"]

TUBELET = 2
"""Frames in one token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The shape of one pretraining model; the decoder has the encoder's mlp ratio."""

    image_px: int = 224
    patch_px: int = 16
    num_frames: int = 16
    width: int
    depth: int
    num_heads: int
    mlp_ratio: float = 4.0
    decoder_width: int
    decoder_depth: int = 4
    decoder_num_heads: int
    qkv_bias: bool = True
    layer_scale: float = 0.0
    """Start value of the branches' scales; 0 leaves them out."""
    cosine_attention: bool = False
    image_width_px: int | None = None
    """Width of frames that are not square, whose height is `image_px`; None where they are."""

    def __post_init__(self) -> None:
        if any(side % self.patch_px for side in self.frame_px) or self.num_frames % TUBELET:
            raise ValueError(f"frames of {self.image_px} px do not divide into patches of {self.patch_px} px: {self}")

    @property
    def frame_px(self) -> tuple[int, int]:
        """Height and width of a frame."""
        return self.image_px, self.image_px if self.image_width_px is None else self.image_width_px

    @property
    def window(self) -> tuple[int, int, int]:
        """Slices, rows and columns of the token grid."""
        rows, columns = (side // self.patch_px for side in self.frame_px)
        return self.num_frames // TUBELET, rows, columns

    @property
    def num_tokens(self) -> int:
        """Number of tokens in the whole grid."""
        slices, rows, columns = self.window
        return slices * rows * columns

    @property
    def patch_dim(self) -> int:
        """Numbers in one token: 2 frames x patch x patch x RGB."""
        return TUBELET * self.patch_px**2 * 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecipe:
    """How a model is trained; defaults are those of the official pretraining scripts."""

    batch_clips: int = 32 * 32
    """Clips decoded for one step, over all devices, however they are divided; each gives `views` samples."""
    views: int = 4
    """Repeated augmentation: crops and masks made of one decode."""
    stride: int = 4
    """Frames from one sampled frame to the next."""
    encoder_mask: float = 0.9
    decoder_mask: float = 0.5
    """0 decodes exactly the hidden tokens."""
    class_balance: float = 0.0
    """A class's share of the draws goes with its number of clips to the power 1 - this: 1 draws all classes alike."""
    exact_resize: bool = False
    """Frames resized by PIL, bit for bit the official pixels; else from 128 px up by torch, within 2 levels of 255."""
    dtype: Dtype = "bfloat16"
    """Number format of matrix products; weights, gradients and the loss are float32 in any case."""
    learning_rate: float = 1e-3
    """Rate for 256 clips a step; scaled by clips / 256, like `min_learning_rate`."""
    min_learning_rate: float = 1e-5
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.05
    epochs: int = 200
    warmup_epochs: float = 20
    steps: int | None = None
    """A fixed length in place of `epochs`; the warm-up keeps its share."""
    clip_grad: float | None = None
    """Largest 2-norm of all gradients; None leaves them as they are."""
    recompute: bool = False
    """Activation checkpointing: a block's activations are computed again in the backward pass."""
    neighbour_start: bool = False
    """Decoder heads begin by looking at the patches around each: see model/neighbour_init.py."""
    save_epochs: int = 20
    """Epochs from one kept checkpoint to the next."""
    save_steps: int = 1000
    """Steps after which `checkpoint-last.pth` is written anew: what a kill costs at most."""
    picture_epochs: int = 20
    """Epochs from one picture of reconstructions to the next."""
    held_out_clips: int = 64
    """Clips on which the reconstruction loss is measured before and after."""

    def __post_init__(self) -> None:
        if not 0 <= self.class_balance <= 1:
            told = f"class_balance must lie between 0 (as the data are) and 1 (all alike), not {self.class_balance}"
            raise ValueError(told)

    def num_steps(self, steps_per_epoch: int) -> int:
        """The length of a run on a set that gives so many steps an epoch."""
        return self.steps or self.epochs * steps_per_epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a run takes in place of its preset's recipe; a field that is None leaves what the preset says.

    Each field has the name of one in TrainingRecipe, and is an option of `h2a pretrain` with the help that stands here.
    ValueError for no steps, epochs or clips at all, for two lengths, or for an unknown dtype.
    """

    steps: int | None = field(default=None, metadata={"help": "In place of the preset's."})
    epochs: int | None = field(default=None, metadata={"help": "In place of the preset's."})
    batch_clips: int | None = field(
        default=None, metadata={"help": "Clips a step, over all devices; the learning rate goes with them."}
    )
    dtype: str | None = field(default=None, metadata={"help": "float32 or bfloat16, in place of the preset's."})
    class_balance: float | None = field(
        default=None, metadata={"help": "0: classes as often as the data have them; 1: all alike."}
    )
    exact_resize: bool | None = field(
        default=None, metadata={"help": "Pixels as PIL makes them, slower.", "flag": "--exact-resize/--fast-resize"}
    )

    def __post_init__(self) -> None:
        for what, count in (("steps", self.steps), ("epochs", self.epochs), ("batch clips", self.batch_clips)):
            if count is not None and count < 1:
                raise ValueError(f"{count} {what} are no run: ask for at least 1")
        if self.steps is not None and self.epochs is not None:
            raise ValueError("give --steps or --epochs, not both")
        if self.dtype is not None and self.dtype not in get_args(Dtype):
            raise ValueError(f"no dtype {self.dtype!r}; known: {', '.join(get_args(Dtype))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A model and how it is trained."""

    name: str
    model: ModelConfig
    recipe: TrainingRecipe

    def adjusted(self, overrides: Overrides) -> "Preset":
        """The preset with what the overrides say in place of its own; ValueError for a balance outside 0 to 1."""
        given: dict[str, Any] = {name: value for name, value in asdict(overrides).items() if value is not None}
        if overrides.epochs is not None:
            # A preset's fixed length would win over epochs; the warm-up keeps its share of the run.
            warmup_epochs = self.recipe.warmup_epochs * overrides.epochs / self.recipe.epochs
            given |= {"steps": None, "warmup_epochs": warmup_epochs}
        return replace(self, recipe=replace(self.recipe, **given))


def preset(name: str) -> Preset:
    """The preset of that name, or of that size; ValueError names the known ones."""
    name = SIZES.get(name, name)
    if name not in PRESETS:
        raise ValueError(f"no preset {name!r}; known: {', '.join(PRESETS)}")
    return PRESETS[name]


SIZES = {"small": "vit_s", "base": "vit_b", "large": "vit_l", "huge": "vit_h", "giant": "vit_g"}

# Model rows: videomae2.md 1.1. Recipes: 7.1, of which small has none and takes that of base; batch_clips are the
# scripts' GPUs times clips on each. H2A's own runs were 200 epochs of base and 300 of giant, as these are.
_ALL = [
    Preset(
        name="micro",
        model=ModelConfig(
            image_px=64,
            num_frames=4,
            width=48,
            depth=2,
            num_heads=2,
            decoder_width=32,
            decoder_depth=1,
            decoder_num_heads=1,
        ),
        recipe=TrainingRecipe(
            batch_clips=2,
            views=2,
            dtype="float32",
            steps=20,
            learning_rate=0.1,
            save_steps=10,
            held_out_clips=4,
        ),
    ),
    # A quarter hidden, because at nine tenths no 400 steps get below the mean predictor's loss.
    Preset(
        name="tiny",
        model=ModelConfig(
            image_px=64,
            patch_px=8,
            num_frames=4,
            width=64,
            depth=1,
            num_heads=2,
            decoder_width=96,
            decoder_depth=1,
            decoder_num_heads=4,
        ),
        recipe=TrainingRecipe(
            batch_clips=2,
            views=8,
            encoder_mask=0.25,
            dtype="float32",
            steps=400,
            warmup_epochs=30,
            learning_rate=0.192,
            save_steps=100,
            held_out_clips=32,
            neighbour_start=True,
        ),
    ),
    Preset(
        name="vit_s",
        model=ModelConfig(width=384, depth=12, num_heads=6, decoder_width=192, decoder_num_heads=3),
        recipe=TrainingRecipe(),
    ),
    Preset(
        name="vit_b",
        model=ModelConfig(width=768, depth=12, num_heads=12, decoder_width=384, decoder_num_heads=6),
        recipe=TrainingRecipe(),
    ),
    Preset(
        name="vit_l",
        model=ModelConfig(width=1024, depth=24, num_heads=16, decoder_width=512, decoder_num_heads=8),
        recipe=TrainingRecipe(batch_clips=48 * 32, epochs=300, warmup_epochs=30),
    ),
    Preset(
        name="vit_h",
        model=ModelConfig(width=1280, depth=32, num_heads=16, decoder_width=512, decoder_num_heads=8),
        recipe=TrainingRecipe(batch_clips=64 * 32, epochs=300, warmup_epochs=30, save_epochs=10, recompute=True),
    ),
    Preset(
        name="vit_g",
        model=ModelConfig(
            patch_px=14,
            width=1408,
            depth=40,
            num_heads=16,
            mlp_ratio=48 / 11,
            decoder_width=512,
            decoder_num_heads=8,
        ),
        recipe=TrainingRecipe(
            batch_clips=64 * 32,
            epochs=300,
            warmup_epochs=30,
            learning_rate=6e-4,
            clip_grad=0.02,
            recompute=True,
            save_epochs=5,
        ),
    ),
]
PRESETS = {p.name: p for p in _ALL}
