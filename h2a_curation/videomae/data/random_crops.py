"""Crops of one clip, resized to a model's frames, of one decode."""

import random
from collections.abc import Sequence

from PIL import Image

from h2a_curation.videomae.data.augment import (
    Box,
    crop_and_resize,
    fast_crop_and_resize,
    multi_scale_box,
    shrink_for,
    surrounding,
)
from h2a_curation.videomae.data.frames import Frames, decode, decode_region
from schemas import Member

_PIL_BELOW_PX = 128
"""Below this side in pixels PIL itself takes no time that one would notice, so its exact results are taken."""


def fill_views(
    member: Member, data: bytes, indices: Sequence[int], views: Sequence[Frames], rng: random.Random, *, exact: bool
) -> None:
    """Fill each view [frame, height, width, rgb] with a random crop of these frames, decoding them once.

    `exact` resizes by PIL at any size. ValueError with the clip's name if it does not decode.
    """
    target = views[0].shape[1:3]
    shrink = shrink_for(member.width_px, member.height_px, target)
    width_px, height_px = member.width_px // shrink, member.height_px // shrink
    boxes = [multi_scale_box(width_px, height_px, target, rng) for _ in views]
    try:
        _crop(data, indices, boxes, shrink, views, exact=exact)
    except ValueError as broken:
        raise ValueError(f"clip {member.clip_id} in shard {member.shard}: {broken}") from broken


def _crop(
    data: bytes, indices: Sequence[int], boxes: Sequence[Box], shrink: int, views: Sequence[Frames], *, exact: bool
) -> None:
    target = views[0].shape[1:3]
    if exact or min(target) < _PIL_BELOW_PX or shrink > 1:
        images = [Image.fromarray(frame) for frame in decode(data, indices, shrink=shrink)]
        for box, view in zip(boxes, views, strict=True):
            view[:] = crop_and_resize(images, box, target)
        return
    around = surrounding(boxes)
    frames = decode_region(data, indices, around.edges)
    for box, view in zip(boxes, views, strict=True):
        fast_crop_and_resize(frames, box.within(around), view)
