"""What is removed, renamed and written lies in its root, whatever links and names a received lake holds."""

import ast
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2a_curation.foundation import atomic_files

ROOT = Path(__file__).parents[2]
_REMOVING = {
    "rmtree", "unlink", "rmdir", "removedirs", "renames", "move", "mkdtemp", "mkstemp", "TemporaryDirectory",
    "NamedTemporaryFile", "TemporaryFile",
}  # fmt: skip
"""Of pathlib, os, shutil and tempfile."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of the user's, beside the lake."""
    (tmp_path / "home" / "photos").mkdir(parents=True)
    (tmp_path / "home" / "thesis.txt").write_text("mine")
    (tmp_path / "home" / "photos" / "one.jpg").write_text("mine too")
    for path in (tmp_path / "home").rglob("*"):
        os.utime(path, (1, 1))
    return tmp_path / "home"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    (tmp_path / "lake").mkdir()
    return tmp_path / "lake"


def held(folder: Path) -> dict[str, str]:
    return {str(f.relative_to(folder)): f.read_text() for f in sorted(folder.rglob("*")) if f.is_file()}


MINE = {"photos/one.jpg": "mine too", "thesis.txt": "mine"}


def test_a_file_and_a_folder_are_removed_and_what_is_not_there_is_removed_already(lake):
    (lake / "a" / "b").mkdir(parents=True)
    (lake / "a" / "b" / "file").touch()
    (lake / "file").touch()
    for _ in range(2):
        atomic_files.remove(lake, lake / "a")
        atomic_files.remove(lake, lake / "file")
        atomic_files.remove(lake, lake / "never" / "there")
    assert list(lake.iterdir()) == []


def test_a_link_is_removed_and_not_what_it_leads_to(lake, home):
    (lake / "x").symlink_to(home)
    (lake / "folder").mkdir()
    (lake / "folder" / "within").symlink_to(home)
    atomic_files.remove(lake, lake / "x")
    atomic_files.remove(lake, lake / "folder")
    assert (list(lake.iterdir()), held(home)) == ([], MINE)


@pytest.mark.parametrize("where", ["photos", "photos/one.jpg", "thesis.txt", "nothing"])
def test_nothing_is_removed_beyond_a_link(lake, home, where):
    (lake / "decisions").symlink_to(home)
    with pytest.raises(ValueError, match=r"is a link to .*nothing is written or removed through links in a lake"):
        atomic_files.remove(lake, lake / "decisions" / where)
    assert held(home) == MINE


@pytest.mark.parametrize("path", ["{home}/thesis.txt", "{lake}/../home/thesis.txt", "{lake}", "{lake}/x/.."])
def test_nothing_outside_the_root_and_not_the_root_itself_is_removed(lake, home, path):
    (lake / "x").mkdir()
    with pytest.raises(ValueError, match="lies outside"):
        atomic_files.remove(lake, Path(path.format(home=home, lake=lake)))
    assert (held(home), (lake / "x").is_dir()) == (MINE, True)


def test_a_root_that_is_a_link_is_the_users_own_word(lake, tmp_path):
    (tmp_path / "other").symlink_to(lake)
    (lake / "file").touch()
    atomic_files.remove(tmp_path / "other", tmp_path / "other" / "file")
    assert list(lake.iterdir()) == []


def test_a_folder_exchanged_for_a_link_while_it_is_removed_leads_nowhere(lake, home, monkeypatch):
    """As another process may do between a look and the removal: the handles lead where they led."""
    (lake / "decisions" / "photos").mkdir(parents=True)
    real = atomic_files.shutil.rmtree

    def exchanged_first(*args, **kwargs):
        (lake / "decisions").rename(lake / "away")
        (lake / "decisions").symlink_to(home)
        return real(*args, **kwargs)

    monkeypatch.setattr(atomic_files.shutil, "rmtree", exchanged_first)
    atomic_files.remove(lake, lake / "decisions" / "photos")
    assert (held(home), (lake / "away" / "photos").exists()) == (MINE, False)


def test_sweeping_leaves_what_a_link_leads_to(lake, home):
    (lake / ".tmp").symlink_to(home)
    with pytest.raises(ValueError, match="do not use it"):
        atomic_files.sweep(lake, lake / ".tmp")
    assert held(home) == MINE


