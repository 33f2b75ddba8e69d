"""All that a training run may be told, by sections; a recipe for a task is made of those that it needs.

A new field's default must be what was done before the field was there: a run that was begun then goes on with it.
"""

from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from h2a_curation.foundation.misfit import MisfitError
from h2a_curation.foundation.ranges import Range, check_ranges

Dtype = Literal["float32", "bfloat16"]

Count = Annotated[int, Range(at_least=1, at_most=10**9)]
NotNegativeCount = Annotated[int, Range(at_least=0, at_most=10**9)]
Positive = Annotated[float, Range(above=0)]
NotNegative = Annotated[float, Range(at_least=0)]
_Beta = Annotated[float, Range(at_least=0, below=1)]
_Share = Annotated[float, Range(above=0, at_most=1)]

MAY_CHANGE: dict[str, Any] = {"may_change": True}
"""A field that a run may change when it goes on, if `changeable` in its recipe names it."""
ALWAYS: dict[str, Any] = {"always": True}
"""A field that a run may change whenever it goes on: the change is told and kept."""
FREE: dict[str, Any] = {"free": True}
"""A field that decides no number of a run, so that it may change whenever the run goes on."""


@dataclass(frozen=True, kw_only=True)
class ClipRules:
    """Which clips a step has, whatever is learnt of them."""

    batch_clips: Count = field(default=32 * 32, metadata=MAY_CHANGE)
    """Clips decoded for one step, over all devices, however they are divided; each gives `views` samples."""
    views: Annotated[int, Range(at_least=1, at_most=1000)] = 4
    """Repeated augmentation: samples made of one decode, each with crops of its own."""
    stride: Annotated[int, Range(at_least=1, at_most=1000)] = 4
    """Frames from one sampled frame to the next."""
    class_balance: Annotated[float, Range(at_least=0, at_most=1)] = field(default=0.0, metadata=MAY_CHANGE)
    """A class's share of the draws goes with its number of clips to the power 1 - this: 1 draws all classes alike."""
    max_bad_clips: NotNegativeCount = field(default=0, metadata=ALWAYS)
    """Clips that may turn out not to decode: each is told, and the next of the epoch stands in; 0 stops at once."""

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, kw_only=True)
class DataRules(ClipRules):
    """Which clips a step of pretraining has, and what is made of them."""

    exact_resize: bool = field(default=False, metadata=MAY_CHANGE)
    """Frames resized by PIL, bit for bit the official pixels; else from 128 px up by torch, within 2 levels of 255."""
    held_out_clips: Count = 64
    """Clips on which the reconstruction loss is measured before and after."""


@dataclass(frozen=True, kw_only=True)
class MaskingRules:
    """What the encoder does not see, and what of it is predicted."""

    encoder_mask: Annotated[float, Range(above=0, below=1)] = 0.9
    """Share of the tokens that the encoder does not see."""
    decoder_mask: Annotated[float, Range(at_least=0, below=1)] = 0.5
    """Share of the tokens that is not predicted, in quarters; 0 predicts exactly the hidden tokens."""

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, kw_only=True)
class LearningRules:
    """How the weights are changed, and for how long."""

    dtype: Dtype = field(default="bfloat16", metadata=MAY_CHANGE)
    """Number format of matrix products; weights, gradients and the loss are float32 in any case."""
    learning_rate: Positive = field(default=1e-3, metadata=MAY_CHANGE)
    """Rate for 256 clips a step; scaled by clips / 256, like `min_learning_rate`."""
    min_learning_rate: NotNegative = field(default=1e-5, metadata=MAY_CHANGE)
    betas: tuple[_Beta, _Beta] = (0.9, 0.95)
    weight_decay: NotNegative = field(default=0.05, metadata=MAY_CHANGE)
    epochs: Count = 200
    warmup_epochs: NotNegative = 20
    steps: Annotated[int | None, Range(at_least=1, at_most=10**9)] = None
    """A fixed length in place of `epochs`; the warm-up keeps its share."""
    clip_grad: Annotated[float | None, Range(above=0)] = field(default=None, metadata=MAY_CHANGE)
    """Largest 2-norm of all gradients; None leaves them as they are."""
    drop_path: Annotated[float, Range(at_least=0, below=1)] = field(default=0.0, metadata=MAY_CHANGE)
    """How often each branch of the last block is left out for a sample; blocks before it less, the first never."""
    recompute: bool = field(default=False, metadata=MAY_CHANGE)
    """Activation checkpointing: a block's activations are computed again in the backward pass."""

    def __post_init__(self) -> None:
        check_ranges(self)
        for name, fits, text in (
            ("warmup_epochs", self.warmup_epochs <= self.epochs, f"longer than all {self.epochs} epochs: set both"),
            (
                "min_learning_rate",
                self.min_learning_rate <= self.learning_rate,
                f"above {self.learning_rate:g}, the rate",
            ),
        ):
            if not fits:
                raise MisfitError((name,), f"{name} is {getattr(self, name):g}, {text}")


