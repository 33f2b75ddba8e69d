"""Whatever is received, nothing is read, written, sent or deleted elsewhere: canary files and a service inside tell.

A row is one thing that came from elsewhere, the command on it, and what its last line says. A new threat is a new row.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml

from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.jobs import choice
from h2a_curation.lake import lake as lakes
from tests.loopback import Answer, serving

SECRETS = {"TIKTOK_CLIENT_KEY": "canary-key", "TIKTOK_CLIENT_SECRET": "canary-secret"}
MODEL = {"model": f"local-dir:{data_folder() / 'sample_world'}", "pretrained": None}


@dataclass
class Place:
    """A home with files of the user's, a folder beside it for what is received, and a service of this machine."""

    home: Path
    received: Path
    inside: str

    def recipe(self, **source):
        (self.received / "classes.yaml").write_text("classes: [{id: yoga}]\n")
        few = {"fetch": {"max_tries": 1}, "mine": {"num_rounds": 1}, "classes": "classes.yaml"}
        content = {"source": source, "embed": MODEL, **few}
        (self.received / "mine.yaml").write_text(yaml.safe_dump(content))
        return ["build", "--recipe", self.received / "mine.yaml"]

    def table(self, *urls):
        (self.received / "posts.jsonl").write_text("\n".join(json.dumps({"url": url, "class": "yoga"}) for url in urls))
        return self.recipe(kind="table", file="posts.jsonl", min_interval_s=0)

    def lake(self):
        return lakes.create(self.received / "lake").path


def rows_of_hosts(place):
    return place.table(f"{place.inside}/1.mp4", f"{place.inside.replace('127.0.0.1', 'localhost')}/2.mp4")


def rows_of_files(place):
    return place.table(str(place.home / "diary.txt"), (place.home / "diary.txt").as_uri(), "../home/diary.txt")


def rows_of_the_system(place):
    return place.table("/proc/self/environ", "/dev/zero", "file:///etc/passwd")


def a_link_beside_the_table(place):
    (place.received / "1.mp4").symlink_to(place.home / "diary.txt")
    return place.table("1.mp4")


def a_folder_with_a_link(place):
    (place.received / "clips").mkdir()
    (place.received / "clips" / "1.mp4").symlink_to(place.home / "diary.txt")
    (place.received / "clips" / "1.info.json").write_text('{"id": "1", "tags": ["yoga"]}')
    return place.recipe(kind="folder", file="clips")


def a_list_of_the_users(place):
    return place.recipe(
        kind="table", file="../home/bank.csv", columns={"url": "id", "post_id": "iban"},
        fetch_with={"kind": "ytdlp", "post_url": f"{place.inside}/{{id}}"},
    )  # fmt: skip


def a_command(place):
    run = {"key": "Exec", "exec_cmd": f"touch {place.home}/ran", "when": "pre_process"}
    return place.recipe(kind="table", options={"postprocessors": [run]})


def another_address_for_the_key(place):
    return place.recipe(kind="tiktok_research", fetch_with={"kind": "ytdlp"}, settings={"base_url": place.inside})


def a_proxy_inside(place):
    (place.received / "posts.csv").write_text("url\nhttp://example.invalid/1.mp4\n")
    return place.recipe(kind="table", file="posts.csv", options={"proxy": place.inside})


def a_listing_inside(place):
    return place.recipe(kind="ytdlp", listing_url=f"{place.inside}/tag/{{tag}}")


def an_instance_inside(place):
    return place.recipe(kind="peertube", settings={"instance": place.inside})


def permissions_of_its_own(place):
    (place.received / "mine.yaml").write_text("permissions: {allow_private: true}\n")
    return ["build", "--recipe", place.received / "mine.yaml"]


def a_lake_with_a_choice(place):
    theirs = lakes.create(place.received / "theirs")
    choice.remember(theirs, choice.Choice(table=place.home / "bank.csv", columns=("url=id",)))
    lake = place.lake()
    (lake / "recipe.json").write_bytes((theirs.path / "recipe.json").read_bytes())
    return ["build"]


def a_lake_that_sweeps_elsewhere(place):
    lake = place.lake()
    (lake / ".tmp").rmdir() if (lake / ".tmp").exists() else None
    (lake / ".tmp").symlink_to(place.home)
    return place.table("none.mp4")


def a_lake_that_writes_elsewhere(place):
    (place.lake() / "parts").symlink_to(place.home)
    return place.table("none.mp4")


SHUT = "h2a: no file came: {} not_permitted; --allow-private or --files-from may permit it"
RECEIVED: list[tuple[Callable[[Place], list[object]], int, str]] = [
    (rows_of_hosts, 1, SHUT.format(2)),
    (rows_of_files, 1, SHUT.format(2)),
    (rows_of_the_system, 1, SHUT.format(3)),
    (a_link_beside_the_table, 1, SHUT.format(1)),
    (a_folder_with_a_link, 1, SHUT.format(1)),
    (a_list_of_the_users, 2, "outside of the recipe's folder"),
    (a_command, 2, "'postprocessors' cannot stand in this file"),
    (another_address_for_the_key, 2, "set $H2A_TIKTOK_BASE_URL"),
    (a_proxy_inside, 2, "its proxy 127.0.0.1 is in a private network"),
    (a_listing_inside, 1, "h2a: mining listed no post: 1 not_permitted; --allow-private"),
    (an_instance_inside, 2, "is no instance"),
    (permissions_of_its_own, 2, "'permissions'"),
    (a_lake_with_a_choice, 2, "was not written in this place"),
    (a_lake_that_sweeps_elsewhere, 2, "nothing is written or removed through links in a lake"),
    (a_lake_that_writes_elsewhere, 2, "nothing is written or removed through links in a lake"),
]


