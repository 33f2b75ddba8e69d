"""Samples by (seed, epoch, place): nothing else decides what a sample is, so a run can go on at any step, and on any
number of devices.

Threads, not processes: reading, decoding and resizing all release Python's lock, and a thread starts at once.
"""

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from h2a_curation.videomae.data.augment import (
    Box,
    crop_and_resize,
    fast_crop_and_resize,
    multi_scale_box,
    shrink_for,
    surrounding,
)
from h2a_curation.videomae.data.frames import Frames, decode, decode_region, sample_indices
from h2a_curation.videomae.data.masking import dual_masks
from h2a_curation.videomae.data.sampling import epoch_order, random_state
from h2a_curation.videomae.presets import Preset
from schemas import Member

ReadClip = Callable[[Member], bytes]
Piece = tuple[int, int, int]
"""(step, part, num_parts): one of equal parts of a step's clips."""

_AHEAD = 4
"""Clips that are made ahead for each thread, and at least one whole piece."""
_PIL_BELOW_PX = 128
"""Below this side in pixels PIL itself takes no time that one would notice, so its exact results are taken."""


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

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        tensors = (self.video, self.visible, self.decoded, self.was_hidden)
        video, visible, decoded, was_hidden = (t.to(device, non_blocking=True) for t in tensors)
        return Batch(clip_ids=self.clip_ids, video=video, visible=visible, decoded=decoded, was_hidden=was_hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """All batches of a run, by step."""

    members: Sequence[Member]
    read: ReadClip
    preset: Preset
    seed: int
    _orders: dict[int, list[int]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The order of the epoch at hand."""

    @property
    def steps_per_epoch(self) -> int:
        """What is left over of an epoch is dropped; fewer clips than a batch are repeated to fill one."""
        return max(1, len(self.members) // self.preset.recipe.batch_clips)

    def batch(self, step: int, part: int = 0, num_parts: int = 1) -> Batch:
        """The part-th of `num_parts` equal, contiguous parts of a step's batch.

        ValueError where the batch does not divide into so many.
        """
        making = self._making(step, part, num_parts)
        for i in range(len(making.members)):
            making.make(i)
        return making.finished()

    def _making(self, step: int, part: int, num_parts: int, *, pinned: bool = False) -> "_Making":
        epoch, step_in_epoch = divmod(step, self.steps_per_epoch)
        order = self._order(epoch)
        batch_clips = self.preset.recipe.batch_clips
        if batch_clips % num_parts:
            raise ValueError(
                f"a batch of {batch_clips} clips does not divide into {num_parts} parts (devices x micro-steps)"
            )
        size = batch_clips // num_parts
        first = step_in_epoch * batch_clips + part * size
        places = range(first, first + size)
        members = [self.members[order[place % len(order)]] for place in places]
        keys = [f"{self.seed}/{epoch}/{place}" for place in places]
        return _making(members, keys, self.read, self.preset, self.preset.recipe.views, pinned=pinned)

    def _order(self, epoch: int) -> list[int]:
        if epoch not in self._orders:
            self._orders.clear()
            labels = [m.label for m in self.members]
            self._orders[epoch] = epoch_order(labels, self.seed, epoch, self.preset.recipe.class_balance)
        return self._orders[epoch]


def make_batch(members: Sequence[Member], keys: Sequence[str], read: ReadClip, preset: Preset, views: int) -> Batch:
    """Decode each clip once and make `views` samples of it; a clip's key decides all that is drawn for it.

    ValueError with the clip's id if its bytes are not those published or do not decode.
    """
    making = _making(members, keys, read, preset, views)
    for i in range(len(members)):
        making.make(i)
    return making.finished()


@contextmanager
def prefetched(
    stream: Stream, pieces: Iterable[Piece], workers: int, *, pinned: bool = False
) -> Iterator[Iterator[Batch]]:
    """The batches of these pieces, in order, made ahead by threads: each thread makes a clip at a time.

    `pinned` puts them where a GPU fetches them without waiting.
    """
    steps = iter(pieces)
    waiting: deque[tuple[_Making, list[Future[None]]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="loader") as pool:

        def submit() -> None:
            while len(waiting) < 2 or sum(len(clips) for _, clips in waiting) < _AHEAD * workers:
                if (piece := next(steps, None)) is None:
                    return
                making = stream._making(*piece, pinned=pinned)
                waiting.append((making, [pool.submit(making.make, i) for i in range(len(making.members))]))

        def in_order() -> Iterator[Batch]:
            submit()
            while waiting:
                making, clips = waiting[0]
                for clip in clips:
                    clip.result()
                waiting.popleft()
                submit()
                yield making.finished()

        try:
            yield in_order()
        finally:
            for _, clips in waiting:
                for clip in clips:
                    clip.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Making:
    """A batch whose clips are filled in one by one, in any order, by any threads."""

    members: Sequence[Member]
    keys: Sequence[str]
    read: ReadClip
    preset: Preset
    views: int
    video: Tensor
    hidden: NDArray[np.bool_]
    """[sample, token]"""
    not_decoded: NDArray[np.bool_]

    def make(self, i: int) -> None:
        """Fill in all views of the i-th clip; OSError with its name where memory does not suffice."""
        try:
            self._fill(i)
        except MemoryError as full:
            told = f"no memory left to decode clip {self.members[i].clip_id}"
            raise OSError(f"{told}: fewer --workers or --micro-clips take less") from full

    def _fill(self, i: int) -> None:
        member, (model, recipe) = self.members[i], (self.preset.model, self.preset.recipe)
        rng, box_rng = random_state(self.keys[i]), random.Random(self.keys[i])
        indices = sample_indices(member.num_frames, model.num_frames, recipe.stride, rng)
        shrink = shrink_for(member.width_px, member.height_px, model.image_px)
        width_px, height_px = member.width_px // shrink, member.height_px // shrink
        boxes = [multi_scale_box(width_px, height_px, model.image_px, box_rng) for _ in range(self.views)]
        data, rows = self.read(member), slice(i * self.views, (i + 1) * self.views)
        try:
            _crop(data, indices, boxes, shrink, self.video.numpy()[rows], exact=recipe.exact_resize)
        except ValueError as broken:
            raise ValueError(f"clip {member.clip_id} in shard {member.shard}: {broken}") from broken
        for row in range(rows.start, rows.stop):
            masks = dual_masks(model.window, recipe.encoder_mask, recipe.decoder_mask, rng)
            self.hidden[row], self.not_decoded[row] = masks[0].ravel(), masks[1].ravel()

    def finished(self) -> Batch:
        """The batch, once all clips are in."""
        decoded = _indices(~self.not_decoded)
        return Batch(
            clip_ids=[m.clip_id for m in self.members],
            video=self.video,
            visible=torch.from_numpy(_indices(~self.hidden)),
            decoded=torch.from_numpy(decoded),
            was_hidden=torch.from_numpy(np.take_along_axis(self.hidden, decoded, axis=1)),
        )


def _making(
    members: Sequence[Member], keys: Sequence[str], read: ReadClip, preset: Preset, views: int, *, pinned: bool = False
) -> _Making:
    assert len(members) == len(keys)
    model, num_samples = preset.model, len(members) * views
    shape = (num_samples, model.num_frames, model.image_px, model.image_px, 3)
    return _Making(
        members=members,
        keys=keys,
        read=read,
        preset=preset,
        views=views,
        video=torch.empty(shape, dtype=torch.uint8, pin_memory=pinned),
        hidden=np.empty((num_samples, model.num_tokens), np.bool_),
        not_decoded=np.empty((num_samples, model.num_tokens), np.bool_),
    )


def _crop(
    data: bytes, indices: Sequence[int], boxes: Sequence[Box], shrink: int, views: Frames, *, exact: bool
) -> None:
    """Decode once and fill each view [frame, height, width, rgb] with its box, resized."""
    size_px = views.shape[-2]
    if exact or size_px < _PIL_BELOW_PX or shrink > 1:
        images = [Image.fromarray(frame) for frame in decode(data, indices, shrink=shrink)]
        for box, view in zip(boxes, views, strict=True):
            view[:] = crop_and_resize(images, box, size_px)
        return
    around = surrounding(boxes)
    frames = decode_region(data, indices, around.edges)
    for box, view in zip(boxes, views, strict=True):
        fast_crop_and_resize(frames, box.within(around), view)


def _indices(mask_BN: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Ascending indices of the True tokens, as many in each row: masks of one grid and ratio agree in that."""
    return mask_BN.nonzero()[1].reshape(len(mask_BN), -1)
