"""The salt lies beside the lake: one for all who work on it, out of what is copied, asked and published."""

import json
import os
import shutil
import stat
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path

import pytest

from h2a_curation.catalog.render import answer
from h2a_curation.catalog.views import connect
from h2a_curation.lake import files, lake, layout, salts

SALT = "5d41402abc4b2a76b9719d911017c592"
OF_ANNA = blake2b(b"anna", key=SALT.encode(), digest_size=8).hexdigest()
"""The pseudonym of anna as lakes of format 1 made it."""


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch):
    monkeypatch.delenv(salts.VARIABLE, raising=False)


def old_lake(folder: Path, salt: str = SALT) -> Path:
    """A lake as it was before the salt left it."""
    folder.mkdir(parents=True)
    (folder / layout.LAKE_FILE).write_text(json.dumps({"format": 1, "salt": salt}))
    return folder


def in_lake(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def test_the_salt_lies_beside_the_lake_for_its_owner_alone(tmp_path):
    made = lake.create(tmp_path / "lake")
    [file] = [place for place in tmp_path.iterdir() if place != made.path]
    assert file == tmp_path / "lake.salt"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    salt = file.read_text().strip()
    assert len(salt) == 32
    assert salt.encode() not in in_lake(made.path)
    assert made.pseudonym("anna") == blake2b(b"anna", key=salt.encode(), digest_size=8).hexdigest()


def test_two_lakes_in_one_folder_have_two_salts(tmp_path):
    one, two = lake.create(tmp_path / "one"), lake.create(tmp_path / "two")
    assert one.salt_id != two.salt_id
    assert one.pseudonym("anna") != two.pseudonym("anna")


def test_a_link_and_the_folder_one_stands_in_lead_to_the_same_salt(tmp_path, monkeypatch):
    made = lake.create(tmp_path / "disk" / "lake")
    (tmp_path / "mine").symlink_to(made.path)
    monkeypatch.chdir(made.path)
    for name in (tmp_path / "mine", Path()):
        assert lake.create(name) == made
        assert lake.open_lake(name).pseudonym("anna") == made.pseudonym("anna")
    assert not list(tmp_path.glob("*.salt"))


def _pseudonym(path: Path) -> str:
    return lake.create(path).pseudonym("anna")


def test_programs_that_begin_at_once_agree(tmp_path):
    with get_context("fork").Pool(8) as pool:
        assert len(set(pool.map(_pseudonym, [tmp_path / "lake"] * 32, chunksize=1))) == 1
    assert sorted(place.name for place in tmp_path.iterdir()) == ["lake", "lake.salt"]


def test_a_lake_killed_before_lake_json_goes_on_with_its_salt(tmp_path):
    salt_id = salts.begin(tmp_path / "lake")
    assert lake.create(tmp_path / "lake").salt_id == salt_id


def test_a_lake_that_others_may_write_to_can_keep_its_salt_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv(salts.VARIABLE, str(tmp_path / "secrets" / "h2a"))
    with pytest.raises(ValueError, match=r"cannot be kept in .*: name a file that you may write in"):
        lake.create(tmp_path / "lake")
    (tmp_path / "secrets").mkdir()
    made = lake.create(tmp_path / "lake")
    assert not (tmp_path / "lake.salt").exists()
    monkeypatch.delenv(salts.VARIABLE)
    lake._salt.cache_clear()
    with pytest.raises(ValueError, match="is missing"):
        made.pseudonym("anna")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_says_what_to_set(tmp_path):
    old_lake(tmp_path / "lake")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ValueError, match=rf"Permission denied.*{salts.VARIABLE}"):
            lake.create(tmp_path / "lake")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("name", ["lake/salt", "lake/parts/salt", "outer/salt"])
def test_a_salt_in_a_lake_is_refused(tmp_path, monkeypatch, name):
    lake.create(tmp_path / "outer", hides_people=False)
    monkeypatch.setenv(salts.VARIABLE, str(tmp_path / name))
    with pytest.raises(ValueError, match=r"would lie in .*lake"):
        lake.create(tmp_path / "lake")
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("content", ["", "\n", "short"])
def test_a_salt_that_can_be_guessed_hides_nobody(tmp_path, content):
    (tmp_path / "lake.salt").write_text(content)
    with pytest.raises(ValueError, match=r"lake.salt is to hide creators' names and holds \d characters"):
        lake.create(tmp_path / "lake")


def test_an_old_lake_is_read_as_it_is_and_loses_its_salt_at_the_first_writing(tmp_path):
    path = old_lake(tmp_path / "lake")
    before = in_lake(path)
    assert lake.open_lake(path).pseudonym("anna") == lake.find(path).pseudonym("anna") == OF_ANNA
    assert in_lake(path) == before
    made = lake.create(path)
    assert made.pseudonym("anna") == OF_ANNA
    assert SALT.encode() not in in_lake(path)
    lake._salt.cache_clear()
    assert lake.open_lake(path).pseudonym("anna") == lake.create(path).pseudonym("anna") == OF_ANNA


def test_every_command_that_writes_takes_the_salt_out(tmp_path):
    path = old_lake(tmp_path / "lake")
    assert lake.find_to_write(path).pseudonym("anna") == OF_ANNA
    assert SALT.encode() not in in_lake(path)
    assert (tmp_path / "lake.salt").read_text().strip() == SALT