@dataclass(frozen=True, kw_only=True)
class OptimisationRules(LearningRules):
    """How the weights of pretraining are changed, and for how long."""

    neighbour_start: bool = False
    """Decoder heads begin by looking at the patches around each: see model/neighbour_init.py."""


@dataclass(frozen=True, kw_only=True)
class AugmentationRules:
    """What is done to the frames of a clip before a classifier learns from it, the same to all of them."""

    rand_operations: Annotated[int, Range(at_least=0, at_most=100)] = 4
    """Operations of RandAugment that are drawn for a clip, of which half are left out; 0 turns it off."""
    rand_magnitude: Annotated[float, Range(at_least=0, at_most=10)] = 7.0
    """How far they go, of 10."""
    rand_magnitude_std: NotNegative = 0.5
    """Deviation of that from operation to operation."""
    crop_area: tuple[_Share, _Share] = (0.08, 1.0)
    """The least and the greatest share of a frame's area that a crop takes."""
    crop_aspect: tuple[Positive, Positive] = (0.75, 1.3333)
    """The least and the greatest ratio of a crop's width to its height."""
    flip: bool = True
    """Mirrors half of the clips; false where left and right tell classes apart, as in Something-Something."""
    erase_probability: Annotated[float, Range(at_least=0, at_most=1)] = 0.25
    """Share of the clips of which a box becomes noise."""

    def __post_init__(self) -> None:
        check_ranges(self)
        for name in ("crop_area", "crop_aspect"):
            least, greatest = getattr(self, name)
            if least > greatest:
                raise MisfitError((name,), f"{name} is {least:g} to {greatest:g}: the least comes first")


@dataclass(frozen=True, kw_only=True)
class SampledRules(ClipRules):
    """Which videos a step of fine-tuning has, and which frames are taken of them, in a test too."""

    sparse: bool = False
    """A frame from each of equal parts of the whole video, in place of a clip with a stride."""


@dataclass(frozen=True, kw_only=True)
class ClassifierRules:
    """What is put on top of a pretrained model, and how far what is below may change."""

    layer_decay: Annotated[float, Range(above=0, at_most=1)] = field(default=0.75, metadata=MAY_CHANGE)
    """Rate of each layer over that of the one above it; 1 has one rate for all."""
    head_scale: NotNegative = 0.001
    """What the drawn weights of a fresh head are multiplied by."""
    head_dropout: Annotated[float, Range(at_least=0, below=1)] = field(default=0.0, metadata=MAY_CHANGE)
    """Share of the features that the head does not see of a sample."""
    mean_pooling: bool = True
    """The mean over all tokens is classified; false takes the first token."""
    average_decay: Annotated[float | None, Range(above=0, below=1)] = None
    """How much stays of a running average of the weights, kept as `model_ema`; None keeps none."""

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, kw_only=True)
class MixingRules:
    """How clips are blended with each other, and how sure a classifier shall be."""

    mixup: NotNegative = field(default=0.8, metadata=MAY_CHANGE)
    """Alpha of the beta distribution by which two clips are blended; 0 blends none."""
    cutmix: NotNegative = field(default=1.0, metadata=MAY_CHANGE)
    """The same for clips of which a box comes from another one; 0 cuts none."""
    mixup_probability: Annotated[float, Range(at_least=0, at_most=1)] = field(default=1.0, metadata=MAY_CHANGE)
    """Share of the steps in which anything is blended or cut."""
    switch_probability: Annotated[float, Range(at_least=0, at_most=1)] = field(default=0.5, metadata=MAY_CHANGE)
    """Share of these steps in which it is cutmix, where both are on."""
    label_smoothing: Annotated[float, Range(at_least=0, below=1)] = field(default=0.1, metadata=MAY_CHANGE)
    """Share of each target that is divided among all classes alike."""

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def mixes(self) -> bool:
        """Whether any step may blend clips, so that a sample comes with its partner."""
        return bool((self.mixup or self.cutmix) and self.mixup_probability)


