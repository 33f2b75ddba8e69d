"""`h2a evaluate` on benchmarks in miniature: what it prints, what it writes, and mistakes in one line."""

import json
import os
import socket
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from schemas import ClassScore, Confused, VideoScore, ViewScore, arrow_schema
from tests.videomae.evaluate import miniature

TABLES = {"views": ViewScore, "videos": VideoScore, "classes": ClassScore, "confusion": Confused}


def command(task, data, weights, out, *options):
    given = ["evaluate", "--task", task, "--data", data, "--out", out, *miniature.TOLD_OPTIONS, *options]
    for file in weights if isinstance(weights, list) else [weights]:
        given += ["--from", file]
    return given


@pytest.mark.parametrize(
    ("task", "make", "num_classes", "videos", "views"),
    [
        ("k400", miniature.kinetics, 400, 3, 15),
        ("ssv2", lambda folder: miniature.ssv2(folder, as_folders=True), 174, 3, 6),
        ("list", miniature.official, 5, 5, 15),
        ("list", miniature.official_folders, 3, 3, 6),
    ],
)
def test_a_benchmark_of_each_format(h2a_here, tmp_path, task, make, num_classes, videos, views):
    make(tmp_path / "data")
    weights = miniature.checkpoint(tmp_path / "in.pth", num_classes)
    named = tmp_path / "data" / "val.csv" if task == "list" else task
    done = h2a_here(*command(named, tmp_path / "data", weights, tmp_path / "out"))
    assert done.code == 0, done.err
    assert "val: top-1" in done.out
    for name, record in TABLES.items():
        assert pq.read_table(tmp_path / "out" / f"{name}.parquet").schema.equals(arrow_schema(record))
    assert pq.read_metadata(tmp_path / "out" / "videos.parquet").num_rows == videos
    assert pq.read_metadata(tmp_path / "out" / "views.parquet").num_rows == videos * views
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    again = h2a_here(*command(named, tmp_path / "data", weights, tmp_path / "out"))
    assert again.err == ""
    assert again.out == done.out


def test_three_splits_and_their_mean_by_one_checkpoint_each(h2a_here, tmp_path):
    miniature.ucf101(tmp_path / "data")
    weights = [miniature.checkpoint(tmp_path / f"{seed}.pth", 101, seed) for seed in range(3)]
    done = h2a_here(*command("ucf101", tmp_path / "data", weights, tmp_path / "out"))
    assert done.code == 0, done.err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())["splits"]
    assert list(summary) == ["1", "2", "3", "mean"]
    assert summary["mean"]["top5"] == pytest.approx(sum(summary[split]["top5"] for split in "123") / 3)
    hashes = {one["weights"] for one in json.loads((tmp_path / "out" / "evaluation.json").read_text()).values()}
    assert len(hashes) == 3
    one = h2a_here(*command("ucf101", tmp_path / "data", weights[0], tmp_path / "one"))
    assert "only if it was trained on none of them" in one.out
    split = h2a_here(*command("ucf101", tmp_path / "data", weights[1], tmp_path / "two", "--split", "2"))
    [line] = [line for line in split.out.splitlines() if line.startswith("2: ")]
    assert line in done.out.splitlines()


def test_videos_that_are_amiss_are_named_and_counted_as_wrong(h2a_here, tmp_path):
    listing = miniature.official(tmp_path / "data")
    weights = miniature.checkpoint(tmp_path / "in.pth", 5)
    (tmp_path / "data" / "v1.mp4").unlink()
    (tmp_path / "data" / "v2.mp4").write_text("no video")
    looked = h2a_here("evaluate", "--task", listing, "--data", tmp_path / "data", "--check")
    assert looked.code == 0
    assert "5 videos of 5 classes (of 5), 2 missing or not readable" in looked.out
    assert f"missing in val: {tmp_path / 'data' / 'v1.mp4'}" in looked.out
    done = h2a_here(*command(listing, tmp_path / "data", weights, tmp_path / "out"))
    assert done.code == 0
    assert "2 of 5 videos could not be seen and count as wrong; of the others top-1" in done.out
    assert "v2.mp4: it cannot be read" in done.err
    assert "v1.mp4" in (tmp_path / "out" / "evaluation.html").read_text()
    found = json.loads((tmp_path / "out" / "summary.json").read_text())["splits"]["val"]
    assert found["top5"] == pytest.approx(0.6)
    assert found["top5_of_seen"] == 1.0


