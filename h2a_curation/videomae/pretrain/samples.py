"""What pretraining makes of a clip: a few views of one decode, each with a mask for the encoder and the decoder."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from h2a_curation.videomae.data.branches import draw_branches
from h2a_curation.videomae.data.frames import sample_indices
from h2a_curation.videomae.data.loader import Draw, Making, ReadClip, Stream, first_that_decodes, made
from h2a_curation.videomae.data.masking import dual_masks
from h2a_curation.videomae.data.random_crops import fill_views
from h2a_curation.videomae.data.sampling import random_state
from h2a_curation.videomae.model.drop_path import BRANCHES, drop_rates
from h2a_curation.videomae.model.loss import counted_places
from h2a_curation.videomae.presets import Preset
from schemas import Member


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Views of some clips, clip by clip; masks are given as the ascending indices of the tokens they leave."""

    clip_ids: list[str]
    video: Tensor
    """[sample, frame, height, width, rgb], uint8."""
    visible: Tensor
    """[sample, n]"""
    decoded: Tensor
    """[sample, m]"""
    was_hidden: Tensor
    """[sample, m], of the decoded tokens: whether the encoder does not see it, so that it counts."""
    kept: Tensor | None = None
    """[sample, block, branch]: how much of each branch stays, see model/drop_path.py; None where none is left out."""

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        tensors = (self.video, self.visible, self.decoded, self.was_hidden)
        video, visible, decoded, was_hidden = (t.to(device, non_blocking=True) for t in tensors)
        return Batch(
            clip_ids=self.clip_ids,
            video=video,
            visible=visible,
            decoded=decoded,
            was_hidden=was_hidden,
            kept=None if self.kept is None else self.kept.to(device, non_blocking=True),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceBatch:
    """A batch on the device, and what of it counts."""

    batch: Batch
    counted: Tensor
    """[sample, k] places in the rows of `decoded` that the loss counts: how many is not asked of the device."""

    @property
    def clip_ids(self) -> list[str]:
        """The clips that it is made of."""
        return self.batch.clip_ids

    def tensors(self) -> Iterable[Tensor]:
        """All that lies on the device."""
        batch = self.batch
        kept = () if batch.kept is None else (batch.kept,)
        return batch.video, batch.visible, batch.decoded, batch.was_hidden, self.counted, *kept


def place(batch: Batch, device: torch.device) -> DeviceBatch:
    """Put a batch on the device."""
    counted = counted_places(batch.was_hidden)
    return DeviceBatch(batch=batch.to(device), counted=counted.to(device, non_blocking=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedStream(Stream[Member, Batch]):
    """All batches of a pretraining run, by step."""

    read: ReadClip
    preset: Preset

    @property
    def batch_clips(self) -> int:
        """Clips of a step, over all devices."""
        return self.preset.recipe.batch_clips

    @property
    def class_balance(self) -> float:
        """How far small classes are favoured: see data/sampling.py."""
        return self.preset.recipe.class_balance

    @property
    def clip_bytes(self) -> int:
        """Memory of all views of one clip."""
        model = self.preset.model
        return self.preset.recipe.views * model.num_frames * model.frame_px[0] * model.frame_px[1] * 3

    def begin(self, draws: Sequence[Draw[Member]], *, pinned: bool) -> Making[Batch]:
        """An empty batch with as many views of each clip as the recipe says."""
        return _begin(draws, self, self.preset.recipe.views, pinned=pinned)


def single_views(draws: Sequence[Draw[Member]], read: ReadClip, preset: Preset) -> Batch:
    """One view of each clip.

    ValueError with the clip's id if its bytes are not those published or do not decode.
    """
    stream = MaskedStream(members=[draw.member for draw in draws], seed=0, read=read, preset=preset)
    return made(draws, lambda draws, *, pinned: _begin(draws, stream, 1, pinned=pinned))


@dataclass(frozen=True, slots=True, kw_only=True)
class _MakingViews:
    """A batch whose clips are filled in one by one, in any order, by any threads."""

    draws: Sequence[Draw[Member]]
    stream: MaskedStream
    views: int
    clip_ids: list[str]
    video: Tensor
    hidden: NDArray[np.bool_]
    """[sample, token]"""
    not_decoded: NDArray[np.bool_]
    kept: Tensor | None
    """[sample, block, branch]"""

    def make(self, i: int) -> None:
        """Fill in all views of the i-th clip; OSError with its name where memory does not suffice."""
        draw = self.draws[i]
        try:
            used = first_that_decodes(draw, lambda member: self._fill(i, draw.key, member), self.stream.bad)
            self.clip_ids[i] = used.clip_id
        except MemoryError as full:
            told = f"no memory left to decode clip {draw.member.clip_id}"
            raise OSError(f"{told}: fewer --workers or --micro-clips take less") from full

    def _fill(self, i: int, key: str, member: Member) -> None:
        model, recipe = self.stream.preset.model, self.stream.preset.recipe
        rng, box_rng = random_state(key), random.Random(key)
        indices = sample_indices(member.num_frames, model.num_frames, recipe.stride, rng)
        rows = slice(i * self.views, (i + 1) * self.views)
        data, views = self.stream.read(member), list(self.video.numpy()[rows])
        fill_views(member, data, indices, views, box_rng, exact=recipe.exact_resize)
        for row in range(rows.start, rows.stop):
            masks = dual_masks(model.window, recipe.encoder_mask, recipe.decoder_mask, rng)
            self.hidden[row], self.not_decoded[row] = masks[0].ravel(), masks[1].ravel()
        if self.kept is not None:
            self.kept[rows] = draw_branches(key, self.views, _drop_rates(self.stream.preset))

    def finished(self) -> Batch:
        """The batch, once all clips are in."""
        decoded = _indices(~self.not_decoded)
        return Batch(
            clip_ids=self.clip_ids,
            video=self.video,
            visible=torch.from_numpy(_indices(~self.hidden)),
            decoded=torch.from_numpy(decoded),
            was_hidden=torch.from_numpy(np.take_along_axis(self.hidden, decoded, axis=1)),
            kept=self.kept,
        )


def _drop_rates(preset: Preset) -> list[float]:
    """The encoder's blocks, then the decoder's, each stack by itself."""
    rate, model = preset.recipe.drop_path, preset.model
    return [*drop_rates(rate, model.depth), *drop_rates(rate, model.decoder_depth)]


def _begin(draws: Sequence[Draw[Member]], stream: MaskedStream, views: int, *, pinned: bool) -> _MakingViews:
    model, num_samples = stream.preset.model, len(draws) * views
    kept = (num_samples, model.depth + model.decoder_depth, BRANCHES) if stream.preset.recipe.drop_path else None
    shape = (num_samples, model.num_frames, *model.frame_px, 3)
    return _MakingViews(
        draws=draws,
        stream=stream,
        views=views,
        clip_ids=[draw.member.clip_id for draw in draws],
        video=torch.empty(shape, dtype=torch.uint8, pin_memory=pinned),
        hidden=np.empty((num_samples, model.num_tokens), np.bool_),
        not_decoded=np.empty((num_samples, model.num_tokens), np.bool_),
        kept=None if kept is None else torch.empty(kept, pin_memory=pinned),
    )


def _indices(mask_BN: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Ascending indices of the True tokens, as many in each row: masks of one grid and ratio agree in that."""
    return mask_BN.nonzero()[1].reshape(len(mask_BN), -1)