def test_sweeping_removes_an_old_link_and_not_what_it_leads_to(lake, home):
    (lake / ".tmp").mkdir()
    (lake / ".tmp" / "old").symlink_to(home)
    os.utime(lake / ".tmp" / "old", (1, 1), follow_symlinks=False)
    atomic_files.sweep(lake, lake / ".tmp")
    assert (list((lake / ".tmp").iterdir()), held(home)) == ([], MINE)


def test_sweeping_goes_by_the_links_own_age(lake, home):
    (lake / ".tmp").mkdir()
    (lake / ".tmp" / "young").symlink_to(home)
    os.utime(home, (1, 1))
    atomic_files.sweep(lake, lake / ".tmp")
    assert (lake / ".tmp" / "young").is_symlink()


def test_nothing_is_written_aside_through_a_link(lake, home):
    (lake / ".tmp").symlink_to(home)
    with pytest.raises(ValueError, match="is a link to"), atomic_files.written_aside(lake, lake / ".tmp"):
        pytest.fail("a folder was made")
    assert held(home) == MINE


def test_nothing_is_moved_through_a_link(lake, home):
    (lake / "media").mkdir()
    (lake / "media" / "aa").symlink_to(home)
    (lake / "file").write_text("theirs")
    with pytest.raises(ValueError, match="is a link to"):
        atomic_files.move(lake, lake / "file", lake / "media" / "aa" / "thesis.txt")
    with pytest.raises(ValueError, match="is a link to"):
        atomic_files.move(lake, lake / "media" / "aa" / "thesis.txt", lake / "stolen")
    assert (held(home), (lake / "file").read_text()) == (MINE, "theirs")


def test_a_file_takes_the_place_of_a_link_and_not_of_what_it_leads_to(lake, home):
    for name in ("log.txt", ".log.txt.tmp"):
        (lake / name).symlink_to(home / "thesis.txt")
    with atomic_files.replaced(lake, lake / "log.txt") as file:
        file.write(b"new")
    assert (held(home), held(lake)) == (MINE, {"log.txt": "new"})
    assert not (lake / "log.txt").is_symlink()


def test_a_file_that_was_not_finished_replaces_nothing(lake):
    (lake / "log.txt").write_text("old")
    with pytest.raises(TypeError), atomic_files.replaced(lake, lake / "log.txt") as file:
        file.writelines([b"ne", 7])
    assert held(lake) == {"log.txt": "old"}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the list of open files is Linux's")
def test_a_kept_file_or_folder_is_on_disk_before_its_name_is(lake, monkeypatch):
    done = []
    real_rename = os.rename
    # A handle has no name of its own: the system's list of open files tells which it is.
    monkeypatch.setattr(
        atomic_files.os, "fsync", lambda handle: done.append(Path(f"/proc/self/fd/{handle}").readlink().name)
    )
    monkeypatch.setattr(
        atomic_files.os, "rename", lambda old, new, **at: (done.append(f"{old} -> {new}"), real_rename(old, new, **at))
    )
    (lake / "unfinished").write_text("x")
    atomic_files.keep(lake, lake / "unfinished", lake / "media" / "aa" / "file")
    assert done == ["unfinished", "lake", "media", "unfinished -> file", "aa"]
    done.clear()
    (lake / "unfinished").mkdir()
    atomic_files.keep(lake, lake / "unfinished", lake / "media" / "folder")
    assert done == ["unfinished", "unfinished -> folder", "media"]


def test_an_output_is_whole_or_the_old_one(lake, monkeypatch):
    (lake / "out.csv").write_text("old")
    with monkeypatch.context() as full_disk:
        full_disk.setattr(atomic_files.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "disk full")))
        with pytest.raises(OSError, match="disk full"):
            atomic_files.write_output(lake / "out.csv", b"new")
    assert held(lake) == {"out.csv": "old"}
    atomic_files.write_output(lake / "out.csv", b"new")
    assert held(lake) == {"out.csv": "new"}


def test_an_output_keeps_the_permissions_of_the_file_in_its_place(lake):
    (lake / "out.csv").touch(mode=0o600)
    atomic_files.write_output(lake / "out.csv", b"new")
    (lake / "plain").touch()
    atomic_files.write_output(lake / "other", b"new")
    modes = [stat.S_IMODE((lake / name).stat().st_mode) for name in ("out.csv", "other", "plain")]
    assert modes == [0o600, modes[2], modes[2]]