def test_two_processes_give_the_same_files_as_one(tmp_path):
    listing = miniature.official(tmp_path / "data")
    weights = miniature.checkpoint(tmp_path / "in.pth", 5)
    (tmp_path / "data" / "v3.mp4").unlink()
    given = [str(word) for word in command(listing, tmp_path / "data", weights, tmp_path / "two", "--device", "cpu")]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    program = [sys.executable, "-c", "from h2a_curation.cli import program; program()"]
    both = [
        subprocess.Popen([*program, *given], env={**shared, "RANK": str(rank)}, stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert "1 of 5 videos could not be seen" in said[0]
    assert said[1] == ""
    given[given.index(str(tmp_path / "two"))] = str(tmp_path / "one")
    subprocess.run([*program, *given], check=True, capture_output=True, timeout=120)
    one, two = tmp_path / "one", tmp_path / "two"
    assert pq.read_table(one / "videos.parquet") == pq.read_table(two / "videos.parquet")
    order = [("video_id", "ascending"), ("segment", "ascending"), ("crop", "ascending")]
    assert pq.read_table(one / "views.parquet").sort_by(order) == pq.read_table(two / "views.parquet").sort_by(order)
    assert (one / "summary.json").read_text() == (two / "summary.json").read_text()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--views", "5"), "write SEGMENTSxCROPS"),
        (("--views", "0x3"), "write SEGMENTSxCROPS"),
        (("--views", "5x3x2"), "write SEGMENTSxCROPS"),
        (("--stride", "0"), "greater than or equal to 1"),
        (("--workers", "0"), "greater than or equal to 1"),
        (("--views-at-once", "-1"), "greater than or equal to 1"),
        (("--merge", "max"), "prob"),
        (("--sampling", "every"), "dense"),
        (("--dtype", "float16"), "float32"),
        (("--device", "tpu"), "use cpu or cuda"),
        (("--split", "4"), "--split 4: list has val"),
        (("--set", "num_heads=0"), "a number from 1 to 10000"),
        (("--set", "num_heads=5"), "5 heads do not divide"),
        (("--set", "image_px=100"), "do not divide into patches"),
        (("--set", "heads=2"), "write FIELD=NUMBER"),
        (("--data", "nowhere"), "is no folder"),
        (("--task", "k401"), "neither a file nor one of"),
        (("--from", "nowhere.pth", "--from", "b.pth"), "not 3 times"),
    ],
)
def test_mistakes_end_in_one_line(h2a_here, tmp_path, options, says):
    listing = miniature.official(tmp_path / "data")
    weights = miniature.checkpoint(tmp_path / "in.pth", 5)
    ran = h2a_here(*command(listing, tmp_path / "data", weights, tmp_path / "out", *options))
    assert ran.code == 2
    assert says in ran.err
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err


def test_checkpoints_and_folders_that_do_not_fit_are_refused(h2a_here, tmp_path):
    listing = miniature.official(tmp_path / "data")
    weights = miniature.checkpoint(tmp_path / "in.pth", 5)
    (tmp_path / "broken.pth").write_bytes(weights.read_bytes()[:2000])
    other = miniature.checkpoint(tmp_path / "other.pth", 5, seed=9)
    few = miniature.checkpoint(tmp_path / "few.pth", 4)
    miniature.kinetics(tmp_path / "k400")
    out, new = tmp_path / "out", tmp_path / "new"
    assert h2a_here(*command(listing, tmp_path / "data", weights, out)).code == 0
    for given, says in (
        (command(listing, tmp_path / "data", other, out), "other settings (weights"),
        (command(listing, tmp_path / "data", weights, out, "--stride", "2"), "other settings (stride"),
        (command(listing, tmp_path / "data", few, new), "tells 4 classes, and list has 5"),
        (command("k400", tmp_path / "k400", weights, new), "tells 5 classes, and k400 has 400"),
        (command(listing, tmp_path / "data", tmp_path / "broken.pth", new), "no readable checkpoint"),
        (command(listing, tmp_path / "data", [], new), "--from is missing"),
        (command(listing, tmp_path / "data", tmp_path / "gone.pth", new), "gone.pth: No such file"),
    ):
        ran = h2a_here(*given)
        assert ran.code in (1, 2)
        assert says in ran.err
        assert ran.err.count("\n") == 1
    assert not new.exists()
    for name in ("videos.parquet", "evaluation.json"):
        (out / name).write_text("damaged")
        ran = h2a_here(*command(listing, tmp_path / "data", weights, out))
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert f"{name} is damaged" in ran.err
