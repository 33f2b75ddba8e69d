import random
import signal
import threading
import weakref
from collections import Counter, deque
from dataclasses import fields, replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from h2a_curation.videomae.data.augment import crop_and_resize, multi_scale_box
from h2a_curation.videomae.data.frames import decode, sample_indices
from h2a_curation.videomae.data.loader import pinned_bytes, prefetched
from h2a_curation.videomae.data.sampling import random_state
from h2a_curation.videomae.data.shards import open_version, read_clip
from h2a_curation.videomae.presets import preset
from h2a_curation.videomae.pretrain.samples import MaskedStream

FIELDS = ("video", "visible", "decoded", "was_hidden")


@pytest.fixture
def stream(lake):
    version = open_version(lake, "v1")
    return MaskedStream(
        members=version.split("train"), read=partial(read_clip, version), preset=preset("micro"), seed=3
    )


def same(a, b):
    return a.clip_ids == b.clip_ids and all(torch.equal(getattr(a, f), getattr(b, f)) for f in FIELDS)


def with_recipe(stream, **changed):
    return replace(stream, preset=replace(stream.preset, recipe=replace(stream.preset.recipe, **changed)))


def test_an_epoch_holds_every_clip_once_and_the_next_is_shuffled_anew(stream):
    assert stream.steps_per_epoch == 3
    epochs = [[c for step in range(3 * e, 3 * e + 3) for c in stream.batch(step).clip_ids] for e in range(2)]
    assert set(epochs[0]) == set(epochs[1]) == {m.clip_id for m in stream.members}
    assert epochs[0] != epochs[1]


def test_a_batch_depends_on_seed_and_step_alone(stream):
    with prefetched(stream, ((step, 0, 1) for step in range(4, 9)), workers=3) as batches:
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
        prefetched(replace(stream, read=unreadable), [(0, 0, 1)], workers=2) as batches,
    ):
        next(batches)


def test_a_thread_without_memory_ends_the_run_in_one_line(stream):
    def dies(member):
        raise MemoryError

    with (
        pytest.raises(OSError, match=r"^no memory left to decode clip \w+: fewer --workers or --micro-clips"),
        prefetched(replace(stream, read=dies), ((step, 0, 1) for step in range(100)), workers=2) as batches,
    ):
        list(batches)


def all_batches(stream, pieces):
    with prefetched(stream, pieces, workers=1) as batches:
        yield from batches


def test_ctrl_c_waits_for_no_clip(stream):
    go_on = threading.Event()

    def stuck(member):
        go_on.wait(60)
        return stream.read(member)

    main = threading.main_thread().ident
    # A shell has what it starts in the background ignore Ctrl-C, and Python leaves that as it is.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.2, signal.pthread_kill, [main, signal.SIGINT]).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            list(all_batches(replace(stream, read=stuck), [(0, 0, 1), (1, 0, 1)]))
        assert not go_on.is_set()
        assert any(thread.name.startswith("loader") for thread in threading.enumerate())  # it waits, we do not
    finally:
        go_on.set()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("micro_steps", [1, 2])
def test_any_number_of_devices_sees_the_same_samples(stream, world_size, micro_steps):
    stream = with_recipe(stream, batch_clips=12)
    num_parts = world_size * micro_steps
    steps = range(1, 3)
    parts = []
    for rank in range(world_size):
        pieces = [(step, rank * micro_steps + a, num_parts) for step in steps for a in range(micro_steps)]
        with prefetched(stream, pieces, workers=2) as batches:
            parts += zip(pieces, batches, strict=True)
    for step in steps:
        whole = stream.batch(step)
        ours = [batch for (of, _, _), batch in parts if of == step]
        assert [c for batch in ours for c in batch.clip_ids] == whole.clip_ids
        for name in FIELDS:
            assert torch.equal(torch.cat([getattr(batch, name) for batch in ours]), getattr(whole, name))


def test_a_run_goes_on_at_the_sample_with_another_number_of_devices(stream):
    stream = with_recipe(stream, batch_clips=6)
    undisturbed = [stream.batch(step) for step in range(4)]
    with prefetched(stream, ((step, 0, 1) for step in range(2)), workers=2) as batches:
        seen = list(batches)
    resumed = replace(stream)
    for step in (2, 3):
        halves = [resumed.batch(step, part, 2) for part in range(2)]
        assert torch.equal(torch.cat([h.video for h in halves]), undisturbed[step].video)
    assert all(same(a, b) for a, b in zip(seen, undisturbed, strict=False))


