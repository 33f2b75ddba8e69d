"""The plain loader reads what ours reads, and what is measured is what is said to be."""

import itertools

import numpy as np
import pytest

from bench import loader, loader_clips
from bench.plain_loader import plain_batches, read_sample
from h2a_curation.videomae.data.frames import decode, sample_indices
from tests.videomae.world import encode, frames


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two short clips, brought to 340x256."""
    folder = tmp_path_factory.mktemp("loader")
    for seed in range(2):
        (folder / f"{seed}.mp4").write_bytes(encode(frames(seed, 30, 96, 80), b_frames=seed))
    return loader_clips.prepare(loader_clips.find(folder), 340, 256, folder / "made")


def test_both_sides_have_the_same_clips(clips):
    assert len(clips.sources) == len(clips.version.members) == 2
    assert [m.num_frames for m in clips.version.members] == [96, 96]
    assert {(m.width_px, m.height_px) for m in clips.version.members} == {(340, 256)}


@pytest.mark.parametrize("seed", range(3))
def test_the_plain_reader_gives_the_frames_that_ours_gives(clips, seed):
    file = clips.sources[0]
    indices = sample_indices(96, 16, 4, np.random.RandomState(seed))
    ours = decode(file.read_bytes(), indices)
    assert np.array_equal(ours, np.stack(read_sample(file, np.random.RandomState(seed))))


def test_batches_of_all(clips):
    [plain] = itertools.islice(plain_batches(clips.sources, 2, 1), 1)
    assert plain.shape == (2, 3, 16, 224, 224)
    assert -2.2 < plain.min() < plain.max() < 2.7
    [ours] = itertools.islice(loader.ours(clips), 1)
    assert ours.video.shape == (4, 16, 224, 224, 3)
    assert next(loader.bare(clips, rgb=True)) is None


@pytest.mark.parametrize("rgb", [False, True])
def test_decoding_alone_meets_each_wanted_frame(rgb):
    in_order = encode(frames(1, 50, 64, 48))
    assert loader.decode_bare(in_order, [0, 4, 20, 33, 49], rgb=rgb) == 5


def test_no_clips(tmp_path):
    with pytest.raises(ValueError, match=r"no videos in .*: give a folder of"):
        loader_clips.find(tmp_path / "nothing")


def test_whole_rounds_of_workers_are_counted():
    paces = loader.pace(itertools.repeat(None), 0.01)
    assert paces.clips_per_s > 0
    assert paces.cpu_ms > 0


def test_ratios_are_of_the_same_round():
    def paces(*rates):
        return [loader.Pace(clips_per_s=rate, cpu_ms=1.0) for rate in rates]

    found = loader.figures(
        "256p",
        {"plain": paces(10, 5, 1), "ours": paces(20, 10, 3), "bare": paces(40, 10, 3), "bare_rgb": paces(1, 1, 1)},
    )
    values = {f.name: f.value for f in found}
    assert (values["256p_by_plain"], values["256p_by_bare"], values["256p_ours"]) == (2, 1, 10)
