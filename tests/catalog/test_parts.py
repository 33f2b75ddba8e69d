from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from h2a_curation import durable
from h2a_curation.catalog import parts

ROWS = {"t": pa.table({"x": [1, 2]})}


def test_part_name_does_not_depend_on_order():
    assert parts.part_name("embed", "m", ["a", "b"]) == parts.part_name("embed", "m", ["b", "a"])
    assert parts.part_name("embed", "m", ["a", "b"]) != parts.part_name("embed", "n", ["a", "b"])


def test_the_first_writer_wins_and_the_second_is_told(tmp_path):
    assert parts.commit(tmp_path, "embed", "p", ROWS)
    assert not parts.commit(tmp_path, "embed", "p", {"t": pa.table({"x": [9]})})
    assert pq.read_table(tmp_path / "parts/embed/p/t.parquet")["x"].to_pylist() == [1, 2]


def test_many_writers_of_one_part_commit_it_once(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda _: parts.commit(tmp_path, "embed", "p", ROWS), range(16)))
    assert sum(won) == 1
    assert not list((tmp_path / ".tmp").iterdir())


def test_a_writer_that_dies_leaves_nothing_visible(tmp_path):
    with pytest.raises(AttributeError):
        parts.commit(tmp_path, "embed", "p", {"t": ROWS["t"], "u": "no table"})
    assert not (tmp_path / "parts").exists()
    assert not list((tmp_path / ".tmp").iterdir())


def test_old_leftovers_are_swept_and_young_ones_stay(tmp_path):
    (tmp_path / ".tmp" / "left").mkdir(parents=True)
    durable.sweep(tmp_path)
    assert (tmp_path / ".tmp" / "left").exists()
    durable.sweep(tmp_path, older_than_s=-1)
    assert not (tmp_path / ".tmp" / "left").exists()


def test_a_replaced_file_has_the_new_content(tmp_path):
    parts.replace_file(tmp_path, tmp_path / "refs" / "r", b"one")
    parts.replace_file(tmp_path, tmp_path / "refs" / "r", b"two")
    assert (tmp_path / "refs" / "r").read_bytes() == b"two"