@pytest.fixture
def place(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "diary.txt").write_text("canary: nobody else's")
    (home / "bank.csv").write_text("id,iban\n1,DE-canary\n")
    os.utime(home / "diary.txt", (0, 0))  # old enough for any sweep
    (tmp_path / "received").mkdir()
    with serving() as site:
        for n in (1, 2):
            site.answers[f"/{n}.mp4"] = lambda _: Answer(body=b"canary of the service" * 100)
        made = Place(home, tmp_path / "received", site.url)
        made.asked = site.asked
        yield made


def content_of(folder):
    """All that lies in a folder: names, bytes and permissions."""
    return {
        str(file.relative_to(folder)): (file.lstat().st_mode, hashlib.sha256(file.read_bytes()).hexdigest())
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize(("received", "code", "says"), RECEIVED, ids=[row[0].__name__ for row in RECEIVED])
def test_nothing_received_reads_writes_sends_or_deletes_elsewhere(h2a_here, place, received, code, says):
    command = received(place)
    before = content_of(place.home)
    ran = h2a_here(*command, "--lake", place.received / "lake", HOME=str(place.home), **SECRETS)
    assert says in ran.err.splitlines()[-1]
    assert ran.code == code
    assert "Traceback" not in ran.err
    assert content_of(place.home) == before
    assert place.asked == []
    lake = place.received / "lake"
    brought = [file.read_bytes() for file in lake.rglob("*") if file.is_file() and not file.is_symlink()]
    assert not [content for content in brought if b"canary" in content]


def a_manifest_that_names_another_file(lake, place):
    manifest = lake / "versions" / "v1" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["shards"][0]["file"] = "../../../home/bank.csv"
    manifest.write_text(json.dumps(content))
    return "v1"


def a_manifest_whose_cache_key_is_a_path(lake, place):
    manifest = lake / "versions" / "v1" / "manifest.json"
    content = json.loads(manifest.read_text())
    for shard in content["shards"]:
        shard["sha256"] = "../../home/ran"
    manifest.write_text(json.dumps(content))
    return "v1"


def rows_that_name_another_file(lake, place):
    file = lake / "versions" / "v1" / "clip.parquet"
    rows = pq.read_table(file)
    elsewhere = pa.array(["../../home/diary.txt"] * rows.num_rows)
    pq.write_table(rows.set_column(rows.schema.get_field_index("shard"), "shard", elsewhere), file)
    return "v1"


def shards_of_playlists(lake, place):
    for shard in (lake / "shards").glob("*.tar"):
        playlist = f"ffconcat version 1.0\nfile '{place.home}/diary.txt'\nfile '{place.inside}/1.mp4'\n".encode()
        content = bytearray(shard.read_bytes())
        for start in (at for at in range(512, len(content), 512) if content[at + 4 : at + 8] == b"ftyp"):
            content[start : start + len(playlist)] = playlist
        shard.write_bytes(content)
    return "v1"


def a_name_that_leads_elsewhere(lake, place):
    return "../../home"


@pytest.mark.parametrize("command", ["pretrain", "verify"])
@pytest.mark.parametrize(
    "received",
    [
        a_manifest_that_names_another_file,
        a_manifest_whose_cache_key_is_a_path,
        rows_that_name_another_file,
        shards_of_playlists,
        a_name_that_leads_elsewhere,
    ],
)
def test_a_received_version_reads_and_writes_nothing_elsewhere(h2a_here, mini, place, received, command):
    lake = place.received / "lake"
    shutil.copytree(mini / "lake", lake)
    version, before = received(lake, place), content_of(place.home)
    out, cache = place.received / "out", place.received / "cache"
    options = {
        "pretrain": ["--version", version, "--preset", "micro", "--set", "steps=1", "--out", out, "--cache", cache],
        "verify": [version],
    }
    ran = h2a_here(command, *options[command], "--lake", lake, HOME=str(place.home))
    assert ran.code in (1, 2), ran.out
    assert (ran.out + ran.err).strip(), "it says why"
    assert "Traceback" not in ran.err
    assert content_of(place.home) == before
    assert place.asked == []
    assert not list(out.rglob("checkpoint*"))


class Runs:
    """What a pickle makes of this is a file in the home."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.mkdir, (str(self.file),)


@pytest.mark.parametrize("command", ["pretrain", "finetune", "convert", "features", "predict", "evaluate"])
def test_a_received_checkpoint_runs_nothing(h2a_here, mini, place, command):
    weights, before = place.received / "weights.pth", content_of(place.home)
    torch.save({"model": {"head.weight": Runs(place.home / "ran")}}, weights)
    video, out = place.received / "a.mp4", place.received / "out"
    video.write_bytes(b"no video")
    (place.received / "list.csv").write_text("a.mp4 0\n")
    lake, listed = ["--lake", mini / "lake", "--version", "v1"], ["--task", place.received / "list.csv"]
    options = {
        "pretrain": [*lake, "--preset", "micro", "--from", weights, "--out", out],
        "finetune": ["--task", "v1", "--data", mini / "lake", "--from", weights, "--out", out],
        "convert": [weights, place.received / "into.pth"],
        "features": [*lake, "--from", weights, "--out", out],
        "predict": [video, "--from", weights],
        "evaluate": [*listed, "--data", place.received, "--from", weights, "--out", out],
    }
    ran = h2a_here(command, *options[command], HOME=str(place.home))
    assert ran.code == 2, ran.err
    assert "no readable checkpoint" in ran.err.splitlines()[-1]
    assert not (place.home / "ran").exists()
    assert content_of(place.home) == before
