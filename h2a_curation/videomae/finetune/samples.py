"""What fine-tuning makes of a video: some augmented views of one decode, with all that is drawn for them.

A step is divided among devices and passes so that each sample is where its partner in mixup is. View v of V of the i-th
of N clips is blended with view V-1-v of the i-th clip from the end. So the first half of a clip's views and the second
half of its partner's go together, and the other two halves do, maybe elsewhere: a part of an odd number of clips, such
as the 3 that each of 8 devices has of UCF101's 24, takes one half of each clip of a pair, and decodes both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from h2a_curation.foundation.machine import is_of_machine
from h2a_curation.videomae.data.branches import draw_branches, draw_features
from h2a_curation.videomae.data.frames import Frames
from h2a_curation.videomae.data.loader import Draw, Making, Stream, first_that_decodes
from h2a_curation.videomae.data.sampling import random_state
from h2a_curation.videomae.data.videos import take
from h2a_curation.videomae.data.views import folder_indices, sparse_indices, training_indices
from h2a_curation.videomae.finetune.augment import as_pictures, augmented
from h2a_curation.videomae.finetune.examples import Example
from h2a_curation.videomae.finetune.generators import of_key
from h2a_curation.videomae.finetune.mixup import Mix, draw_mix, mixed_targets, mixed_videos
from h2a_curation.videomae.model.drop_path import BRANCHES, drop_rates
from h2a_curation.videomae.presets import ModelConfig
from h2a_curation.videomae.rules import FinetuningRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledBatch:
    """Views of some videos, video by video: all, or one half of them."""

    clip_ids: list[str]
    """[video]"""
    video: Tensor
    """[sample, frame, height, width, rgb], float32, normalised."""
    labels: Tensor
    """[sample]"""
    mix: Mix
    """What is drawn for the step, of which this is a part."""
    kept: Tensor | None
    """[sample, block, branch]: how much of each branch stays, see model/drop_path.py; None where none is left out."""
    kept_features: Tensor | None
    """[sample, feature]: factors of what the head sees; None where nothing is dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedBatch:
    """A batch on the device, blended."""

    clip_ids: list[str]
    video: Tensor
    targets: Tensor
    """[sample, class] probabilities."""
    kept: Tensor | None
    kept_features: Tensor | None

    def tensors(self) -> Iterable[Tensor]:
        """All that lies on the device."""
        maybe = (self.video, self.targets, self.kept, self.kept_features)
        return [tensor for tensor in maybe if tensor is not None]