def test_a_batch_that_does_not_divide(stream):
    with pytest.raises(ValueError, match="a batch of 2 clips does not divide into 3 parts"):
        stream.batch(0, 0, 3)


def test_classes_are_drawn_alike_where_the_recipe_says_so(stream):
    members = [replace(m, label=int(i == 0)) for i, m in enumerate(stream.members)]
    balanced = with_recipe(replace(stream, members=members), batch_clips=6, views=1, class_balance=1.0)
    drawn = Counter(balanced.batch(0).clip_ids)
    assert drawn.total() == 6
    assert drawn[members[0].clip_id] == 3


def test_no_more_is_made_ahead_than_asked_for(stream):
    reads = Counter()

    def counted(member):
        reads[member.clip_id] += 1
        return stream.read(member)

    with prefetched(replace(stream, read=counted), ((step, 0, 1) for step in range(1000)), workers=2) as batches:
        next(batches)
        next(batches)
    assert reads.total() <= 2 * 2 + 2 * 4


@pytest.mark.parametrize(("image_px", "exact", "apart"), [(64, False, 0), (128, False, 2), (128, True, 0)])
def test_pixels_are_those_of_pil(stream, image_px, exact, apart):
    """Small targets bit for bit; larger ones go through torch's port of it, whose weights are rounded, unless asked."""
    stream = replace(stream, preset=replace(stream.preset, model=replace(stream.preset.model, image_px=image_px)))
    stream = with_recipe(stream, exact_resize=exact)
    batch = stream.batch(0)
    [member] = [m for m in stream.members if m.clip_id == batch.clip_ids[0]]
    key = f"3/0/{0}"
    rng, box_rng = random_state(key), random.Random(key)
    indices = sample_indices(member.num_frames, 4, 4, rng)
    frames = decode(stream.read(member), indices)
    for view in range(2):
        box = multi_scale_box(96, 80, (image_px, image_px), box_rng)
        expected = crop_and_resize([Image.fromarray(f) for f in frames], box, (image_px, image_px)).astype(int)
        difference = np.abs(expected - batch.video[view].numpy())
        assert difference.max() <= apart


@pytest.mark.parametrize(("piece_clips", "workers"), [(1, 1), (1, 4), (2, 2), (4, 1), (3, 4)])
def test_page_locked_memory_is_bounded_by_what_is_made_ahead(stream, piece_clips, workers):
    """Each piece on its way counts, from its beginning until nobody holds it any more."""
    batch = replace(stream.preset.recipe, batch_clips=piece_clips)
    stream = replace(stream, preset=replace(stream.preset, recipe=batch))
    one = stream.batch(0).video
    assert one.nbytes == piece_clips * stream.clip_bytes
    alive, most = weakref.WeakSet(), 0
    begin = type(stream).begin

    class Counting(type(stream)):
        def begin(self, draws, *, pinned):
            nonlocal most
            made = begin(self, draws, pinned=False)
            alive.add(made.video)
            most = max(most, len(alive))
            return made

    counted = Counting(**{f.name: getattr(stream, f.name) for f in fields(stream) if f.init})
    with prefetched(counted, [(step, 0, 1) for step in range(12)], workers) as batches:
        held = deque(batches, maxlen=2)  # as the way to a device holds them
    assert len(held) == 2
    rounded = 1 << (one.nbytes - 1).bit_length()
    assert most * rounded <= pinned_bytes(stream.clip_bytes, piece_clips, workers)
    assert most >= 3


@pytest.mark.parametrize(("piece_clips", "pinned"), [(1, True), (10**6, False)])
def test_more_than_fits_is_not_page_locked(stream, monkeypatch, piece_clips, pinned):
    asked = []

    def begin(_stream, _draws, *, pinned):
        asked.append(pinned)
        raise SeenEnoughError

    monkeypatch.setattr(type(stream), "begin", begin)
    monkeypatch.setattr(type(stream), "draws", lambda self, *piece: range(piece_clips))
    with pytest.raises(SeenEnoughError), prefetched(stream, [(0, 0, 1)], 2, pinned=True) as batches:
        next(batches)
    assert asked == [pinned]


class SeenEnoughError(Exception):
    """Ends a test where nothing more is to be seen."""
