"""Shards at an address: in fsspec's memory, and on an HTTP server on this machine, with and without a disk cache."""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import fsspec
import pytest
import torch

from h2a_curation.videomae.data.shards import open_version, read_clip
from h2a_curation.videomae.presets import preset
from h2a_curation.videomae.pretrain.samples import MaskedStream


class Server:
    """Serves a folder, parts of files too unless told otherwise, and counts the requests for shards."""

    def __init__(self, folder: Path) -> None:
        self.serves_parts = True
        self.requests: Counter[str] = Counter()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                file = folder / urlsplit(self.path).path.lstrip("/")
                if not file.is_file():
                    self.send_error(404)
                    return
                data, status = file.read_bytes(), 200
                asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
                if asked and outer.serves_parts:
                    data, status = data[int(asked[1]) : int(asked[2]) + 1], 206
                if file.suffix == ".tar" and self.command == "GET":
                    outer.requests["part" if status == 206 else "whole"] += 1
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(data)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server(lake: Path) -> Iterator[Server]:
    pytest.importorskip("aiohttp")
    serving = Server(lake)
    yield serving
    serving.stop()


@pytest.fixture
def memory(lake: Path) -> Iterator[str]:
    filesystem = fsspec.filesystem("memory")
    filesystem.put(str(lake), "/lake", recursive=True)
    yield "memory://lake"
    filesystem.rm("/lake", recursive=True)


def test_a_bucket_gives_the_batches_of_the_folder(lake, memory, tmp_path):
    local, far = open_version(lake, "v1"), open_version(memory, "v1", cache=tmp_path)
    near, other = (
        MaskedStream(members=v.split("train"), read=partial(read_clip, v), preset=preset("micro"), seed=3)
        for v in (local, far)
    )
    assert torch.equal(near.batch(1).video, other.batch(1).video)


def test_without_a_cache_each_clip_is_one_request(server):
    version = open_version(server.address, "v1")
    assert all(read_clip(version, m)[4:8] == b"ftyp" for m in version.members)
    assert server.requests == {"part": len(version.members)}


def test_with_a_cache_each_shard_is_one_request(server, tmp_path):
    version = open_version(server.address, "v1", cache=tmp_path)
    for _ in range(2):
        assert all(read_clip(version, m)[4:8] == b"ftyp" for m in version.members)
    again = open_version(server.address, "v1", cache=tmp_path)
    read_clip(again, again.members[0])
    assert server.requests == {"whole": 1}


def test_a_shard_that_finds_no_room_is_read_in_parts(server, tmp_path):
    version = open_version(server.address, "v1", cache=tmp_path, cache_bytes=1000)
    assert read_clip(version, version.members[0])[4:8] == b"ftyp"
    assert server.requests == {"part": 1}


def test_damage_in_the_cache_is_fetched_again(server, tmp_path):
    version = open_version(server.address, "v1", cache=tmp_path)
    member = version.members[2]
    good = read_clip(version, member)
    [file] = tmp_path.glob("*.tar")
    damage(file, member.offset + 50)
    assert read_clip(version, member) == good
    assert server.requests == {"whole": 2}


def test_damage_at_its_source_is_named(memory, tmp_path):
    version = open_version(memory, "v1", cache=tmp_path)
    member = version.members[2]
    shard = bytearray(fsspec.filesystem("memory").cat_file("/lake/shards/abc.tar"))
    shard[member.offset + 50] ^= 1
    fsspec.filesystem("memory").pipe_file("/lake/shards/abc.tar", bytes(shard))
    with pytest.raises(ValueError, match=rf"{member.clip_id}\.mp4 in shard abc\.tar is changed"):
        read_clip(version, member)


def test_a_server_without_parts_needs_a_cache(server, tmp_path):
    server.serves_parts = False
    version = open_version(server.address, "v1")
    with pytest.raises(ValueError, match=r"abc\.tar does not serve parts of files: give a cache folder"):
        read_clip(version, version.members[0])
    cached = open_version(server.address, "v1", cache=tmp_path)
    assert read_clip(cached, cached.members[0])[4:8] == b"ftyp"


def test_a_server_that_is_gone_is_named(server, tmp_path):
    plain, cached = open_version(server.address, "v1"), open_version(server.address, "v1", cache=tmp_path)
    server.stop()
    with pytest.raises(ValueError, match=r"shards/abc\.tar cannot be read: "):
        read_clip(plain, plain.members[0])
    with pytest.raises(ValueError, match=r"shards/abc\.tar cannot be copied to the cache"):
        read_clip(cached, cached.members[0])
    with pytest.raises(ValueError, match=r"versions/v1 cannot be read: "):
        open_version(server.address, "v1")


def test_no_such_version_at_an_address(server, memory):
    for address in (server.address, memory):
        with pytest.raises(ValueError, match="no version v9 in this lake"):
            open_version(address, "v9")


def test_an_address_whose_package_is_missing():
    with pytest.raises(ValueError, match=r"sftp://host/lake/.* cannot be opened: "):
        open_version("sftp://host/lake", "v1")


def damage(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