def place(batch: LabelledBatch, device: torch.device, num_classes: int, smoothing: float) -> MixedBatch:
    """Put a batch on the device and blend it: partners lie in the same part of a step, see `LabelledStream.places`."""

    def there(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.to(device, non_blocking=True)

    return MixedBatch(
        clip_ids=batch.clip_ids,
        video=mixed_videos(batch.video.to(device, non_blocking=True), batch.mix),
        targets=mixed_targets(batch.labels.to(device, non_blocking=True), num_classes, smoothing, batch.mix),
        kept=there(batch.kept),
        kept_features=there(batch.kept_features),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledStream(Stream[Example, LabelledBatch]):
    """All batches of a fine-tuning run, by step."""

    recipe: FinetuningRecipe
    model: ModelConfig

    @property
    def batch_clips(self) -> int:
        """Videos of a step, over all devices."""
        return self.recipe.batch_clips

    @property
    def class_balance(self) -> float:
        """How far small classes are favoured: see data/sampling.py."""
        return self.recipe.class_balance

    @property
    def clip_bytes(self) -> int:
        """Memory of all views of one video, in float32."""
        height, width = self.model.frame_px
        return 4 * self.recipe.views * self.model.num_frames * height * width * 3

    def places(self, part: int, num_parts: int) -> Sequence[int]:
        """Places in a step's batch that make up a part: with each its partner, at its place from the end.

        So a part can blend its samples by itself, in any number of parts as if the step were one batch. ValueError for
        parts that would hold a sample without its partner.
        """
        size = self.batch_clips // num_parts
        if not self.recipe.mixes or num_parts == 1:
            return Stream.places(self, part, num_parts)
        if size % self.recipe.clips_together:
            raise ValueError(f"mixup pairs clips, and {size} clips at a time are odd in number: use an even number")
        first, last, end = part * size // 2, ((part + 1) * size - 1) // 2, self.batch_clips
        return [*range(first, last + 1), *range(end - last - 1, end - first)]

    def draws(self, step: int, part: int, num_parts: int) -> list[Draw[Example]]:
        """What a part consists of; where it has an odd number of clips, one pair is shared with a part beside it."""
        draws = Stream.draws(self, step, part, num_parts)
        if not self.recipe.mixes or num_parts == 1 or (self.batch_clips // num_parts) % 2 == 0:
            return draws
        half = self.recipe.views // 2
        early, late = range(half), range(half, self.recipe.views)
        # Parts at even places end within a pair, and take its first half; the next ones begin with what is left of it.
        middle = len(draws) // 2
        shared = {0: late, -1: early} if part % 2 else {middle - 1: early, middle: late}
        for place, views in shared.items():
            draws[place] = replace(draws[place], views=views)
        return draws

    def begin(self, draws: Sequence[Draw[Example]], *, pinned: bool) -> Making[LabelledBatch]:
        """An empty batch with as many views of each video as the recipe says."""
        recipe, model = self.recipe, self.model
        views = [draw.views or range(recipe.views) for draw in draws]
        num = sum(map(len, views))
        branches = (num, model.depth, BRANCHES) if recipe.drop_path else None
        features = (num, model.width) if recipe.head_dropout else None
        shape = (num, model.num_frames, *model.frame_px, 3)
        height, width = model.frame_px
        return _MakingClips(
            draws=draws,
            views=views,
            stream=self,
            clip_ids=[draw.member.clip_id for draw in draws],
            labels=[draw.member.label for draw in draws],
            video=torch.empty(shape, pin_memory=pinned),
            kept=None if branches is None else torch.empty(branches, pin_memory=pinned),
            kept_features=None if features is None else torch.empty(features, pin_memory=pinned),
            mix=draw_mix(recipe, height, width, random_state(f"{draws[0].step_key}/mix")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _MakingClips:
    """A batch whose videos are filled in one by one, in any order, by any threads."""

    draws: Sequence[Draw[Example]]
    views: Sequence[range]
    stream: LabelledStream
    clip_ids: list[str]
    labels: list[int]
    video: Tensor
    kept: Tensor | None
    kept_features: Tensor | None
    mix: Mix

    def make(self, i: int) -> None:
        """Fill in the views of the i-th video; OSError with its name where memory does not suffice."""
        draw = self.draws[i]
        try:
            used = first_that_decodes(draw, lambda example: self._fill(i, draw.key, example), self.stream.bad)
        except MemoryError as full:
            told = f"no memory left to decode {draw.member.clip_id}"
            raise OSError(f"{told}: fewer --workers or --micro-clips take less") from full
        self.clip_ids[i], self.labels[i] = used.clip_id, used.label

    def _fill(self, i: int, key: str, example: Example) -> None:
        recipe, model = self.stream.recipe, self.stream.model
        pictures = as_pictures(frames_of(example, key, recipe, model.num_frames))
        views = self.views[i]
        first = sum(map(len, self.views[:i]))
        for row, view in enumerate(views, first):
            self.video[row] = augmented(pictures, model.frame_px, recipe, of_key(f"{key}/{view}"))
        rows, drawn = slice(first, first + len(views)), slice(views.start, views.stop)
        if self.kept is not None:
            self.kept[rows] = draw_branches(key, recipe.views, drop_rates(recipe.drop_path, model.depth))[drawn]
        if self.kept_features is not None:
            self.kept_features[rows] = draw_features(key, recipe.views, model.width, recipe.head_dropout)[drawn]

    def finished(self) -> LabelledBatch:
        """The batch, once all videos are in."""
        return LabelledBatch(
            clip_ids=self.clip_ids,
            video=self.video,
            labels=torch.tensor(self.labels).repeat_interleave(torch.tensor([len(views) for views in self.views])),
            mix=self.mix,
            kept=self.kept,
            kept_features=self.kept_features,
        )


def frames_of(example: Example, key: str, recipe: FinetuningRecipe, num_frames: int) -> Frames:
    """The frames of a video that are drawn by this key; ValueError with its name if they do not decode."""
    source = example.open()
    from_folder = isinstance(source, Path) and source.is_dir()

    def choose(length: int) -> list[int]:
        rng = random_state(key)
        if not recipe.sparse:
            return training_indices(length, num_frames, recipe.stride, rng)
        return (folder_indices if from_folder else sparse_indices)(length, num_frames, rng)

    try:
        return take(source, choose, example.num_frames)
    except (ValueError, OSError) as broken:
        if is_of_machine(broken):
            raise
        raise ValueError(f"{example.clip_id}: {broken}") from broken
