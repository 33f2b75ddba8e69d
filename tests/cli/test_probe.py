"""`h2a probe`: a curated set judged by a checkpoint, what is written, and features that do not go together."""

import json

import pyarrow.parquet as pq
import pytest

from schemas import ClassScore, Confused, VideoScore, arrow_schema
from tests.videomae.evaluate import miniature
from tests.videomae.probe import made
from tests.videomae.world import write_lake


def test_from_a_version_to_figures_in_two_commands(h2a_here, tmp_path):
    weights = miniature.pretrained(tmp_path / "in.pth")
    splits = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    write_lake(tmp_path / "lake", splits, num_frames=12, classes=[("squat", 7), ("deadlift", 3)])
    given = ["--lake", tmp_path / "lake", "--version", "v1", "--from", weights, "--out", tmp_path / "out"]
    assert h2a_here("features", *given).code == 0
    done = h2a_here("probe", tmp_path / "out")
    assert done.code == 0, done.err
    assert "learnt from 6 videos of 2 classes (split train)" in done.out
    assert "knn: num neighbours 6, temperature 0.07" in done.out
    for told in ("knn val: top-1", "knn test: top-1", "linear val: top-1", "linear test: top-1"):
        assert told in done.out
    summary = json.loads((tmp_path / "out" / "probe" / "summary.json").read_text())
    assert summary["about"]["version"] == "v1"
    for name in ("knn", "linear"):
        folder = tmp_path / "out" / "probe" / name
        for table, record in (("videos", VideoScore), ("classes", ClassScore), ("confusion", Confused)):
            assert pq.read_table(folder / f"{table}.parquet").schema.equals(arrow_schema(record))
        rows = pq.read_table(folder / "videos.parquet").to_pylist()
        assert {row["label"] for row in rows} == {3, 7}
        assert all(set(row["top"]) <= {3, 7} for row in rows)
        right = sum(row["top"][0] == row["label"] for row in rows if row["split"] == "val")
        assert summary["splits"][name]["val"]["top1"] == pytest.approx(right / 2)


def test_classes_that_can_be_told_are_told_and_the_order_of_a_file_decides_nothing(h2a_here, tmp_path):
    rows = made.blobs(spread=0.2)
    one, other = made.written(tmp_path / "a", rows), made.written(tmp_path / "b", rows[::-1])
    done, again = h2a_here("probe", one), h2a_here("probe", other)
    assert "knn val: top-1 100.00%" in done.out
    assert "linear test: top-1 100.00%" in done.out
    said = [line for line in done.out.splitlines() if not line.startswith("rows")]
    assert sorted(said) == sorted(line for line in again.out.splitlines() if not line.startswith("rows"))
    for name in ("knn/videos.parquet", "linear/videos.parquet", "linear/confusion.parquet"):
        assert pq.read_table(one / "probe" / name) == pq.read_table(other / "probe" / name)
    classes = pq.read_table(one / "probe" / "knn" / "classes.parquet").to_pylist()
    assert [(row["label"], row["name"]) for row in classes if row["split"] == "val"] == list(made.NAMES.items())


def test_a_class_without_a_vote_is_no_answer(h2a_here, tmp_path):
    folder = made.written(tmp_path / "a", made.blobs())
    assert h2a_here("probe", folder, "--neighbours", "1", "--split", "val").code == 0
    rows = pq.read_table(folder / "probe" / "knn" / "videos.parquet").to_pylist()
    assert {(len(row["top"]), row["confidence"]) for row in rows} == {(1, 1.0)}


