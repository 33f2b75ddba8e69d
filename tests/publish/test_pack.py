import json
import re
import signal
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import pytest
import webdataset
from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_curation.publish.pack import DamagedClipError, PackRules, buckets, members, plan, shard_name, write_shard
from tests.publish.clips import pack_clip, pack_clips, packed, videos

ROOT = Path(__file__).parents[2]


def test_a_shard_opens_as_plain_tar_with_fixed_headers(tmp_path):
    contents = videos(5)
    clips = pack_clips(contents, split="val")
    rows = write_shard(clips, contents.__getitem__, tmp_path)
    with tarfile.open(tmp_path / "shards" / shard_name(clips)) as tar:
        entries = tar.getmembers()
        texts = {e.name: tar.extractfile(e).read() for e in entries}
    assert [e.name for e in entries] == sorted(f"{c}.{end}" for c in contents for end in ("cls", "json", "mp4"))
    assert {(e.mtime, e.uid, e.gid, e.uname, e.gname, e.mode) for e in entries} == {(0, 0, 0, "", "", 0o644)}
    for row in rows:
        assert texts[f"{row.clip_id}.mp4"] == contents[row.clip_id]
        assert texts[f"{row.clip_id}.cls"] == str(row.label).encode()
        beside = json.loads(texts[f"{row.clip_id}.json"])
        assert (beside["class_id"], beside["creator"], beside["fps"]) == (row.class_id, row.creator, 23.976)


def test_a_shard_opens_with_webdataset(tmp_path):
    contents = videos(9)
    clips = pack_clips(contents, split="train")
    write_shard(clips, contents.__getitem__, tmp_path)
    files = [str(tmp_path / "shards" / shard_name(clips))]
    samples = list(webdataset.WebDataset(files, shardshuffle=False).decode().to_tuple("__key__", "mp4", "json", "cls"))
    assert {(key, label) for key, _, _, label in samples} == {(c.clip_id, c.label) for c in clips}
    assert {beside["post_id"] for _, _, beside, _ in samples} == {c.post_id for c in clips}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), num=st.integers(1, 30), shuffled=st.randoms(use_true_random=False))
def test_bytes_and_rows_do_not_depend_on_order(tmp_path_factory, seed, num, shuffled):
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    contents = videos(num, seed)
    clips = pack_clips(contents)
    rows = packed(one, contents, clips)
    assert packed(two, contents, shuffled.sample(clips, len(clips))) == rows
    assert files(one) == files(two)
    for row in rows:
        tar = files(one)[row.shard]
        assert tar[row.offset : row.offset + row.num_bytes] == contents[row.clip_id]


def test_a_shard_that_is_there_is_not_read_again(tmp_path):
    contents = videos(40)
    clips = pack_clips(contents)
    rows = packed(tmp_path, contents, clips)
    assert packed(tmp_path, {}, clips) == rows


def test_a_cut_off_shard_is_written_again(tmp_path):
    contents = videos(4)
    clips = pack_clips(contents, split="train")
    write_shard(clips, contents.__getitem__, tmp_path)
    whole = files(tmp_path)
    shard = tmp_path / "shards" / shard_name(clips)
    shard.write_bytes(shard.read_bytes()[:-512])
    write_shard(clips, contents.__getitem__, tmp_path)
    assert files(tmp_path) == whole


@settings(max_examples=40)
@given(ids=st.lists(st.text("abcdef", min_size=1, max_size=8), min_size=1, max_size=200, unique=True), data=st.data())
def test_a_removed_clip_changes_one_bucket_and_an_added_one_two_at_most(ids, data):
    before = buckets(ids, 8)
    assert sorted(i for bucket in before for i in bucket) == sorted(ids)
    assert max(map(len, before)) <= 8
    gone = data.draw(st.sampled_from(ids))
    after = buckets([i for i in ids if i != gone], 8)
    assert sum(bucket not in before for bucket in after) <= 1
    assert sum(bucket not in after for bucket in before) <= 2  # the same, read as an addition


def test_a_removed_clip_rewrites_one_shard(tmp_path):
    contents = videos(300)
    clips = pack_clips(contents)
    before = {m.shard for m in packed(tmp_path, contents, clips, clips_per_shard=32)}
    after = {m.shard for m in packed(tmp_path, contents, clips[1:], clips_per_shard=32)}
    assert (len(after - before), len(before) > 8) == (1, True)


def test_splits_never_share_a_shard():
    clips = pack_clips(videos(50))
    shards = plan(clips, PackRules())
    assert Counter(len({c.split for c in shard}) for shard in shards) == {1: 3}
    assert [shard_name(shard).split("-")[0] for shard in shards] == ["test", "train", "val"]


@pytest.mark.parametrize("changed", [{"label": 99}, {"split": "test"}, {"creator": "other"}, {"end_s": 4.0}])
def test_other_metadata_is_another_shard(changed):
    [(clip_id, video)] = videos(1).items()
    clip = pack_clip(clip_id, len(video), split="train")
    assert shard_name([clip]) != shard_name([pack_clip(clip_id, len(video), **{"split": "train"} | changed)])


def test_a_damaged_clip_is_named_and_leaves_nothing(tmp_path):
    contents = videos(3)
    clips = pack_clips(contents, split="train")
    bad = sorted(contents)[1]
    with pytest.raises(DamagedClipError, match=re.escape(f"clip {bad} is damaged")):
        write_shard(clips, lambda clip_id: contents[clip_id] if clip_id != bad else b"<html>", tmp_path)
    assert (files(tmp_path), list((tmp_path / ".tmp").iterdir())) == ({}, [])


def test_killed_while_writing_leaves_nothing_visible_and_goes_on(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (files(tmp_path), len(list((tmp_path / ".tmp").iterdir()))) == ({}, 1)
    contents = videos(3)
    clips = pack_clips(contents, split="train")
    assert write_shard(clips, contents.__getitem__, tmp_path) == members(clips)
    assert list(files(tmp_path)) == [shard_name(clips)]


KILLED = """
import os, pathlib, signal, sys
from h2a_curation.publish.pack import write_shard
from tests.publish.clips import pack_clips, videos
contents = videos(3)
def read(clip_id):
    if clip_id == max(contents):
        os.kill(os.getpid(), signal.SIGKILL)
    return contents[clip_id]
write_shard(pack_clips(contents, split="train"), read, pathlib.Path(sys.argv[1]))
"""


def test_rules_refuse_the_impossible():
    with pytest.raises(ValueError, match="clips_per_shard"):
        PackRules(clips_per_shard=0)


def files(lake):
    return {f.name: f.read_bytes() for f in sorted((lake / "shards").glob("*"))}
