from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
import torch

from h2a_curation.pretrain.loader import Stream, epoch_order, prefetched
from h2a_curation.pretrain.presets import preset
from h2a_curation.pretrain.shards import open_version, read_clip


@pytest.fixture
def stream(lake):
    version = open_version(lake, "v1")
    return Stream(members=version.split("train"), read=partial(read_clip, version), preset=preset("micro"), seed=3)


def same(a, b):
    fields = ("video", "visible", "decoded", "was_hidden")
    return a.clip_ids == b.clip_ids and all(torch.equal(getattr(a, f), getattr(b, f)) for f in fields)


def test_an_epoch_holds_every_clip_once_and_the_next_is_shuffled_anew(stream):
    assert stream.steps_per_epoch == 3
    epochs = [[c for step in range(3 * e, 3 * e + 3) for c in stream.batch(step).clip_ids] for e in range(2)]
    assert set(epochs[0]) == set(epochs[1]) == {m.clip_id for m in stream.members}
    assert epochs[0] != epochs[1]


def test_a_batch_depends_on_seed_and_step_alone(stream):
    with prefetched(stream, 4, 9, workers=3) as batches:
        ahead = list(batches)
    assert len(ahead) == 5
    assert all(same(batch, stream.batch(4 + i)) for i, batch in enumerate(ahead))
    assert not same(ahead[0], replace(stream, seed=4).batch(4))


def test_a_clip_is_read_once_for_all_its_views(stream):
    reads = Counter()

    def counted(member):
        reads[member.clip_id] += 1
        return stream.read(member)

    batch = replace(stream, read=counted).batch(0)
    assert reads == Counter(batch.clip_ids)
    assert len(batch.video) == len(batch.clip_ids) * stream.preset.recipe.views
    assert not torch.equal(batch.visible[0], batch.visible[1])


def test_fewer_clips_than_a_batch_are_repeated(stream):
    few = replace(stream, members=stream.members[:1])
    assert few.steps_per_epoch == 1
    assert few.batch(0).clip_ids == [stream.members[0].clip_id] * 2


def test_a_clip_shorter_than_its_row_says_is_named(stream):
    liar = replace(stream.members[0], num_frames=200)
    wrong = replace(stream, members=[liar], seed=0)
    with pytest.raises(ValueError, match=rf"clip {liar.clip_id} in shard abc\.tar: frame \d+ of a clip of 70"):
        wrong.batch(0)


def test_an_error_in_a_worker_arrives(stream):
    def unreadable(member):
        raise ValueError(f"{member.clip_id} is changed")

    with (
        pytest.raises(ValueError, match="is changed"),
        prefetched(replace(stream, read=unreadable), 0, 5, workers=2) as batches,
    ):
        next(batches)


def test_orders_are_permutations():
    assert sorted(epoch_order(100, seed=0, epoch=0)) == list(range(100))
    assert epoch_order(100, seed=0, epoch=0) == epoch_order(100, seed=0, epoch=0) != epoch_order(100, seed=1, epoch=0)