def test_two_files_and_what_is_amiss_in_them_is_said(h2a_here, tmp_path):
    learn = [*made.blobs(splits={"train": 5}), made.row("train", 3, 99, None, status="missing", reason="gone")]
    tested = [
        *made.blobs(seed=5, splits={"val": 4}, spread=0.2),
        made.row("val", 3, 99, None, status="undecodable", reason="cut short"),
        made.row("val", 50, 0, [1, 2, 3, 4, 5, 6], class_name="polo"),
    ]
    made.written(tmp_path / "a", learn)
    made.written(tmp_path / "b", tested, num_crops=3)
    done = h2a_here("probe", tmp_path / "a", "--test", tmp_path / "b" / "features.parquet", "--neighbours", "3")
    assert done.code == 0, done.err
    assert "1 of 16 videos to learn from could not be seen and are left out" in done.out
    assert "val: 1 videos are of 1 classes without one to learn from (polo): wrong" in done.out
    assert "looked at differently: num_crops 1 and 3" in done.out
    assert "1 of 14 videos could not be seen and count as wrong" in done.out
    summary = json.loads((tmp_path / "a" / "probe-b" / "summary.json").read_text())
    assert summary["splits"]["knn"]["val"]["top1"] == pytest.approx(12 / 14)
    assert summary["settings"]["knn"] == {"num_neighbours": 3, "temperature": 0.07}


def test_a_video_that_is_on_both_sides_is_told_of(h2a_here, tmp_path):
    rows = made.blobs(splits={"train": 3})
    made.written(tmp_path / "a", rows)
    done = h2a_here("probe", tmp_path / "a", "--test", tmp_path / "a")
    assert "train: 9 videos have the name of one that is learnt from" in done.out


def test_without_two_videos_of_a_class_there_is_no_linear_probe(h2a_here, tmp_path):
    done = h2a_here("probe", made.written(tmp_path / "a", made.blobs(splits={"train": 1, "val": 2})))
    assert done.code == 0
    assert "the linear probe is left out" in done.out
    assert "linear val" not in done.out


@pytest.mark.parametrize(
    ("splits", "options", "says"),
    [
        ({"train": 3}, (), "has no split but train: give features to test on with --test"),
        ({"val": 3, "test": 3}, (), "none is called train: name the one to learn from with --train-split"),
        (made.SPLITS, ("--train-split", "dev"), "has the splits train, val, test, and no dev"),
        (made.SPLITS, ("--split", "dev"), "--split dev: "),
        (made.SPLITS, ("--split", "train"), "that is what the probe learns from"),
        (made.SPLITS, ("--neighbours", "61"), "--neighbours 61: there are 60 videos to learn from"),
        (made.SPLITS, ("--neighbours", "0"), "greater than or equal to 1"),
        (made.SPLITS, ("--temperature", "0"), "0.01"),
        (made.SPLITS, ("--device", "tpu"), "use cpu or cuda"),
        (made.SPLITS, ("--test", "nowhere"), "nowhere holds no features.parquet"),
        (made.SPLITS, ("--test", "pyproject.toml"), "is damaged, or no file of h2a features"),
    ],
)
def test_mistakes_end_in_one_line(h2a_here, tmp_path, splits, options, says):
    ran = h2a_here("probe", made.written(tmp_path / "a", made.blobs(splits=splits)), *options)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert says in ran.err
    assert not (tmp_path / "a" / "probe").exists()


def test_features_that_do_not_go_together_are_refused(h2a_here, tmp_path):
    learn = made.written(tmp_path / "a", made.blobs())
    others = {
        "weights is aa there and bb here": made.written(tmp_path / "b", made.blobs(), weights="bb"),
        "width is 6 there and 8 here": made.written(tmp_path / "c", made.blobs(width=8), width=8),
        "label 3 is 'deadlift' and 'row'": made.written(
            tmp_path / "d", [made.row("val", 3, 1, [1, 2, 3, 4, 5, 6], class_name="row")]
        ),
    }
    for says, test in others.items():
        ran = h2a_here("probe", learn, "--test", test)
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert says in ran.err
    one_class = made.written(tmp_path / "e", [row for row in made.blobs() if row.about.label == 3])
    assert "fewer than two classes" in h2a_here("probe", one_class).err
