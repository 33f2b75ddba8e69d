import dataclasses
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from h2a_curation.publish.version import (
    next_name,
    read_manifest,
    read_members,
    same_as,
    verify,
    version_names,
    write_version,
)
from tests.publish.clips import LABELS, pack_clips, packed, published, videos

ROOT = Path(__file__).parents[2]


@pytest.fixture
def lake(tmp_path):
    return tmp_path


@pytest.fixture
def members(lake):
    contents = videos(40)
    return packed(lake, contents, pack_clips(contents))


def test_a_version_says_what_it_holds(lake, members):
    folder = published(lake, "v1", members[::-1])
    manifest = read_manifest(lake, "v1")
    assert (manifest.name, manifest.decision, manifest.recipe) == ("v1", "d3c1", "name: sample\n")
    assert manifest.created == "2026-11-24T11:00:00+00:00"
    assert list(manifest.labels.items()) == [("deadlift", 3), ("squat", 7)]
    assert json.loads((folder / "manifest.json").read_text())["indices"] == {"deadlift": 0, "squat": 1}
    assert manifest.num_clips == {s: sum(m.split == s for m in members) for s in ("train", "val", "test")}
    assert sum(s.num_clips for s in manifest.shards) == len(members)
    assert {s.file: s.num_bytes for s in manifest.shards} == {
        f.name: f.stat().st_size for f in (lake / "shards").iterdir()
    }
    assert read_members(lake, "v1") == sorted(members, key=lambda m: (m.class_id, m.clip_id))
    assert {str(f.relative_to(folder)) for f in folder.rglob("*.*")} == {*manifest.files, "manifest.json"}
    assert verify(lake, "v1") == []


def test_lists_are_those_that_videomae_reads(lake, members):
    folder = published(lake, "v1", members) / "videomae"
    trained = [m for m in read_members(lake, "v1") if m.split == "train"]
    path = f"clips/{trained[0].clip_id[:2]}/{trained[0].clip_id}.mp4"
    assert (folder / "pretrain.txt").read_text().splitlines()[0] == f"{path} 0 -1"
    assert (folder / "train.csv").read_text().splitlines()[0] == f"{path} {trained[0].label}"
    sizes = {f.name: len(f.read_text().splitlines()) for f in folder.iterdir()}
    num = read_manifest(lake, "v1").num_clips
    assert sizes == {"pretrain.txt": num["train"], **{f"{split}.csv": n for split, n in num.items()}}


def test_nothing_new_makes_no_version(lake, members):
    assert same_as(lake, members) is None
    published(lake, "v1", members)
    assert same_as(lake, members[::-1]) == "v1"
    assert same_as(lake, members[1:]) is None
    assert same_as(lake, [dataclasses.replace(members[0], label=8), *members[1:]]) is None


def test_an_old_version_is_not_the_newest(lake, members):
    published(lake, "v1", members)
    published(lake, "v2", members[1:], now=lambda: datetime(2026, 11, 25, tzinfo=UTC))
    assert version_names(lake) == ["v1", "v2"]
    assert (same_as(lake, members), same_as(lake, members[1:])) == (None, "v2")


def test_a_version_is_never_changed(lake, members):
    folder = published(lake, "v1", members)
    before = {f: f.read_bytes() for f in folder.rglob("*.*")}
    published(lake, "v1", members, decision="another", now=lambda: datetime(2027, 1, 1, tzinfo=UTC))
    assert {f: f.read_bytes() for f in folder.rglob("*.*")} == before
    with pytest.raises(ValueError, match="version v1 exists and holds other clips"):
        published(lake, "v1", members[1:])


@pytest.mark.parametrize(("given", "following"), [([], "v1"), (["v1"], "v2"), (["v9", "v10", "paper"], "v11")])
def test_next_name(lake, members, given, following):
    for name in given:
        published(lake, name, members)
    assert next_name(lake) == following


@pytest.mark.parametrize("name", ["", "../v1", "a/b", ".hidden", "two words"])
def test_a_name_is_a_plain_word(lake, members, name):
    with pytest.raises(ValueError, match="cannot name a version"):
        published(lake, name, members)


def test_an_unknown_version_names_the_known(lake, members):
    published(lake, "v1", members)
    with pytest.raises(ValueError, match=r"no version v2 .*there are: v1"):
        read_manifest(lake, "v2")


