"""`h2a features`: one row a clip, the same however they are made, and mistakes in one line."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from h2a_curation.lake import layout
from h2a_curation.videomae.convert.fill import encoder_from
from h2a_curation.videomae.convert.run import convert
from h2a_curation.videomae.data.shards import open_version, read_clip
from h2a_curation.videomae.data.videos import look
from h2a_curation.videomae.data.views import Views
from h2a_curation.videomae.model.autoencoder import token_indices
from h2a_curation.videomae.probe.store import read_features
from tests.videomae.evaluate import miniature
from tests.videomae.world import write_lake, write_version

CLASSES = [("squat", 7), ("deadlift", 3)]
MIDDLE = Views(num_frames=4, stride=4, sparse=False, num_segments=1, num_crops=1)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features") / "lake"
    write_lake(folder, ["val", "train", "train", "train"], num_frames=24, classes=CLASSES)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return miniature.pretrained(tmp_path_factory.mktemp("weights") / "in.pth")


def command(lake, weights, out, *options):
    return ["features", "--lake", lake, "--version", "v1", "--from", weights, "--out", out, *options]


def test_a_row_is_a_clip_and_the_file_says_what_it_is(h2a_here, lake, weights, tmp_path):
    done = h2a_here(*command(lake, weights, tmp_path / "out"))
    assert done.code == 0, done.err
    assert "version v1 train: 3 rows of 24 numbers" in done.out
    table = pq.read_table(tmp_path / "out" / "features.parquet")
    assert table.schema.field("feature").type == pa.list_(pa.field("element", pa.float16()), 24)
    rows = table.to_pylist()
    assert [row["split"] for row in rows] == ["train"] * 3 + ["val"]
    members = {member.clip_id: member for member in open_version(lake, "v1").members}
    assert {row["video_id"]: (row["label"], row["class_name"]) for row in rows} == {
        clip_id: (member.label, member.class_id) for clip_id, member in members.items()
    }
    about = json.loads(table.schema.metadata[b"h2a_features"])
    assert (about["version"], about["width"], about["layout"]) == ("v1", 24, "official pretraining")
    assert about["indices"] == {"deadlift": 0, "squat": 1}
    assert about["feature"] == "mean over tokens behind the encoder's last norm, mean over views"
    assert (about["num_segments"], about["num_crops"], about["stride"]) == (1, 1, 4)


def test_a_feature_is_the_mean_of_what_the_pretraining_encoder_says_of_all_tokens(h2a_here, lake, weights, tmp_path):
    h2a_here(*command(lake, weights, tmp_path / "out"))
    found = read_features(tmp_path / "out")
    model = miniature.MaskedAutoencoder(miniature.PRETRAINED)
    model.load_state_dict(torch.load(weights)["model"])
    version = open_version(lake, "v1")
    clip = next(member for member in version.members if member.clip_id == found.rows[1].video_id)
    pixels = torch.from_numpy(look(read_clip(version, clip), MIDDLE, (32, 32)).views())
    patches = model.patchify(pixels)
    everywhere = token_indices(torch.ones(patches.shape[:2]).bool())
    with torch.no_grad():
        direct = model.encoder(patches, everywhere).mean(dim=1)[0].numpy()
    np.testing.assert_allclose(found.vectors[1].astype(np.float32), direct, rtol=2e-3, atol=2e-3)


def test_a_fine_tuned_model_gives_what_its_head_sees(h2a_here, tmp_path):
    listing = miniature.official(tmp_path / "data")
    weights = miniature.checkpoint(tmp_path / "in.pth", 5)
    given = ["features", "--task", listing, "--data", tmp_path / "data", "--from", weights, *miniature.TOLD_OPTIONS]
    done = h2a_here(*given, "--views", "2x3", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    found = read_features(tmp_path / "out")
    model, fitting, _ = encoder_from(weights, miniature.TOLD)
    assert fitting.unused == ["head.weight", "head.bias"]
    views = Views(num_frames=4, stride=4, sparse=False, num_segments=2, num_crops=3)
    pixels = torch.from_numpy(look(tmp_path / "data" / "v3.mp4", views, (32, 32)).views())
    expected = model.features(pixels).mean(dim=0).numpy()
    np.testing.assert_allclose(found.vectors[3].astype(np.float32), expected, rtol=2e-3, atol=2e-3)
    assert found.about["feature"].startswith("norm over the mean of tokens")
    other = h2a_here(*given, "--out", tmp_path / "one")
    assert other.code == 0
    assert np.abs(read_features(tmp_path / "one").vectors - found.vectors).max() > 0.01


def test_every_layout_of_the_same_weights_gives_the_same_file(h2a_here, lake, weights, tmp_path):
    convert(weights, tmp_path / "hf")
    convert(weights, tmp_path / "encoder.pth", encoder_only=True)
    files = []
    for name, source in (("a", weights), ("b", tmp_path / "hf"), ("c", tmp_path / "encoder.pth")):
        assert h2a_here(*command(lake, source, tmp_path / name)).code == 0
        files.append(pq.read_table(tmp_path / name / "features.parquet"))
    assert files[0] == files[1] == files[2]
    assert h2a_here(*command(lake, tmp_path / "hf", tmp_path / "a")).code == 0


@pytest.mark.slow
def test_the_same_in_any_number_of_processes_and_threads(lake, weights, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = [sys.executable, "-c", "from h2a_curation.cli import program; program()"]
    given = [str(word) for word in command(lake, weights, tmp_path / "two", "--device", "cpu")]
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    both = [
        subprocess.Popen([*program, *given], env={**shared, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert all("features: 2 of 2 videos" in text for text in said), "each has half of the four clips"
    given[given.index(str(tmp_path / "two"))] = str(tmp_path / "one")
    subprocess.run([*program, *given, "--workers", "1"], check=True, capture_output=True, timeout=120)
    one, two = (pq.read_table(tmp_path / name / "features.parquet") for name in ("one", "two"))
    assert one.equals(two, check_metadata=True)


def test_what_was_made_is_not_made_again_and_a_stop_loses_one_batch(h2a_here, lake, weights, tmp_path, monkeypatch):
    assert h2a_here(*command(lake, weights, tmp_path / "whole")).code == 0
    monkeypatch.setattr("h2a_curation.videomae.evaluate.run.COMMIT_VIDEOS", 2)
    seen = []

    def stopping(*_, **__):
        def progress(done, total, row):
            seen.append(row.video_id)
            if len(seen) == 3:
                raise RuntimeError("stopped here")

        return progress

    monkeypatch.setattr("h2a_curation.cli.probes.told_progress", stopping)
    assert h2a_here(*command(lake, weights, tmp_path / "out")).code == 1
    with pytest.raises(ValueError, match="not finished: call h2a features again"):
        read_features(tmp_path / "out")
    assert h2a_here(*command(lake, weights, tmp_path / "out")).code == 0
    assert len(seen) == 3 + 2
    assert seen[2] == seen[3]
    one, other = (tmp_path / name / "features.parquet" for name in ("whole", "out"))
    assert pq.read_table(one).equals(pq.read_table(other), check_metadata=True)
    assert not (tmp_path / "out" / "parts").exists()


def test_what_cannot_be_decoded_is_a_row_without_a_vector_and_is_named(h2a_here, weights, tmp_path):
    listing = miniature.official(tmp_path / "data")
    (tmp_path / "data" / "v1.mp4").unlink()
    (tmp_path / "data" / "v2.mp4").write_text("no video")
    given = ["features", "--task", listing, "--data", tmp_path / "data", "--from", weights, "--out", tmp_path / "out"]
    done = h2a_here(*given)
    assert done.code == 0, done.err
    assert "5 rows of 24 numbers, of which 2 could not be seen" in done.out
    assert "v2.mp4: it cannot be read" in done.err
    found = read_features(tmp_path / "out")
    assert [row.status for row in found.rows] == ["ok", "missing", "undecodable", "ok", "ok"]
    assert pq.read_table(tmp_path / "out" / "features.parquet")["feature"].null_count == 2
    assert not found.vectors[1].any()
    miniature.video(tmp_path / "data" / "v1.mp4", 1)
    again = h2a_here(*given)
    assert "1 could not be seen" in again.out


def test_a_clip_whose_bytes_are_not_those_published_stops(h2a_here, weights, tmp_path):
    write_lake(tmp_path / "lake", ["train"] * 2, num_frames=24)
    version = open_version(tmp_path / "lake", "v1")
    shard = tmp_path / "lake" / layout.shard("abc.tar")
    content = bytearray(shard.read_bytes())
    content[version.members[0].offset + 100] ^= 1
    shard.write_bytes(content)
    done = h2a_here(*command(tmp_path / "lake", weights, tmp_path / "out"))
    assert (done.code, "is changed: its sha256 differs" in done.err) == (2, True)


@pytest.mark.parametrize("kind", ["noise", "playlist"])
def test_a_clip_that_does_not_decode_is_counted_and_one_that_names_a_file_reads_none(h2a_here, weights, tmp_path, kind):
    other = miniature.video(tmp_path / "other.mp4", 1)
    write_lake(tmp_path / "lake", ["train"] * 2, num_frames=24)
    version = open_version(tmp_path / "lake", "v1")
    whole, hurt = version.members
    shard = tmp_path / "lake" / layout.shard("abc.tar")
    content = bytearray(shard.read_bytes())
    playlist = f"ffconcat version 1.0\nfile '{other}'\n".encode()
    noise = b"no mp4" * 20 if kind == "noise" else playlist
    content[hurt.offset : hurt.offset + len(noise)] = noise
    shard.write_bytes(content)
    cut = replace(hurt, num_bytes=len(noise), sha256=sha256(noise).hexdigest())
    write_version(tmp_path / "lake", [whole, cut])
    done = h2a_here(*command(tmp_path / "lake", weights, tmp_path / "out"))
    assert done.code == 0, done.err
    assert "2 rows of 24 numbers, of which 1 could not be seen" in done.out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--split", "dev"), "--split dev: version v1 has train, val"),
        (("--version", "v9"), "no version v9 in this lake"),
        (("--lake", "nowhere"), "no version v1 in this lake"),
        (("--task", "k400"), "features of what? give --lake and --version"),
        (("--views", "0x1"), "write SEGMENTSxCROPS"),
        (("--set", "num_heads=5"), "5 heads do not divide"),
        (("--from", "pyproject.toml"), "checkpoint"),
    ],
)
def test_mistakes_end_in_one_line(h2a_here, lake, weights, tmp_path, options, says):
    ran = h2a_here(*command(lake, weights, tmp_path / "out", *options))
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert says in ran.err
    assert not (tmp_path / "out").exists()


def test_features_of_something_else_in_the_folder_and_weights_without_a_last_norm_are_refused(
    h2a_here, lake, weights, tmp_path
):
    out = tmp_path / "out"
    assert h2a_here(*command(lake, weights, out)).code == 0
    tuned = miniature.checkpoint(tmp_path / "tuned.pth", 5)
    convert(tuned, tmp_path / "bare.pth", encoder_only=True, asked=miniature.TOLD)
    for given, says in (
        (command(lake, weights, out, "--views", "2x1"), "holds other features (num_segments is 1 there and 2 here)"),
        (command(lake, miniature.pretrained(tmp_path / "b.pth", seed=4), out), "other features (weights"),
        (command(lake, weights, out, "--split", "val"), "other features (videos"),
        (command(lake, tmp_path / "bare.pth", tmp_path / "new"), "it lacks weights of an encoder and its last norm"),
    ):
        ran = h2a_here(*given)
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        assert says in ran.err
    assert not (tmp_path / "new").exists()
    (out / "features.json").write_text("{")
    assert "features.json is damaged" in h2a_here(*command(lake, weights, out)).err
    (out / "features.json").unlink()
    assert "holds features without features.json" in h2a_here(*command(lake, weights, out)).err
