from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from h2a_curation.lake import files, parts

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
    files.sweep(tmp_path)
    assert (tmp_path / ".tmp" / "left").exists()
    files.sweep(tmp_path, older_than_s=-1)
    assert not (tmp_path / ".tmp" / "left").exists()


def test_a_replaced_file_has_the_new_content(tmp_path):
    files.replace_file(tmp_path, tmp_path / "refs" / "r", b"one")
    files.replace_file(tmp_path, tmp_path / "refs" / "r", b"two")
    assert (tmp_path / "refs" / "r").read_bytes() == b"two"


@pytest.mark.parametrize("link", [".tmp", "parts", "parts/embed"])
def test_a_part_is_not_committed_through_a_link(tmp_path, link):
    home, lake = tmp_path / "home", tmp_path / "lake"
    home.mkdir()
    (lake / link).parent.mkdir(parents=True)
    (lake / link).symlink_to(home)
    with pytest.raises(ValueError, match=r"is a link to .*: if it is yours, put a folder in its place"):
        parts.commit(lake, "embed", "p", ROWS)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("folder", ["clips", "clips/aa"])
def test_a_clip_is_not_kept_through_a_link(tmp_path, folder):
    home, lake = tmp_path / "home", tmp_path / "lake"
    home.mkdir()
    (home / "x.mp4").write_text("mine")
    (lake / folder).parent.mkdir(parents=True)
    (lake / folder).symlink_to(home)
    (lake / "cut.mp4").write_text("theirs")
    with pytest.raises(ValueError, match="is a link to"):
        files.keep_file(lake, lake / "cut.mp4", lake / "clips" / "aa" / "x.mp4")
    assert [(f.name, f.read_text()) for f in home.iterdir()] == [("x.mp4", "mine")]


def test_a_link_in_the_place_of_a_file_is_replaced_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "lake" / "refs").mkdir(parents=True)
    (tmp_path / "lake" / "refs" / "r").symlink_to(tmp_path / "thesis.txt")
    files.replace_file(tmp_path / "lake", tmp_path / "lake" / "refs" / "r", b"new")
    assert ((tmp_path / "thesis.txt").read_text(), (tmp_path / "lake/refs/r").read_bytes()) == ("mine", b"new")


@pytest.mark.parametrize(("stage", "part", "table"), [("..", "p", "t"), ("embed", "../../x", "t"), ("e", "p", "../t")])
def test_names_of_a_part_are_plain(tmp_path, stage, part, table):
    with pytest.raises(ValueError, match="no plain file name"):
        parts.commit(tmp_path / "lake", stage, part, {table: ROWS["t"]})
    assert not list(tmp_path.rglob("*.parquet"))