def test_a_move_that_was_killed_goes_on(tmp_path, monkeypatch):
    path = old_lake(tmp_path / "lake")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(files, "replace_file", killed)
        with pytest.raises(KeyboardInterrupt):
            lake.create(path)
    assert (tmp_path / "lake.salt").read_text().strip() == SALT  # the salt is safe before lake.json loses it
    assert lake.open_lake(path).pseudonym("anna") == OF_ANNA
    assert lake.create(path).pseudonym("anna") == OF_ANNA
    assert SALT.encode() not in in_lake(path)


def test_an_old_lake_does_not_take_another_lakes_salt(tmp_path):
    other = lake.create(tmp_path / "lake")
    shutil.rmtree(other.path)
    path, salt = old_lake(tmp_path / "lake"), (tmp_path / "lake.salt").read_text()
    with pytest.raises(ValueError, match="holds another lake's salt"):
        lake.create(path)
    assert (tmp_path / "lake.salt").read_text() == salt
    assert SALT.encode() in in_lake(path)


def test_a_lake_copied_without_its_salt_says_so_when_it_needs_it(tmp_path):
    made = lake.create(tmp_path / "lake")
    copy = shutil.copytree(made.path, tmp_path / "elsewhere" / "copy")
    for opened in (lake.open_lake(copy), lake.create(copy), lake.find(copy)):
        assert opened.salt_id == made.salt_id
        for ask in (lambda opened=opened: opened.pseudonym("anna"), opened.check_salt):
            with pytest.raises(ValueError, match=r"copy.salt is missing, .*: copy it from beside the lake") as said:
                ask()
            assert "\n" not in str(said.value)
    assert [place.name for place in (tmp_path / "elsewhere").iterdir()] == ["copy"]
    shutil.copy(tmp_path / "lake.salt", tmp_path / "elsewhere" / "copy.salt")
    assert lake.open_lake(copy).pseudonym("anna") == made.pseudonym("anna")


def test_another_lakes_salt_is_not_taken(tmp_path):
    made, other = lake.create(tmp_path / "lake"), lake.create(tmp_path / "other")
    copy = shutil.copytree(made.path, tmp_path / "copy")
    shutil.copy(tmp_path / "other.salt", tmp_path / "copy.salt")
    with pytest.raises(ValueError, match="holds another salt than that of"):
        lake.open_lake(copy).pseudonym("anna")
    assert other.pseudonym("anna")


def test_real_people_do_not_come_to_a_lake_that_hides_nobody(tmp_path):
    world = lake.create(tmp_path / "lake", hides_people=False)
    assert [place.name for place in tmp_path.iterdir()] == ["lake"]
    assert world.pseudonym("anna") == lake.create(tmp_path / "other", hides_people=False).pseudonym("anna")
    assert lake.create(tmp_path / "lake", hides_people=False) == world
    with pytest.raises(ValueError, match="creators are invented"):
        lake.create(tmp_path / "lake")


def test_an_old_lake_of_a_sample_world_needs_no_salt(tmp_path):
    path = old_lake(tmp_path / "lake", "sample-world")
    old = lake.open_lake(path).pseudonym("anna")
    assert lake.create(path, hides_people=False).pseudonym("anna") == old
    assert [place.name for place in tmp_path.iterdir()] == ["lake"]


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"format": 2}', '{"format": "2"}', '{"format": 2, "salt_id": 7}']
)
def test_a_damaged_lake_json_is_one_line(tmp_path, content):
    (tmp_path / "lake.json").write_text(content)
    with pytest.raises(ValueError, match="is damaged: restore it from a backup"):
        lake.open_lake(tmp_path)


def test_a_newer_lake_is_refused(tmp_path):
    (tmp_path / "lake.json").write_text('{"format": 3}')
    with pytest.raises(ValueError, match="was written by a newer h2a"):
        lake.open_lake(tmp_path)


@pytest.mark.parametrize("opened", ["lake", "."])
def test_no_sql_reads_the_salt(tmp_path, monkeypatch, opened):
    """Its path begins with the lake's, which is all that DuckDB may read."""
    made = lake.create(tmp_path / "lake")
    (made.path / "link").symlink_to(tmp_path / "lake.salt")
    monkeypatch.chdir(made.path if opened == "." else tmp_path)
    catalog, salt = connect(lake.find(Path(opened)).path), (tmp_path / "lake.salt").read_text().strip()
    spellings = [
        f"{made.path}.salt",
        f"{made.path}/../lake.salt",
        "../lake.salt",
        "lake.salt",
        f"{tmp_path}/*.salt",
        "link",
    ]
    spellings += [f"{made.path}/link", f"file://{made.path}.salt"]
    readers = ["read_text('{}')", "read_blob('{}')", "read_csv('{}', header = false)", "glob('{}')", "'{}'"]
    asked = [f"SELECT * FROM {reader.format(name)}" for name in spellings for reader in readers]
    asked += ["SELECT getenv('H2A_SALT_FILE')", "SELECT current_setting('allowed_directories')"]
    told = []
    for sql in asked:
        try:
            told.append(str(answer(catalog, sql).to_pylist()))
        except ValueError as refused:
            told.append(str(refused))
    assert len(told) == len(asked)
    assert not [line for line in told if salt in line]
    assert salt[:8] in (tmp_path / "lake.salt").read_text()  # it was there to be read
    assert "format" in str(answer(catalog, f"FROM read_text('{made.path}/lake.json')").to_pylist())