def test_verify_finds_a_flipped_byte_and_its_clip(lake, members):
    published(lake, "v1", members)
    hurt = members[3]
    flip(lake / "shards" / hurt.shard, hurt.offset + hurt.num_bytes - 1)
    assert verify(lake, "v1") == [
        f"shards/{hurt.shard}: changed: its sha256 is not the one in the manifest",
        f"shards/{hurt.shard}: clip {hurt.clip_id} is damaged",
    ]


def test_verify_finds_a_missing_shard_and_a_changed_list(lake, members):
    folder = published(lake, "v1", members)
    (lake / "shards" / members[0].shard).unlink()
    assert verify(lake, "v1") == [f"shards/{members[0].shard}: missing"]
    flip(folder / "videomae" / "train.csv", 0)
    assert verify(lake, "v1")[0].startswith("versions/v1/videomae/train.csv: changed")


def test_a_shard_of_an_earlier_version_is_not_hashed_again(lake, members):
    published(lake, "v1", members)
    flip(lake / "shards" / members[0].shard, 600)
    published(lake, "v2", members)
    assert read_manifest(lake, "v2").shards == read_manifest(lake, "v1").shards


def test_killed_before_the_rename_leaves_nothing_visible(lake, members):
    done = subprocess.run([sys.executable, "-c", KILLED, str(lake)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (version_names(lake), (lake / "versions").exists()) == ([], False)
    assert len(list((lake / ".tmp").iterdir())) == 1
    assert published(lake, next_name(lake), members).name == "v1"
    assert verify(lake, "v1") == []


KILLED = """
import os, pathlib, signal, sys
from tests.publish.clips import pack_clips, packed, published, videos
lake, contents = pathlib.Path(sys.argv[1]), videos(40)
def killed():
    os.kill(os.getpid(), signal.SIGKILL)
published(lake, "v1", packed(lake, contents, pack_clips(contents)), now=killed)
"""


def test_a_later_format_is_refused(lake, members):
    file = published(lake, "v1", members) / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 2}))
    with pytest.raises(ValueError, match="has format 2"):
        read_manifest(lake, "v1")


def flip(file, offset):
    content = bytearray(file.read_bytes())
    content[offset] ^= 1
    file.write_bytes(content)


def test_a_version_has_clips(lake):
    with pytest.raises(AssertionError):
        write_version(lake, "v1", members=[], lineage=[], decision="", recipe="", labels=LABELS, now=datetime.now)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "../../x"}, "says that it is of version '../../x'"),
        ({"shards": [{"file": "../../x.tar"}]}, "names a shard '../../x.tar', which is no plain file name"),
        ({"shards": [{"sha256": "../x"}]}, "which is no sha256"),
        ({"files": {"../../../etc/passwd": "0"}}, "the part '..', which is no plain file name"),
        ({"files": {"/etc/passwd": "0"}}, "the part '', which is no plain file name"),
    ],
)
def test_names_in_a_manifest_are_checked_before_they_are_paths(lake, members, change, said):
    path = published(lake, "v1", members) / "manifest.json"
    manifest = json.loads(path.read_text())
    if "shards" in change:
        change = {"shards": [manifest["shards"][0] | change["shards"][0]]}
    path.write_text(json.dumps(manifest | change))
    for read in (read_manifest, verify):
        with pytest.raises(ValueError, match="do not use it") as caught:
            read(lake, "v1")
        assert said in str(caught.value)


@pytest.mark.parametrize("name", ["../v1", "..", "", "v1/../v1"])
def test_a_version_is_read_by_a_plain_name(lake, members, name):
    published(lake, "v1", members)
    for read in (read_manifest, read_members, verify):
        with pytest.raises(ValueError, match="no plain file name"):
            read(lake, name)


@pytest.mark.parametrize("link", ["versions", "shards", ".tmp"])
def test_nothing_is_published_through_a_link(tmp_path, link):
    home, lake = tmp_path / "home", tmp_path / "lake"
    home.mkdir()
    lake.mkdir()
    (lake / link).symlink_to(home)
    contents = videos(3)
    with pytest.raises(ValueError, match="is a link to"):
        published(lake, "v1", packed(lake, contents, pack_clips(contents)))
    assert list(home.iterdir()) == []