@dataclass(frozen=True, kw_only=True)
class KeepingRules:
    """What a run leaves behind and when, and what may change when it goes on."""

    save_epochs: Count = field(default=20, metadata=FREE)
    """Epochs from one kept checkpoint to the next."""
    save_steps: Count = field(default=1000, metadata=FREE)
    """Steps after which `checkpoint-last.pth` is written anew."""
    save_minutes: Annotated[float | None, Range(above=0)] = field(default=15.0, metadata=FREE)
    """Minutes after which it is written anew, if fewer steps than `save_steps` were done: what a kill costs at most."""
    changeable: tuple[str, ...] = field(default=(), metadata=FREE)
    """Names of fields, such as learning_rate, which the run may have otherwise when it goes on."""

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, kw_only=True)
class SavingRules(KeepingRules):
    """What a run of pretraining leaves behind and when, and what may change when it goes on."""

    picture_epochs: Count = field(default=20, metadata=FREE)
    """Epochs from one picture of reconstructions to the next."""


@dataclass(frozen=True, kw_only=True)
class TaskRecipe(ClipRules, LearningRules, KeepingRules):
    """How a model is trained, whatever for: what the training room reads."""

    def __post_init__(self) -> None:
        LearningRules.__post_init__(self)
        known = [f.name for f in fields(self) if f.metadata.get("may_change")]
        if unknown := sorted({*self.changeable} - {*known}):
            raise MisfitError(
                ("changeable",), f"changeable names '{unknown[0]}'; what a run may change is {', '.join(known)}"
            )

    def num_steps(self, steps_per_epoch: int) -> int:
        """The length of a run on a set that gives so many steps an epoch."""
        return self.steps or self.epochs * steps_per_epoch

    @property
    def scaled_rate(self) -> float:
        """The highest learning rate of a run, for its batch."""
        return self.learning_rate * (self.batch_clips / 256)


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe(TaskRecipe, DataRules, OptimisationRules, SavingRules, MaskingRules):
    """How a model is pretrained; defaults are those of the official pretraining scripts."""


@dataclass(frozen=True, kw_only=True)
class FinetuningRecipe(TaskRecipe, SampledRules, AugmentationRules, MixingRules, ClassifierRules):
    """How a classifier is fine-tuned."""

    @property
    def clips_together(self) -> int:
        """Clips of which each part of a step takes a multiple, so that its samples come with their partners.

        An even number of views can be halved, and the halves of a clip and of its partner are blended with each other:
        see finetune/samples.py.
        """
        return 2 if self.mixes and self.views % 2 else 1

    def __post_init__(self) -> None:
        TaskRecipe.__post_init__(self)
        AugmentationRules.__post_init__(self)
        if self.mixes and self.batch_clips * self.views % 2:
            raise MisfitError(
                ("batch_clips",),
                f"mixup pairs the samples of a step, and {self.batch_clips} clips with {self.views} views each are odd "
                "in number: use an even batch_clips, or mixup 0 and cutmix 0",
            )
