"""The renderer: same spec, same bytes; pictures that move, cut and stand still as the world says."""

from pathlib import Path

import av
import numpy as np
import pytest
from scenedetect import AdaptiveDetector, detect

from h2a_curation.sample_world.classes import rendered_classes, rendered_negatives
from h2a_curation.sample_world.clip_spec import ACTIONS, FILLERS, ClipSpec, Shot
from h2a_curation.sample_world.render import frames, render


def spec(*subjects: str, duration_s: float = 1.0, **changed) -> ClipSpec:
    shots = tuple(Shot(subject=subject, duration_s=duration_s) for subject in subjects)
    return ClipSpec(**{"seed": 7, "shots": shots, "width_px": 180, "height_px": 320, "fps": 12.0, **changed})


def decoded(file: Path) -> np.ndarray:
    with av.open(str(file)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_same_spec_same_bytes(tmp_path):
    for name in ("a", "b"):
        render(spec("golf-swing", "slides", overlay_text="wait for it"), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("subject", ACTIONS + FILLERS)
@pytest.mark.parametrize("size", [(180, 320), (320, 180)])
def test_every_subject_can_be_drawn(subject, size):
    pictures = list(frames(spec(subject, width_px=size[0], height_px=size[1], duration_s=0.25)))
    assert len(pictures) == 3
    assert all(p.shape == (size[1], size[0], 3) and p.dtype == np.uint8 for p in pictures)
    assert pictures[0].std() > 4


@pytest.mark.parametrize("subject", ACTIONS + FILLERS)
def test_only_pages_stand_still(subject):
    first, *_, last = frames(spec(subject))
    still = bool((first == last).all())
    assert still == (subject in ("slides", "text-card"))


def test_a_frozen_shot_is_one_picture():
    shot = Shot(subject="surfing", duration_s=1.0, frozen=True)
    first, *_, last = frames(spec(shots=(shot,)))
    assert (first == last).all()


def test_other_seed_other_picture():
    one, two = (next(frames(spec("guitar-playing", seed=seed))) for seed in (1, 2))
    assert np.abs(one.astype(int) - two).mean() > 10


def test_what_is_written_is_what_was_asked_for(tmp_path):
    render(spec("surfing", width_px=360, height_px=640, fps=24.0), tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        [stream] = container.streams.video
        codec = stream.codec_context
        assert (codec.name, codec.pix_fmt, codec.width, codec.height) == ("h264", "yuv420p", 360, 640)
        assert float(stream.average_rate) == 24.0
        assert sum(1 for _ in container.decode(stream)) == 24


def test_a_reencoded_clip_is_smaller_but_looks_the_same(tmp_path):
    for encoding in ("upload", "reencoded"):
        render(spec("horse-riding", width_px=360, height_px=640, encoding=encoding), tmp_path / encoding)
    upload, again = decoded(tmp_path / "upload"), decoded(tmp_path / "reencoded")
    assert again.shape[1:] == (512, 288, 3)
    assert len(upload) == len(again)
    coarse = [clip[:, : clip.shape[1] // 16 * 16].mean(axis=(1, 2, 3)) for clip in (upload, again)]
    assert np.abs(coarse[0] - coarse[1]).max() < 4


@pytest.mark.parametrize("subjects", [("skiing", "food"), ("push-ups", "talking-head"), ("bowling", "text-card")])
def test_the_cut_between_shots_is_seen_and_no_other(tmp_path, subjects):
    render(spec(*subjects, duration_s=1.5, fps=24.0), tmp_path / "clip.mp4")
    scenes = detect(str(tmp_path / "clip.mp4"), AdaptiveDetector())
    assert [round(end.seconds, 2) for _, end in scenes] == [1.5, 3.0]


def test_each_action_has_a_class_and_each_filler_a_negative():
    assert {c.id for c in rendered_classes()} >= set(ACTIONS)
    assert {n.id for n in rendered_negatives()} >= set(FILLERS)


@pytest.mark.parametrize(
    "wrong",
    [{"width_px": 181}, {"fps": 0.0}, {"shots": ()}, {"encoding": "vp9"}],
)
def test_an_impossible_spec_is_refused(wrong):
    with pytest.raises(AssertionError):
        spec("surfing", **wrong)
