import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from h2a_curation.videomae.data import disk_cache
from h2a_curation.videomae.data.disk_cache import IDLE_S, DiskCache

SIZE = 1000
A, B, C, D = (letter * 64 for letter in "abcd")
"""Names of shards: hashes of what they hold."""


def cache(folder: Path, limit: int = 10 * SIZE, now: float = 1e6) -> DiskCache:
    return DiskCache(folder=folder, limit_bytes=limit, now=lambda: now)


def writes(letter: bytes, log: Path | None = None, size: int = SIZE):
    def fetch(to: Path) -> None:
        if log:
            with log.open("a") as lines:
                lines.write("fetched\n")
        to.write_bytes(letter * size)

    return fetch


def nothing(_to: Path) -> None:
    pytest.fail("fetched although it is here")


def names(folder: Path) -> list[str]:
    """Shards by the letter of their name."""
    return sorted(f.stem[0] + f.suffix for f in folder.iterdir() if f.suffix != ".lock")


def test_a_shard_is_fetched_once(tmp_path):
    assert cache(tmp_path).read(A, SIZE, writes(b"x"), 10, 5) == b"xxxxx"
    assert cache(tmp_path).read(A, SIZE, nothing, 990, 100) == b"x" * 10
    assert names(tmp_path) == ["a.tar"]


def read_in_a_process(folder: Path, log: Path) -> bytes | None:
    return cache(folder).read(A, SIZE, writes(b"x", log), 0, 3)


def test_many_processes_and_threads_fetch_it_once(tmp_path):
    log = tmp_path / "log"
    folder = tmp_path / "cache"
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.starmap(read_in_a_process, [(folder, log)] * 8) == [b"xxx"] * 8
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(lambda _: read_in_a_process(folder, log), range(8))) == {b"xxx"}
    assert log.read_text() == "fetched\n"


def test_a_shard_of_another_length_is_fetched_again(tmp_path):
    cache(tmp_path).read(A, SIZE, writes(b"x"), 0, 1)
    os.truncate(tmp_path / f"{A}.tar", 500)
    assert cache(tmp_path).read(A, SIZE, writes(b"y"), 0, 2) == b"yy"


def test_a_dropped_shard_is_fetched_again(tmp_path):
    cache(tmp_path).read(A, SIZE, writes(b"x"), 0, 1)
    cache(tmp_path).drop(A)
    assert cache(tmp_path).read(A, SIZE, writes(b"y"), 0, 2) == b"yy"


def test_what_came_short_is_not_kept(tmp_path):
    with pytest.raises(OSError, match="999 bytes came, not 1000"):
        cache(tmp_path).read(A, SIZE, writes(b"x", size=999), 0, 1)
    assert names(tmp_path) == []


def test_a_failed_fetch_leaves_nothing(tmp_path):
    def breaks(to: Path) -> None:
        to.write_bytes(b"half")
        raise ConnectionError("reset")

    with pytest.raises(ConnectionError):
        cache(tmp_path).read(A, SIZE, breaks, 0, 1)
    assert names(tmp_path) == []


def test_there_is_no_room_beside_shards_in_use(tmp_path):
    full = cache(tmp_path, limit=2 * SIZE)
    assert full.read(A, SIZE, writes(b"a"), 0, 1) == b"a"
    assert full.read(B, SIZE, writes(b"b"), 0, 1) == b"b"
    assert full.read(C, SIZE, nothing, 0, 1) is None
    assert names(tmp_path) == ["a.tar", "b.tar"]


def test_what_lies_idle_the_longest_makes_room(tmp_path):
    for i, key in enumerate((A, B, C)):
        cache(tmp_path, now=1e6 + i).read(key, SIZE, writes(b"x"), 0, 1)
    later = cache(tmp_path, limit=3 * SIZE, now=1e6 + IDLE_S + 2)
    later.read(A, SIZE, nothing, 0, 1)
    assert later.read(D, SIZE, writes(b"d"), 0, 1) == b"d"
    assert names(tmp_path) == ["a.tar", "c.tar", "d.tar"]


def test_what_a_killed_process_left_is_cleared(tmp_path):
    for name, size in ((f"{A}.room", SIZE), (f"{A}.part", 300), (f"{B}.room", SIZE)):
        (tmp_path / name).write_bytes(b"\0" * size)
        os.utime(tmp_path / name, (1, 1))
    later = cache(tmp_path, limit=SIZE)
    assert later.read(B, SIZE, writes(b"b"), 0, 1) == b"b"
    assert names(tmp_path) == ["b.tar"]


def test_a_full_disk_is_no_room(tmp_path, monkeypatch):
    usage = disk_cache.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(disk_cache.shutil, "disk_usage", lambda _: usage._replace(free=SIZE - 1))
    assert cache(tmp_path).read(A, SIZE, nothing, 0, 1) is None


def test_archives_of_the_users_own_are_no_shards(tmp_path):
    own = tmp_path / "holiday.tar"
    own.write_bytes(b"pictures" * SIZE)
    os.utime(own, (1, 1))
    assert cache(tmp_path, limit=SIZE).read(A, SIZE, writes(b"x"), 0, 1) == b"x"
    assert own.read_bytes() == b"pictures" * SIZE


def test_a_name_that_is_no_hash_leads_nowhere(tmp_path):
    victim = tmp_path / "thesis.tar"
    victim.write_bytes(b"mine")
    with pytest.raises(ValueError, match="which is no sha256: this lake or manifest is damaged or was made to mislead"):
        cache(tmp_path / "cache").read("../thesis", SIZE, writes(b"x"), 0, 1)
    assert (victim.read_bytes(), sorted(f.name for f in tmp_path.iterdir())) == (b"mine", ["thesis.tar"])
