"""Model sizes and training recipes by name: those of VideoMAE V2, and two small ones for the sample world."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any, get_args

from h2a_curation.foundation.misfit import MisfitError
from h2a_curation.foundation.ranges import Range, check_ranges
from h2a_curation.videomae.rules import Dtype as Dtype
from h2a_curation.videomae.rules import NotNegative, Positive
from h2a_curation.videomae.rules import TrainingRecipe as TrainingRecipe

_Px = Annotated[int, Range(at_least=1, at_most=8192)]
_Width = Annotated[int, Range(at_least=1, at_most=65_536)]
_Depth = Annotated[int, Range(at_least=1, at_most=1024)]
_DecoderWidth = Annotated[int, Range(at_least=0, at_most=65_536)]
_DecoderDepth = Annotated[int, Range(at_least=0, at_most=1024)]

TUBELET = 2
"""Frames in one token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The shape of one pretraining model; the decoder has the encoder's mlp ratio."""

    image_px: _Px = 224
    patch_px: _Px = 16
    num_frames: _Depth = 16
    width: _Width
    depth: _Depth
    num_heads: _Depth
    mlp_ratio: Positive = 4.0
    decoder_width: _DecoderWidth
    """0, as its depth and heads, for a model without a decoder, which can be read but not pretrained."""
    decoder_depth: _DecoderDepth = 4
    decoder_num_heads: _DecoderDepth
    qkv_bias: bool = True
    layer_scale: NotNegative = 0.0
    """Start value of the branches' scales; 0 leaves them out."""
    cosine_attention: bool = False
    image_width_px: _Px | None = None
    """Width of frames that are not square, whose height is `image_px`; None where they are."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if any(side % self.patch_px for side in self.frame_px):
            height_px, width_px = self.frame_px
            raise MisfitError(
                ("image_px",), f"frames of {height_px} x {width_px} px do not divide into patches of {self.patch_px} px"
            )
        if self.num_frames % TUBELET:
            raise MisfitError(("num_frames",), f"{self.num_frames} frames do not divide into pairs")

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

    def given(self, recipe: TrainingRecipe) -> dict[str, Any]:
        """What is said, as fields of a recipe that take the place of this one's."""
        said: dict[str, Any] = {name: value for name, value in asdict(self).items() if value is not None}
        if self.epochs is not None:
            # A preset's fixed length would win over epochs; the warm-up keeps its share of the run.
            said |= {"steps": None, "warmup_epochs": recipe.warmup_epochs * self.epochs / recipe.epochs}
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A model and how it is trained."""

    name: str
    model: ModelConfig
    recipe: TrainingRecipe

    def __post_init__(self) -> None:
        for place, text in _unfit(self.model, self.recipe):
            raise MisfitError(place, text)

    def adjusted(self, overrides: Overrides) -> "Preset":
        """The preset with what the overrides say in place of its own; ValueError for a balance outside 0 to 1."""
        return replace(self, recipe=replace(self.recipe, **overrides.given(self.recipe)))


def _unfit(model: ModelConfig, recipe: TrainingRecipe) -> Iterator[tuple[tuple[str, str], str]]:
    """What keeps such a model from being pretrained so: the field's place in a recipe, and why."""
    for name, width, heads in (
        ("num_heads", model.width, model.num_heads),
        ("decoder_num_heads", model.decoder_width, model.decoder_num_heads),
    ):
        if not width or not heads or width % heads:
            yield ("model", name), f"{heads} heads do not divide a width of {width}"
    if not model.decoder_depth:
        yield ("model", "decoder_depth"), "a model is pretrained with a decoder: its depth starts at 1"
    for name, width in (("width", model.width), ("decoder_width", model.decoder_width)):
        if width % 2:
            yield ("model", name), f"positions are pairs of sine and cosine: a width is even, not {width}"
    _, rows, columns = model.window
    hidden = int(recipe.encoder_mask * rows * columns)
    if not 0 < hidden < rows * columns:
        yield (
            ("masking", "encoder_mask"),
            f"an encoder mask of {recipe.encoder_mask:g} hides {hidden} of the {rows * columns} patches of a frame",
        )
    if recipe.decoder_mask and int(4 * recipe.decoder_mask) == 0:
        yield (
            ("masking", "decoder_mask"),
            f"a decoder mask of {recipe.decoder_mask:g} masks no place of a cell of four: use 0, or 0.25 to below 1",
        )
    if recipe.decoder_mask and (rows % 2 or columns % 2):
        yield (
            ("masking", "decoder_mask"),
            f"a decoder mask needs an even grid of patches, not {rows} x {columns}: use 0, or another image_px",
        )


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
    # That of `h2a experiment`: docs/decisions/2026-11-30-at-which-size-pretraining-shows.md.
    Preset(
        name="little",
        model=ModelConfig(
            image_px=32,
            patch_px=8,
            num_frames=8,
            width=96,
            depth=4,
            num_heads=3,
            decoder_width=96,
            decoder_depth=1,
            decoder_num_heads=4,
        ),
        recipe=TrainingRecipe(
            batch_clips=4,
            views=8,
            encoder_mask=0.75,
            decoder_mask=0.0,
            dtype="float32",
            steps=1500,
            learning_rate=0.128,
            save_steps=500,
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
