"""The one reader of manifest.json: what it gives back, and the one line for a damaged one."""

import dataclasses
import json

import pytest

from h2a_curation.lake import versions
from h2a_curation.lake.decisions import name as name_decision
from h2a_curation.lake.decisions import save
from h2a_curation.publish.version import read_manifest, verify
from h2a_curation.videomae.data.shards import open_version
from schemas import Member, to_arrow
from tests import factories

WHERE = "lake/versions/v1/manifest.json"
MANIFEST = factories.manifest()


def fields(**changed):
    return dataclasses.asdict(MANIFEST) | changed


def entry(**changed):
    return fields(shards=[dataclasses.asdict(MANIFEST.shards[0]) | changed])


def without(key):
    return {name: value for name, value in fields().items() if name != key}


def test_what_is_written_is_read_back_and_written_alike():
    content = versions.as_bytes(MANIFEST)
    assert versions.parse(content, WHERE) == MANIFEST
    assert versions.as_bytes(versions.parse(content, WHERE)) == content
    assert list(json.loads(content)) == [
        "format", "name", "created", "decision", "recipe", "labels", "indices", "num_clips", "shards", "files",
    ]  # fmt: skip


def test_classes_are_numbered_without_gaps_also_in_versions_of_before_that_was_written():
    labels = {"deadlift": 40, "squat": 7, "surf": 3}
    expected = {"surf": 0, "squat": 1, "deadlift": 2}
    assert versions.dense_indices(labels) == expected
    old = {name: value for name, value in fields(labels=labels).items() if name != "indices"}
    assert versions.parse(json.dumps(old).encode(), WHERE).indices == expected
    new = fields(labels=labels, indices=expected)
    assert versions.parse(json.dumps(new).encode(), WHERE).indices == expected


def test_a_field_of_a_later_program_is_left_out():
    assert versions.parse(json.dumps(fields(licence="CC0") | entry(note="")).encode(), WHERE) == MANIFEST


DAMAGED = [
    (b"", "Expecting value"),
    (b"{", "Expecting property name"),
    (b"\xff\xff{}", "not UTF-8 at byte 0"),
    (b"[" * 100_000, "more than 100 deep"),
    (b"[]", "it says no format"),
    (b"{}", "it says no format"),
    (fields(format="1"), "it says no format"),
    (fields(format=True), "it says no format"),
    (without("shards"), "'shards' is missing"),
    (without("decision"), "'decision' is missing"),
    (without("created"), "'created' is missing"),
    (fields(name=None), "'name' is not a text"),
    (fields(shards={}), "'shards' is not a list"),
    (fields(shards=["train-0a.tar"]), "a shard is no mapping of names to values"),
    (fields(labels={"squat": "7"}), "'squat' is not a whole number"),
    (fields(indices={"squat": 0, "deadlift": 1}), "'indices' do not number the classes in the order of their labels"),
    (fields(indices=[]), "'indices' is not a mapping"),
    (fields(num_clips={"train": True}), "'train' is not a whole number"),
    (fields(files=[]), "'files' is not a mapping of names to values"),
    (fields(files={"clip.parquet": 7}), "'clip.parquet' is not a text"),
    (fields(files={"a\nb": 7}), r"'a\nb' is not a text"),
    (fields(files={}), "its files lack clip.parquet"),
    (entry(num_bytes=1.5), "'num_bytes' is not a whole number"),
]


def as_bytes(content):
    return content if isinstance(content, bytes) else json.dumps(content).encode()


@pytest.mark.parametrize(("content", "said"), DAMAGED)
def test_a_damaged_manifest_is_one_clear_line(content, said):
    with pytest.raises(ValueError, match=rf"^{WHERE} is damaged \(.*\): publish again, or restore it") as caught:
        versions.parse(as_bytes(content), WHERE)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format_", [0, 2, 10**30])
def test_another_format_is_refused(format_):
    with pytest.raises(ValueError, match=f"has format {format_}, this program reads 1: update it"):
        versions.parse(as_bytes(fields(format=format_)), WHERE)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (entry(file="../x.tar"), "names a shard '../x.tar', which is no plain file name"),
        (entry(file=None), "names a shard None, which is no plain file name"),
        (entry(sha256="0a"), "gives the shard train-0a.tar the hash '0a', which is no sha256"),
        (fields(files={"../x": "0"}), "names in the file '../x' the part '..', which is no plain file name"),
        (fields(files={"a//b": "0"}), "the part '', which is no plain file name"),
    ],
)
def test_a_name_that_misleads_is_one_clear_line(content, said):
    with pytest.raises(ValueError, match=f"^{WHERE} .*made to mislead; do not use it$") as caught:
        versions.parse(as_bytes(content), WHERE)
    assert said in str(caught.value)


@pytest.mark.parametrize("content", [b"{", as_bytes(without("shards")), as_bytes(entry(file="../x.tar"))])
def test_each_reader_of_a_damaged_manifest_says_the_same(tmp_path, content):
    save(tmp_path, "old", {}, {})
    file = tmp_path / "versions" / "v1" / "manifest.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"manifest\.json") as said:
        versions.parse(content, str(file))
    for read in (read_manifest, verify, open_version):
        with pytest.raises(ValueError, match=r"manifest\.json") as caught:
            read(tmp_path, "v1")
        assert str(caught.value) == str(said.value)
    # The damaged manifest may name `old`, so that decision is not removed.
    with pytest.raises(ValueError, match=r"manifest\.json") as caught:
        name_decision(tmp_path, "r", "new")
    assert str(caught.value) == str(said.value)
    assert (tmp_path / "decisions" / "old").is_dir()


def test_a_member_of_a_shard_that_leads_elsewhere_is_refused():
    member = Member(
        clip_id="a", class_id="squat", label=7, split="train", post_id="s:1", creator=None, shard="../x.tar", offset=0,
        num_bytes=1, sha256="a", width_px=1, height_px=1, fps=24.0, num_frames=1,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"clip.parquet names a shard '../x.tar', which is no plain file name"):
        versions.members(to_arrow(Member, [member]), "clip.parquet")
