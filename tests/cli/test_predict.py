"""`h2a predict`: what a classifier says over a video's time, and what is no video or no classifier."""

import json
import re

import numpy as np
import pytest
import torch
from scipy.special import softmax

from h2a_curation.taxonomy.benchmarks import benchmark_classes
from h2a_curation.videomae.convert.fill import classifier_from
from h2a_curation.videomae.convert.run import convert
from h2a_curation.videomae.data.videos import look
from h2a_curation.videomae.data.views import Views
from h2a_curation.videomae.data.windows import windows
from tests import videos
from tests.videomae.evaluate import miniature


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return videos.make(tmp_path_factory.mktemp("videos") / "a.mp4", *videos.moving(2.0), *videos.H264)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return miniature.checkpoint(tmp_path_factory.mktemp("weights") / "in.pth", 7)


def command(video, weights, *options):
    return ["predict", video, "--from", weights, *miniature.TOLD_OPTIONS, *options]


def test_windows_are_the_segments_of_a_dense_test_one_after_the_other(video):
    found = list(windows(video, 4, 4, (32, 32)))
    assert [(round(one.start_s, 3), round(one.end_s, 3)) for one in found] == [(0, 0.667), (0.667, 1.333), (1.333, 2)]
    views = Views(num_frames=4, stride=4, sparse=False, num_segments=3, num_crops=1)
    seen = look(video, views, (32, 32))
    np.testing.assert_array_equal(np.stack([one.frames for one in found]), seen.views())


@pytest.mark.parametrize(
    ("seconds", "times"),
    [
        (0.75, [(0, 0.667), (0.167, 0.75)]),  # frames 0 to 16 by fours, the last of them on show for two
        (0.25, [(0, 0.25)]),
        (1.0, [(0, 0.667), (0.333, 1)]),
    ],
)
@pytest.mark.parametrize("kind", ["mp4", "avi", "h264"])
def test_the_last_window_reaches_back_and_a_short_video_repeats_its_last_frame(tmp_path, seconds, times, kind):
    file = videos.make(tmp_path / f"a.{kind}", *videos.moving(seconds), *videos.H264)
    found = list(windows(file, 4, 4, (32, 32)))
    assert [(round(one.start_s, 3), round(one.end_s, 3)) for one in found] == times
    assert all(one.frames.shape == (4, 32, 32, 3) for one in found)


def test_a_line_a_window_and_one_for_the_whole(h2a_here, video, weights):
    done = h2a_here(*command(video, weights))
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert len(lines) == 4
    assert lines[1].startswith("    0.67 to 1.33 s  ")
    assert len(re.findall(r"\d \d+\.\d%", lines[1])) == 5
    told = json.loads(h2a_here(*command(video, weights, "--json")).out)
    model, _, _ = classifier_from(weights, miniature.TOLD)
    frames = np.stack([one.frames for one in windows(video, 4, 4, (32, 32))])
    shares = softmax(model(torch.from_numpy(frames)).numpy().astype(float), axis=1)
    for window, own in zip(told["windows"], shares, strict=True):
        assert [one["number"] for one in window["top"]] == np.argsort(-own)[:5].tolist()
        assert window["top"][0]["probability"] == pytest.approx(own.max(), abs=1e-5)
    assert told["whole"][0]["probability"] == pytest.approx(shares.mean(axis=0).max(), abs=1e-5)
    assert len(json.loads(h2a_here(*command(video, weights, "--json", "--stride", "2")).out)["windows"]) == 6


def test_names_are_the_checkpoints_or_the_tasks_or_numbers(h2a_here, video, weights, tmp_path):
    few = miniature.checkpoint(tmp_path / "few.pth", 2)
    convert(few, tmp_path / "hf", asked=miniature.TOLD)
    config = tmp_path / "hf" / "config.json"
    config.write_text(config.read_text().replace('"num_labels": 2', '"id2label": {"0": "run", "1": "jump"}'))
    named = h2a_here("predict", video, "--from", tmp_path / "hf")
    assert {"run", "jump"} <= set(named.out.split())
    names = {number: f"act {number}" for number in range(101)}
    convert(miniature.checkpoint(tmp_path / "ucf.pth", 101), tmp_path / "own", asked=miniature.TOLD)
    config = tmp_path / "own" / "config.json"
    config.write_text(config.read_text().replace('"num_labels": 101', f'"id2label": {json.dumps(names)}'))
    strange = h2a_here("predict", video, "--from", tmp_path / "own", "--task", "ucf101")
    assert "101 class names of the checkpoint are none of ucf101's: 'act 0'" in strange.out
    assert "whole video  act " in strange.out
    ucf = h2a_here(*command(video, tmp_path / "ucf.pth", "--task", "ucf101", "--json"))
    best = json.loads(ucf.out)["whole"][0]
    assert best["name"] == benchmark_classes("ucf101")[best["number"]]
    best = json.loads(h2a_here(*command(video, weights, "--json")).out)["whole"][0]
    assert best["name"] == str(best["number"])


def test_a_video_that_breaks_off_says_where(h2a_here, weights, tmp_path):
    whole = videos.make(tmp_path / "a.ts", *videos.moving(1.5), *videos.H264, "-f", "mpegts").read_bytes()
    (tmp_path / "b.mkv").write_bytes(b"")
    (tmp_path / "c.ts").write_bytes(whole[: len(whole) * 2 // 3])
    cut = h2a_here(*command(tmp_path / "c.ts", weights))
    assert cut.code == 0  # a stream has no end but where it stops
    assert "whole video" in cut.out
    empty = h2a_here(*command(tmp_path / "b.mkv", weights))
    assert (empty.code, empty.err.count("\n")) == (2, 1)
    assert "b.mkv: it cannot be read" in empty.err


def test_what_is_no_video_or_no_classifier_is_one_line(h2a_here, video, weights, tmp_path):
    (tmp_path / "notes.txt").write_text("to be or not to be\n" * 40)
    sound = videos.make(tmp_path / "a.m4a", "-f", "lavfi", "-i", "sine=d=1")
    for given, says in (
        (command(tmp_path / "notes.txt", weights), "notes.txt: it holds no video"),
        (command(sound, weights), "it holds no video"),
        (command(tmp_path, weights), "is a folder: name a video in it"),
        (command(tmp_path / "gone.mp4", weights), "is no file that is there"),
        (command(video, miniature.pretrained(tmp_path / "p.pth")), "h2a features takes it as it is"),
        (command(video, weights, "--task", "k400"), "tells 7 classes, and k400 has 400"),
        (command(video, weights, "--task", "k401"), "--task k401: it is none of k400, ucf101"),
        (command(video, weights, "--stride", "0"), "greater than or equal to 1"),
        (command(video, weights, "--device", "tpu"), "use cpu or cuda"),
    ):
        ran = h2a_here(*given)
        assert (ran.code, ran.err.count("\n")) == (2, 1), ran.err
        assert says in ran.err