def test_an_output_follows_the_link_that_the_user_named(lake, home):
    (lake / "out.csv").symlink_to(home / "thesis.txt")
    atomic_files.write_output(lake / "out.csv", b"new")
    assert (lake / "out.csv").is_symlink()
    assert held(home) == MINE | {"thesis.txt": "new"}


def test_an_output_that_is_no_file_is_written_to_as_it_stands(lake):
    os.mkfifo(lake / "pipe")
    reader = os.open(lake / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        atomic_files.write_output(lake / "pipe", b"new")
        assert os.read(reader, 10) == b"new"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO((lake / "pipe").stat().st_mode)
    atomic_files.write_output(Path("/dev/null"), b"new")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert [f.name for f in lake.iterdir()] == ["pipe"]


def test_the_standard_output_is_a_file_that_the_shell_goes_on_to_write(lake):
    code = (
        "from pathlib import Path; from h2a_curation.foundation.atomic_files import write_output;"
        " write_output(Path('/dev/stdout'), b'new')"
    )
    with (lake / "out.csv").open("w") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, cwd=ROOT, check=True, timeout=60)
        file.seek(0, os.SEEK_END)
        file.write(" and more")
    assert held(lake) == {"out.csv": "new and more"}


def test_an_output_in_a_folder_that_is_not_there_is_refused(lake):
    with pytest.raises(FileNotFoundError, match=r"never/out\.csv"):
        atomic_files.write_output(lake / "never" / "out.csv", b"new")
    with pytest.raises(IsADirectoryError):
        atomic_files.write_output(lake, b"new")
    assert list(lake.iterdir()) == []


@pytest.mark.parametrize("name", ["a.tar", "train-0a1b.tar", "v1", "x_y", "0"])
def test_plain_names(name):
    assert atomic_files.plain_name(name, "it names") == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".tmp", "-rf", "a/b", "/a", "a\\b", "a b", "a\n", "a\0", "ä", "a::b", "a?", "*", None, 7, ["a"]],
)
def test_names_that_are_not_plain_are_one_clear_line(name):
    with pytest.raises(ValueError, match="which is no plain file name: this lake or manifest is damaged or was made"):
        atomic_files.plain_name(name, "it names")


@pytest.mark.parametrize("name", ["a" * 63, "a" * 65, "g" * 64, "A" * 64, "a" * 64 + "\n", "../" + "a" * 61, None])
def test_what_is_no_sha256_is_one_clear_line(name):
    with pytest.raises(ValueError, match="which is no sha256"):
        atomic_files.sha256_name(name, "it names")


def test_nothing_is_removed_or_renamed_but_in_one_module():
    """That module opens each folder on the way by its handle; a call elsewhere would follow a received lake's links."""
    packages = ("flows", "h2a_curation", "schemas", "yt_dlp_plugins")
    files = [f for package in packages for f in (ROOT / package).rglob("*.py") if f.name != "atomic_files.py"]
    found = [place for file in files for place in _removals(file)]
    assert len(files) > 200
    assert found == []


WRITES_ASIDE = {
    "explain/try_video.py": "a table in a folder that is thrown away",
    "sample_world/render/encode.py": "a file that site/files.py writes aside and keeps",
    "sample_world/site/files.py": "into a folder that is thrown away; `keep` moves what is finished",
    "sample_world/model/training_frames.py": "a short video that is read back and thrown away",
    "pipeline/known_posts.py": "to the place that `fetch_post` names, in a folder that is thrown away",
    "foundation/files_below.py": "to the place that `fetch_post` names, in a folder that is thrown away",
    "sources/http.py": "to the place that `fetch_post` names, in a folder that is thrown away",
    "models/weights.py": "into a folder that is thrown away; `keep` moves what is finished",
    "sample_world/model/small_clip.py": "beside its place; `keep` moves it",
    "video/entry.py": "into a folder that is thrown away, for ffmpeg to read",
    "videomae/convert/export.py": "into a folder that is thrown away; `keep` moves what is finished",
    "videomae/convert/files.py": "into a folder that is thrown away; `keep` moves what is finished",
    "videomae/data/disk_cache.py": "an empty file that holds room; shards are checked by their hash",
    "videomae/loop/history.py": "a line at the end of a log, of which readers drop a last one that is cut short",
    "sample_world/site/serve.py": "a line at the end of the sample site's log",
}
"""Modules of h2a_curation that write without `atomic_files`, and why nobody sees half a file of theirs."""


