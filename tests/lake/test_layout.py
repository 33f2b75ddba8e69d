"""Names in a lake: where things lie, and that a name which leads elsewhere never becomes a path."""

import fsspec
import pytest

from h2a_curation.lake import layout

SHA256 = "0a" * 32
AWAY = ["../x", "..", "", "/etc/passwd", "a/b", "x.tar::file:///etc/passwd", "%2e%2e", "*", "a\n", "a\0"]


def test_a_lake_lies_as_it_always_did():
    assert layout.part("mine", "0a") == "parts/mine/0a"
    assert layout.parts_of("mine", "hit") == "parts/mine/*/hit.parquet"
    assert layout.media_file(SHA256) == f"media/0a/{SHA256}"
    assert layout.clip_file(SHA256) == f"clips/0a/{SHA256}.mp4"
    assert layout.decision("d3c1") == "decisions/d3c1"
    assert layout.ref("my recipe") == "refs/my recipe"
    assert layout.shard(layout.shard_name("train", "0a")) == "shards/train-0a.tar"
    assert layout.manifest("v1") == "versions/v1/manifest.json"
    assert layout.version_file("v1", layout.MEMBERS) == "versions/v1/clip.parquet"
    assert layout.version_file("v1", layout.finetune_list("val")) == "versions/v1/videomae/val.csv"


def test_patterns_find_what_the_functions_name(tmp_path):
    for path, pattern in (
        (layout.part("mine", "0a"), layout.EVERY_PART),
        (f"{layout.part('mine', '0a')}/{layout.table('hit')}", layout.parts_of("mine", "hit")),
        (layout.decision("d3c1"), layout.EVERY_DECISION),
        (layout.ref("r"), layout.EVERY_REF),
        (layout.manifest("v1"), layout.EVERY_MANIFEST),
    ):
        (tmp_path / path).mkdir(parents=True)
        assert list(tmp_path.glob(pattern)) == [tmp_path / path]


def test_one_name_serves_a_folder_and_an_address(tmp_path):
    (tmp_path / layout.manifest("v1")).parent.mkdir(parents=True)
    (tmp_path / layout.manifest("v1")).write_bytes(b"{}")
    filesystem, path = fsspec.core.url_to_fs(f"file://{tmp_path}/{layout.manifest('v1')}")
    assert filesystem.cat_file(path) == b"{}"


@pytest.mark.parametrize("name", AWAY)
@pytest.mark.parametrize(
    "path",
    [
        lambda name: layout.part(name, "0a"),
        lambda name: layout.part("mine", name),
        lambda name: layout.parts_of(name, "hit"),
        lambda name: layout.parts_of("mine", name),
        layout.table,
        layout.media_file,
        layout.clip_file,
        layout.decision,
        layout.shard,
        lambda name: layout.shard_name(name, "0a"),
        layout.version,
        layout.manifest,
        layout.finetune_list,
        lambda name: layout.version_file(name, "clip.parquet"),
        lambda name: layout.version_file("v1", f"videomae/{name}/x"),
    ],
)
def test_a_name_that_leads_elsewhere_is_no_path(path, name):
    if "/" in name and not name.startswith(("/", "..", "x")):
        name = f"{name}/.."  # a path in a version's folder may have several parts
    with pytest.raises(ValueError, match="made to mislead; do not use it"):
        path(name)


@pytest.mark.parametrize("recipe", ["", ".", "..", "a/b", "/x", "a\0"])
def test_a_ref_has_any_name_but_one_that_leads_elsewhere(recipe):
    with pytest.raises(ValueError, match="rename the recipe's file"):
        layout.ref(recipe)
