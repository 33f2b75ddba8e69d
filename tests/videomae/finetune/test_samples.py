import numpy as np
import pytest
import torch

from h2a_curation.jobs.finetune import LabelledTask
from h2a_curation.videomae.finetune.samples import LabelledStream, place
from h2a_curation.videomae.presets import ModelConfig
from h2a_curation.videomae.rules import FinetuningRecipe
from tests.videomae.finetune.colours import write_set

MODEL = ModelConfig(
    image_px=32, num_frames=4, width=24, depth=2, num_heads=2, decoder_width=0, decoder_depth=0, decoder_num_heads=0
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    listing = write_set(tmp_path_factory.mktemp("colours"), train=4, val=1)
    return LabelledTask(task=str(listing), data=listing.parent).read().data.train


def stream(examples, **changed):
    recipe = FinetuningRecipe(**{"batch_clips": 12, "views": 2, "drop_path": 0.5, "head_dropout": 0.5, **changed})
    return LabelledStream(members=examples, seed=3, recipe=recipe, model=MODEL)


def blended(batch):
    return place(batch, CPU, 3, 0.1)


@pytest.mark.parametrize(
    ("batch_clips", "views", "num_parts"),
    [
        *((12, 2, 2), (12, 2, 3), (12, 1, 3), (12, 2, 6)),
        # parts of 3 clips, of 1 clip, and of 3 and 1 of 9, whose middle clip is its own partner
        *((12, 2, 4), (12, 4, 4), (12, 2, 12), (9, 2, 3), (9, 4, 9)),
    ],
)
def test_a_step_is_blended_the_same_in_any_number_of_parts(examples, batch_clips, views, num_parts):
    ours = stream(examples, batch_clips=batch_clips, views=views)
    whole = blended(ours.batch(0))
    assert whole.video.shape == (batch_clips * views, 4, 32, 32, 3)
    place_of = {sample.numpy().tobytes(): row for row, sample in enumerate(whole.video)}
    assert len(place_of) == len(whole.video)
    seen = []
    for part in range(num_parts):
        piece = blended(ours.batch(0, part, num_parts))
        assert len(piece.video) == batch_clips * views // num_parts
        rows = [place_of[sample.numpy().tobytes()] for sample in piece.video]
        assert {*piece.clip_ids} == {whole.clip_ids[row // views] for row in rows}
        for name in ("targets", "kept", "kept_features"):
            assert torch.equal(getattr(piece, name), getattr(whole, name)[rows])
        seen += rows
    assert sorted(seen) == [*range(batch_clips * views)]


def test_a_clip_and_its_partner_are_never_apart(examples):
    ours = stream(examples)
    assert ours.places(0, 3) == [0, 1, 10, 11]
    assert ours.places(2, 3) == [4, 5, 6, 7]
    with pytest.raises(ValueError, match="mixup pairs clips, and 3 clips at a time are odd"):
        stream(examples, views=1).batch(0, 0, 4)
    assert list(stream(examples, mixup=0, cutmix=0).places(1, 4)) == [3, 4, 5]


def test_each_epoch_and_each_view_is_drawn_anew_and_the_same_again(examples):
    plain = stream(examples, mixup=0, cutmix=0)
    first, again, other = plain.batch(0), plain.batch(0), plain.batch(1)
    assert torch.equal(first.video, again.video)
    assert not torch.equal(first.video[0], first.video[1])
    views = {clip_id: first.video[2 * i] for i, clip_id in enumerate(first.clip_ids)}
    assert not any(torch.equal(views[clip_id], other.video[2 * i]) for i, clip_id in enumerate(other.clip_ids))
    assert first.labels.tolist() == [
        label for example_id in first.clip_ids for label in [int(example_id.split("-")[1])] * 2
    ]


def test_the_blend_is_another_in_each_step(examples):
    ours = stream(examples)
    shares = [ours.begin(ours.draws(step, 0, 6), pinned=False).mix for step in range(6)]
    assert len(set(shares)) == 6
    assert shares[2] == ours.begin(ours.draws(2, 3, 6), pinned=False).mix


def test_nothing_is_drawn_of_what_is_off(examples):
    batch = stream(examples, drop_path=0.0, head_dropout=0.0).batch(0, 0, 6)
    assert (batch.kept, batch.kept_features) == (None, None)


def test_dropped_features_make_up_for_what_is_left_out(examples):
    kept = stream(examples).batch(0).kept_features
    assert set(np.unique(kept.numpy())) == {0.0, 2.0}
    assert 0.8 < kept.mean() < 1.2


def test_an_odd_number_of_samples_cannot_be_paired():
    with pytest.raises(ValueError, match="3 clips with 1 views each are odd"):
        FinetuningRecipe(batch_clips=3, views=1)
    FinetuningRecipe(batch_clips=3, views=1, mixup=0, cutmix=0)


def test_a_video_that_does_not_decode_is_named(examples, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    from dataclasses import replace

    damaged = [replace(examples[0], clip_id="broken.mp4", open=lambda: broken)]
    with pytest.raises(ValueError, match=r"^broken\.mp4: it cannot be read"):
        stream(damaged).batch(0, 0, 6)