def test_whoever_writes_a_file_to_its_place_does_it_by_one_module():
    package = ROOT / "h2a_curation"
    files = {str(f.relative_to(package)): f for f in package.rglob("*.py")}
    found = {name for name, file in files.items() if name != "foundation/atomic_files.py" and list(_writes(file))}
    assert found == set(WRITES_ASIDE)


@pytest.mark.parametrize(
    ("line", "writes"),
    [
        ("x.write_text(y)", True),
        ("x.write_bytes(y)", True),
        ("x.open('w')", True),
        ("x.open(mode='ab')", True),
        ("open(x, 'wb')", True),
        ("av.open(x, 'w', format='mp4')", True),
        ("save_file(x, y)", True),
        ("shutil.copyfile(x, y)", True),
        ("np.save('x.npy', y)", True),
        ("pq.write_table(t, 'x.parquet')", True),
        ("x.open()", False),
        ("x.open('rb')", False),
        ("tarfile.open(fileobj=file, mode='w')", False),
        ("np.save(file, y)", False),
        ("pq.write_table(t, file)", False),
    ],
)
def test_that_test_sees_each_way_to_write(tmp_path, line, writes):
    (tmp_path / "module.py").write_text(line)
    assert bool(list(_writes(tmp_path / "module.py"))) == writes


def _writes(file: Path) -> Iterator[int]:
    """Lines that write a file by its name. What is called `file`, `sink` or `buffer` is open already."""
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if called in ("write_text", "write_bytes", "save_file", "copyfile", "copy", "copytree", "to_parquet"):
            if not (called == "copy" and ast.unparse(node.func) != "shutil.copy"):
                yield node.lineno
        elif called == "open":
            modes = [a.value for a in given if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            is_open = any(keyword.arg == "fileobj" for keyword in node.keywords)
            if any(set(mode) & set("wxa") and len(mode) <= 2 for mode in modes) and not is_open:
                yield node.lineno
        elif ast.unparse(node.func) in ("np.save", "torch.save", "pq.write_table"):
            said = " ".join(ast.unparse(value) for value in given)
            if not any(name in said for name in ("file", "sink", "buffer")):
                yield node.lineno


def test_that_test_sees_each_way_to_remove(tmp_path):
    lines = [
        "shutil.rmtree(x)", "x.unlink()", "x.rmdir()", "os.remove(x)", "os.rename(x, y)", "os.replace(x, y)",
        "x.rename(y)", "x.replace(y)", "shutil.move(x, y)", "tempfile.mkdtemp()", "TemporaryDirectory()",
        "from shutil import rmtree", "from os import remove as r",
    ]  # fmt: skip
    for line in lines:
        (tmp_path / "module.py").write_text(line)
        assert _removals(tmp_path / "module.py"), line
    (tmp_path / "module.py").write_text(
        "a.remove(x); 'a'.replace('b', 'c'); replace(x, y=1); when.replace(tzinfo=u);"
        "atomic_files.move(a, b, c); move(a, b)"
    )
    assert _removals(tmp_path / "module.py") == []


def _removals(file: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module in ("os", "shutil", "tempfile"):
            bad = any(alias.name in _REMOVING | {"remove", "rename", "replace"} for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            bad = node.func.id in _REMOVING - {"move"}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            bad = _is_removal(node, node.func)
        else:
            continue
        if bad:
            found.append(f"{file.name}:{node.lineno}")
    return found


def _is_removal(call: ast.Call, called: ast.Attribute) -> bool:
    of = called.value.id if isinstance(called.value, ast.Name) else ""
    if called.attr in ("remove", "rename", "replace") and of == "os":
        return True
    if called.attr in ("rename", "replace"):  # a path has one argument, text and dates have more or named ones
        return len(call.args) == 1 and not call.keywords
    return called.attr in _REMOVING and of != "atomic_files"
