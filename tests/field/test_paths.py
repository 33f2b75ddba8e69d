"""A lake's own path is only a place: no letter in it means another file, and no moment of its making loses it."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from h2a_curation.catalog.views import connect
from h2a_curation.lake import decisions, lake
from tests.conftest import h2a
from tests.field.situations import situation

KIND = "Paths are paths"
ODD_NAMES = ["2026 [tiktok]", "run[1]", "a?b*", "day=3", "it's", "Übung 💪", "50%20 #1", "-x"]


def posts_of(folder: Path) -> list[str]:
    return (
        connect(folder, decision=decisions.newest(folder)).query("SELECT post_id FROM fate ORDER BY 1")[0].to_pylist()
    )


@pytest.fixture(scope="module")
def whole(mini) -> Path:
    return mini / "lake"


@situation(
    KIND,
    given="a lake whose name holds brackets, stars, `=`, quotes, spaces",
    wanted="every row is read",
    thread="duckdb/duckdb#15722",
)
@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_lake_may_have_any_name(whole, tmp_path, name):
    shutil.copytree(whole, tmp_path / name, copy_function=os.link)
    assert posts_of(tmp_path / name) == posts_of(whole)
    query = "SELECT * FROM post ORDER BY post_id"
    assert connect(tmp_path / name).query(query).equals(connect(whole).query(query))


@situation(KIND, given="a lake `run[1]` beside a lake `run1`", wanted="each shows its own rows")
def test_a_name_is_no_pattern_of_its_neighbour(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "run1", copy_function=os.link)
    lake.create(tmp_path / "run[1]")
    assert connect(tmp_path / "run1").query("FROM post").num_rows
    assert connect(tmp_path / "run[1]").query("FROM post").num_rows == 0


@situation(KIND, given="a lake with brackets in its name, asked by `h2a sql`", wanted="answers, and nothing beyond it")
def test_an_odd_name_opens_no_other_folder(whole, tmp_path, h2a_here):
    shutil.copytree(whole, tmp_path / "run[1]", copy_function=os.link)
    shutil.copytree(whole, tmp_path / "run1", copy_function=os.link)
    ok = h2a_here("sql", "SELECT count(*) AS n FROM post", "--lake", tmp_path / "run[1]", "--format", "csv")
    assert ok.code == 0, ok.err
    other = tmp_path / "run1" / "parts" / "mine" / "*" / "post.parquet"
    refused = h2a_here("sql", f"FROM read_parquet('{other}')", "--lake", tmp_path / "run[1]")
    assert refused.code != 0
    assert "Cannot access" in refused.err


@situation(
    KIND,
    given="`--lake=~/x` and `H2A_LAKE=~/x`, which no shell expands",
    wanted="the lake in the home folder",
    thread="cockroachdb/cockroach#14435",
)
def test_a_tilde_is_the_home(whole, tmp_path, h2a_here):
    shutil.copytree(whole, tmp_path / "home" / "lake", copy_function=os.link)
    home, here = str(tmp_path / "home"), tmp_path / "elsewhere"
    here.mkdir()
    query = ["sql", "SELECT count(*) AS n FROM post", "--format", "csv"]
    given = h2a_here(*query, "--lake=~/lake", cwd=here, HOME=home)
    by_variable = h2a_here(*query, cwd=here, HOME=home, H2A_LAKE="~/lake")
    assert given.code == by_variable.code == 0, given.err + by_variable.err
    assert given.out == by_variable.out
    assert not list(here.iterdir())


@situation(KIND, given="`--lake lake` from a folder, `--lake ../lake` from one below", wanted="the same lake")
def test_a_lake_may_be_named_from_where_one_stands(whole, tmp_path, h2a_here):
    shutil.copytree(whole, tmp_path / "lake", copy_function=os.link)
    (tmp_path / "below").mkdir()
    query = ["sql", "SELECT count(*) AS n FROM post", "--format", "csv"]
    said = [
        h2a_here(*query, "--lake", "lake", cwd=tmp_path).out,
        h2a_here(*query, "--lake", "../lake", cwd=tmp_path / "below").out,
        h2a_here(*query, cwd=tmp_path / "lake" / "parts").out,
    ]
    assert said == [f"n\n{len(connect(whole).query('FROM post'))}\n"] * 3


@situation(
    KIND,
    given="a name of other letters, in a locale without UTF-8",
    wanted="the same answer as anywhere",
    thread="ytdl-org/youtube-dl#6714",
)
def test_other_letters_need_no_utf8_locale(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "Übung 体操", copy_function=os.link)
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    query = "SELECT count(*) AS n FROM post"
    done = h2a("sql", query, "--lake", tmp_path / "Übung 体操", "--format", "csv", **ascii_only)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"n\n{len(connect(whole).query('FROM post'))}\n"


@situation(KIND, given="a lake that eight programs begin at one moment", wanted="one lake, with one salt for all")
def test_a_lake_that_many_begin_is_one(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(lambda _: lake.create(tmp_path / "lake"), range(64)))
    salt_id = json.loads((tmp_path / "lake" / "lake.json").read_text())["salt_id"]
    assert {one.salt_id for one in begun} == {salt_id}
    assert len({one.pseudonym("anna") for one in begun}) == 1


@situation(KIND, given="a build that was killed before lake.json was there", wanted="the same command begins it again")
def test_a_lake_that_was_killed_while_it_was_made_is_begun_again(tmp_path):
    left = tmp_path / "lake" / ".tmp" / "0123"
    left.mkdir(parents=True)
    (left / "lake.json").write_text('{"form')
    assert lake.create(tmp_path / "lake").path == tmp_path / "lake"


@situation(KIND, given="a folder of one's own, or a file, named as the lake", wanted="one line, and nothing is touched")
def test_what_is_no_lake_is_left_alone(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "draft.md").write_text("mine")
    with pytest.raises(ValueError, match="is not empty and holds no lake"):
        lake.create(tmp_path / "thesis")
    with pytest.raises(ValueError, match="is a file: name a new folder"):
        lake.create(tmp_path / "thesis" / "draft.md")
    with pytest.raises(ValueError, match="is not a lake"):
        lake.open_lake(tmp_path / "thesis" / "draft.md")
    assert [file.name for file in (tmp_path / "thesis").iterdir()] == ["draft.md"]
