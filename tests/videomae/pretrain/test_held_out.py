from dataclasses import replace
from functools import partial

import pytest
import torch

from h2a_curation.videomae.data.shards import open_version, read_clip
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from h2a_curation.videomae.presets import preset
from h2a_curation.videomae.pretrain.held_out import held_out_batches, split_members

MICRO = preset("micro")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_each_clip_counts_in_one_process_and_all_take_as_many(lake, size):
    version = open_version(lake, "v1")
    members = [*version.members, *version.members][:7]
    chosen = replace(MICRO, recipe=replace(MICRO.recipe, held_out_clips=7))
    read = partial(read_clip, version)
    [whole] = held_out_batches(members, read, chosen, 0, ProcessGroup(device=torch.device("cpu")))
    shares = [
        held_out_batches(members, read, chosen, 0, ProcessGroup(rank=rank, size=size, device=torch.device("cpu")))
        for rank in range(size)
    ]
    assert {tuple(len(batch.clip_ids) for batch in batches) for batches in shares} == {(max(-(-7 // size), 3),)}
    counted = {
        rank + size * i: batch.video[i]
        for rank, [batch] in enumerate(shares)
        for i in range(len(batch.video))
        if batch.was_hidden[i].any()
    }
    assert sorted(counted) == list(range(7))
    assert all(torch.equal(video, whole.video[place]) for place, video in counted.items())


def test_val_is_held_out_before_anything_else(lake):
    train, held_out = split_members(open_version(lake, "v1"))
    assert {m.split for m in train} == {"train"}
    assert {m.split for m in held_out} == {"val"}
