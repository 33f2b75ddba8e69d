"""Samples by (seed, epoch, place): nothing else decides what a sample is, so a run can go on at any step.

Threads, not processes: reading, decoding and resizing all release Python's lock, and a thread starts at once.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from h2a_curation.pretrain.augment import crop_and_resize, multi_scale_box, shrink_for
from h2a_curation.pretrain.frames import decode, sample_indices
from h2a_curation.pretrain.masking import dual_masks
from h2a_curation.pretrain.presets import Preset
from schemas import Member

ReadClip = Callable[[Member], bytes]


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

    @property
    def steps_per_epoch(self) -> int:
        """What is left over of an epoch is dropped; fewer clips than a batch are repeated to fill one."""
        return max(1, len(self.members) // self.preset.recipe.batch_clips)

    def batch(self, step: int) -> Batch:
        """The batch of one step of the run."""
        epoch, step_in_epoch = divmod(step, self.steps_per_epoch)
        order = epoch_order(len(self.members), self.seed, epoch)
        size = self.preset.recipe.batch_clips
        places = range(step_in_epoch * size, (step_in_epoch + 1) * size)
        members = [self.members[order[place % len(order)]] for place in places]
        keys = [f"{self.seed}/{epoch}/{place}" for place in places]
        return make_batch(members, keys, self.read, self.preset, self.preset.recipe.views)


def epoch_order(num_clips: int, seed: int, epoch: int) -> list[int]:
    """A shuffle of all clips, other in each epoch."""
    order: list[int] = _random_state(f"order/{seed}/{epoch}").permutation(num_clips).tolist()
    return order


def make_batch(members: Sequence[Member], keys: Sequence[str], read: ReadClip, preset: Preset, views: int) -> Batch:
    """Decode each clip once and make `views` samples of it; a clip's key decides all that is drawn for it.

    ValueError with the clip's id if its bytes are not those published or do not decode.
    """
    clips, hidden, not_decoded = [], [], []
    for member, key in zip(members, keys, strict=True):
        model, recipe = preset.model, preset.recipe
        rng, box_rng = _random_state(key), random.Random(key)
        indices = sample_indices(member.num_frames, model.num_frames, recipe.stride, rng)
        data = read(member)
        try:
            shrink = shrink_for(member.width_px, member.height_px, model.image_px)
            frames = decode(data, indices, shrink=shrink)
        except ValueError as broken:
            raise ValueError(f"clip {member.clip_id} in shard {member.shard}: {broken}") from broken
        images = [Image.fromarray(frame) for frame in frames]
        for _ in range(views):
            box = multi_scale_box(frames.shape[2], frames.shape[1], model.image_px, box_rng)
            clips.append(crop_and_resize(images, box, model.image_px))
            masks = dual_masks(model.window, recipe.encoder_mask, recipe.decoder_mask, rng)
            hidden.append(masks[0].ravel())
            not_decoded.append(masks[1].ravel())
    hidden_BN, decoded_Bm = np.stack(hidden), _indices(~np.stack(not_decoded))
    return Batch(
        clip_ids=[m.clip_id for m in members],
        video=torch.from_numpy(np.stack(clips)),
        visible=torch.from_numpy(_indices(~hidden_BN)),
        decoded=torch.from_numpy(decoded_Bm),
        was_hidden=torch.from_numpy(np.take_along_axis(hidden_BN, decoded_Bm, axis=1)),
    )


@contextmanager
def prefetched(stream: Stream, first_step: int, num_steps: int, workers: int) -> Iterator[Iterator[Batch]]:
    """Batches of the steps from `first_step` to before `num_steps`, in order, made ahead by threads."""
    steps = iter(range(first_step, num_steps))
    with ThreadPoolExecutor(workers, thread_name_prefix="loader") as pool:
        waiting = deque(pool.submit(stream.batch, step) for step in islice(steps, 2 * workers))

        def in_order() -> Iterator[Batch]:
            while waiting:
                batch = waiting.popleft().result()
                waiting.extend(pool.submit(stream.batch, step) for step in islice(steps, 1))
                yield batch

        try:
            yield in_order()
        finally:
            for future in waiting:
                future.cancel()


def _indices(mask_BN: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Ascending indices of the True tokens, as many in each row: masks of one grid and ratio agree in that."""
    return mask_BN.nonzero()[1].reshape(len(mask_BN), -1)


def _random_state(key: str) -> np.random.RandomState:
    return np.random.RandomState(np.frombuffer(blake2b(key.encode(), digest_size=16).digest(), np.uint32))
