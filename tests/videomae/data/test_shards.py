import json
import shutil
from pathlib import Path

import pytest

from h2a_curation.videomae.data.shards import open_version, read_clip
from h2a_curation.videomae.pretrain.held_out import split_members
from tests.videomae.world import write_lake, write_version


@pytest.fixture
def copy(lake: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(lake, tmp_path / "lake"))


def test_a_clip_is_read_from_its_place(lake):
    version = open_version(lake, "v1")
    assert [len(version.split(name)) for name in ("train", "val", "test")] == [6, 2, 0]
    assert all(read_clip(version, m)[4:8] == b"ftyp" for m in version.members)
    assert [m.clip_id for m in version.members] == sorted(m.clip_id for m in version.members)


def test_an_address_does_as_well_as_a_path(lake):
    version = open_version(f"file://{lake}", "v1")
    assert read_clip(version, version.members[0])[4:8] == b"ftyp"


def test_no_such_version(lake):
    with pytest.raises(ValueError, match="no version v2 in this lake"):
        open_version(lake, "v2")


def test_an_empty_version(copy):
    write_version(copy, [])
    with pytest.raises(ValueError, match="version v1 has no clip: nothing to train on"):
        open_version(copy, "v1")


def test_a_version_without_a_train_split(tmp_path):
    write_lake(tmp_path / "lake", ["val", "test"])
    with pytest.raises(ValueError, match="no clip in split train"):
        split_members(open_version(tmp_path / "lake", "v1"))


@pytest.mark.parametrize(
    ("splits", "num_train", "num_held_out"),
    [
        (["train", "val", "test", "test"], 1, 1),
        (["train", "test", "test"], 1, 2),
        (["train"] * 3, 2, 1),
    ],
)
def test_what_is_held_out(tmp_path, splits, num_train, num_held_out):
    write_lake(tmp_path / "lake", splits, num_frames=4, width=32, height=32)
    train, held_out = split_members(open_version(tmp_path / "lake", "v1"))
    assert (len(train), len(held_out)) == (num_train, num_held_out)
    assert not {m.clip_id for m in train} & {m.clip_id for m in held_out}


def test_a_single_clip_leaves_none_to_hold_out(tmp_path):
    write_lake(tmp_path / "lake", ["train"], num_frames=4, width=32, height=32)
    with pytest.raises(ValueError, match="one more is needed"):
        split_members(open_version(tmp_path / "lake", "v1"))


def test_a_shard_cut_short_is_seen_before_training(copy):
    shard = copy / "shards" / "abc.tar"
    shard.write_bytes(shard.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"shard abc\.tar has 5000 bytes, not the \d+ of its version"):
        open_version(copy, "v1")


def test_a_shard_cut_short_while_it_is_read(copy):
    version = open_version(copy, "v1")
    shard = copy / "shards" / "abc.tar"
    shard.write_bytes(shard.read_bytes()[:600])
    last = max(version.members, key=lambda m: m.offset)
    with pytest.raises(ValueError, match=rf"abc\.tar is cut short: it ends inside {last.clip_id}"):
        read_clip(version, last)


def test_a_missing_shard(copy):
    (copy / "shards" / "abc.tar").unlink()
    with pytest.raises(ValueError, match=r"shard abc\.tar of version v1 is missing"):
        open_version(copy, "v1")


def test_a_changed_clip_is_named(copy):
    version = open_version(copy, "v1")
    member = version.members[3]
    shard = copy / "shards" / "abc.tar"
    data = bytearray(shard.read_bytes())
    data[member.offset + 100] ^= 1
    shard.write_bytes(data)
    with pytest.raises(ValueError, match=rf"{member.clip_id}\.mp4 in shard abc\.tar is changed"):
        read_clip(version, member)


def test_a_changed_table(copy):
    table = copy / "versions" / "v1" / "clip.parquet"
    table.write_bytes(table.read_bytes() + b"x")
    with pytest.raises(ValueError, match=r"clip\.parquet of version v1 is not the published one"):
        open_version(copy, "v1")


@pytest.mark.parametrize(("text", "says"), [("{", "damaged"), (json.dumps({"format": 2}), "format 2")])
def test_a_manifest_that_cannot_be_read(copy, text, says):
    (copy / "versions" / "v1" / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=says):
        open_version(copy, "v1")


def test_a_manifest_that_lacks_a_shard(copy):
    path = copy / "versions" / "v1" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"shards": []}))
    with pytest.raises(ValueError, match=r"manifest\.json of version v1 lacks shard abc\.tar: publish again"):
        open_version(copy, "v1")


@pytest.mark.parametrize(
    ("field", "name", "said"),
    [
        ("file", "../../x.tar", "names a shard '../../x.tar', which is no plain file name"),
        ("file", "/etc/passwd", "names a shard '/etc/passwd', which is no plain file name"),
        ("file", "x.tar::file:///etc/passwd", "which is no plain file name"),
        ("file", "%2e%2e%2fx.tar", "which is no plain file name"),
        ("file", "..", "which is no plain file name"),
        ("file", 7, "names a shard 7, which is no plain file name"),
        ("sha256", "../../escaped/x", "the hash '../../escaped/x', which is no sha256"),
        ("sha256", "A" * 64, "which is no sha256"),
    ],
)
@pytest.mark.parametrize("remote", [False, True])
def test_names_that_mislead_are_refused_before_they_are_paths(copy, tmp_path, remote, field, name, said):
    path = copy / "versions" / "v1" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["shards"][0][field] = name
    path.write_text(json.dumps(manifest))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="made to mislead") as caught:
        open_version(f"file://{copy}" if remote else copy, "v1", cache=tmp_path / "cache")
    assert said in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["../v1", "..", "v1/../v1", "v1?", "*"])
def test_a_version_is_a_plain_name(lake, name):
    with pytest.raises(ValueError, match="which is no plain file name"):
        open_version(lake, name)
