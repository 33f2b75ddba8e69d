"""What a model says of videos: per view, in any order and batch, when it is stopped, and where videos are amiss."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from scipy.special import softmax

from h2a_curation.videomae.convert.fill import classifier_from
from h2a_curation.videomae.data.videos import look
from h2a_curation.videomae.data.views import Views
from h2a_curation.videomae.evaluate.lists import read
from h2a_curation.videomae.evaluate.run import Looking, evaluate_split
from h2a_curation.videomae.evaluate.store import Store
from h2a_curation.videomae.hardware.parallel import ProcessGroup
from schemas import VideoScore, from_arrow
from tests.videomae.evaluate import miniature

ALONE = ProcessGroup(device=torch.device("cpu"))
DENSE = Views(num_frames=4, stride=2, sparse=False, num_segments=5, num_crops=3)


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("official")
    return read(str(miniature.official(folder)), folder, ()).splits["val"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    file = miniature.checkpoint(tmp_path_factory.mktemp("weights") / "in.pth", 5)
    return classifier_from(file, miniature.TOLD)[0]


def evaluated(out, videos, model, progress=lambda *_: None, **looking):
    store = Store(out)
    rows = evaluate_split("val", videos, model, Looking(views=DENSE, world=ALONE, **looking), store, progress)
    store.finish(rows, {})
    return rows


def logits(out):
    rows = pq.read_table(out / "views.parquet").to_pylist()
    return {(row["video_id"], row["segment"], row["crop"]): np.array(row["logits"]) for row in rows}


def test_each_view_is_what_the_model_says_of_its_frames(tmp_path, listed, model):
    evaluated(tmp_path, listed, model)
    found = logits(tmp_path)
    assert len(found) == 5 * 15
    seen = look(listed[2].path, DENSE, (32, 32))
    views = seen.views()
    assert views.shape == (15, 4, 32, 32, 3)
    for place in (0, 7, 14):
        direct = model(torch.from_numpy(views[place : place + 1])).numpy()[0]
        np.testing.assert_allclose(found["v2.mp4", place // 3, place % 3], direct, atol=1e-5)
    rows = {row.video_id: row for row in from_arrow(VideoScore, pq.read_table(tmp_path / "videos.parquet"))}
    mean = softmax(np.stack([value for key, value in found.items() if key[0] == "v2.mp4"]), axis=-1).mean(axis=0)
    assert rows["v2.mp4"].top == np.argsort(-mean).tolist()
    assert rows["v2.mp4"].confidence == pytest.approx(mean.max())
    assert rows["v2.mp4"].label_probability == pytest.approx(mean[2])
    assert rows["v2.mp4"].num_frames == 28


def test_the_same_logits_in_any_order_and_with_any_number_of_workers(tmp_path, listed, model):
    evaluated(tmp_path / "a", listed, model, workers=1)
    evaluated(tmp_path / "b", listed[::-1], model, workers=3)
    one, other = logits(tmp_path / "a"), logits(tmp_path / "b")
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("at_once", [1, 4])
def test_the_same_logits_but_for_rounding_in_any_batch(tmp_path, listed, model, at_once):
    evaluated(tmp_path / "a", listed, model)
    evaluated(tmp_path / "b", listed, model, views_at_once=at_once)
    one, other = logits(tmp_path / "a"), logits(tmp_path / "b")
    assert max(float(np.abs(one[key] - other[key]).max()) for key in one) < 1e-5


def test_a_stopped_evaluation_goes_on_and_sees_no_video_twice(tmp_path, listed, model, monkeypatch):
    monkeypatch.setattr("h2a_curation.videomae.evaluate.run.COMMIT_VIDEOS", 2)
    evaluated(tmp_path / "whole", listed, model)

    def stop(done, total, row):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluated(tmp_path / "out", listed, model, stop)
    assert len(Store(tmp_path / "out").seen()) == 2
    seen = []
    evaluated(tmp_path / "out", listed, model, lambda done, total, row: seen.append((done, total, row.video_id)))
    assert seen == [(1, 3, "v2.mp4"), (2, 3, "v3.mp4"), (3, 3, "v4.mp4")]
    for name in ("views.parquet", "videos.parquet"):
        assert pq.read_table(tmp_path / "out" / name) == pq.read_table(tmp_path / "whole" / name)
    assert not (tmp_path / "out" / "parts").exists()


def test_what_is_missing_or_broken_is_a_row_and_is_tried_again(tmp_path, model):
    folder = tmp_path / "data"
    videos = read(str(miniature.official(folder)), folder, ()).splits["val"]
    good = (folder / "v1.mp4").read_bytes()
    (folder / "v0.mp4").unlink()
    (folder / "v1.mp4").write_bytes(good[: len(good) // 2])
    (folder / "v2.mp4").write_bytes(b"")
    (folder / "v3.mp4").write_text("no video")
    rows = evaluated(tmp_path / "out", videos, model)
    assert [row.status for row in rows.values()] == ["missing", *["undecodable"] * 3, "ok"]
    assert all(row.reason and "\n" not in row.reason and row.top == [] for row in list(rows.values())[:4])
    (folder / "v1.mp4").write_bytes(good)
    seen = []
    again = evaluated(tmp_path / "out", videos, model, lambda done, total, row: seen.append(row.video_id))
    assert [row.status for row in again.values()] == ["missing", "ok", "undecodable", "undecodable", "ok"]
    assert "v4.mp4" not in seen
    assert len(logits(tmp_path / "out")) == 2 * 15


def test_logits_that_are_not_finite_stop_the_evaluation(tmp_path, listed, model):
    broken = miniature.Classifier(miniature.CONFIG, 5)
    broken.load_state_dict({**model.state_dict(), "head.bias": torch.full((5,), float("nan"))})
    with pytest.raises(RuntimeError, match="not finite"):
        evaluated(tmp_path, listed, broken.requires_grad_(False))
