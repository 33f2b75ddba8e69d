"""What a user or a machine gets wrong: one line that says what to do, the right exit code, and nothing lost."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from h2a_curation.catalog.views import connect
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.lake import decisions
from tests.conftest import h2a
from tests.loopback import Answer, serving

MODEL = f"local-dir:{data_folder() / 'sample_world'}"


@pytest.fixture
def refused(h2a_here):
    """`refused(arguments, code)`: the one line on stderr of a command that ends with this exit code."""

    def run(*arguments, code):
        ran = h2a_here(*arguments)
        lines = [line for line in ran.err.splitlines() if line.startswith("h2a: ")]
        assert (ran.code, len(lines)) == (code, 1), ran.err
        assert ran.err.splitlines()[-1] == lines[0]
        return lines[0]

    return run


def recipe(folder, **changes):
    """sample-mini with other values for top-level keys."""
    content = yaml.safe_load((data_folder() / "recipes" / "sample-mini.yaml").read_text())
    content["embed"]["model"] = MODEL
    for key, value in changes.items():
        content[key] = {**content[key], **value} if isinstance(content.get(key), dict) else value
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def num_rows(lake, table):
    return connect(lake).query(f"FROM {table}").num_rows


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_fils: 3\n", "mine.yaml:1: unknown key 'max_fils'; did you mean 'max_files'?"),
        ("decide:\n  validate: {min_margn: 1}\n", "mine.yaml:2: unknown key 'min_margn'; did you mean 'min_margin'?"),
        ("lanes: many\n", "mine.yaml:1: lanes"),
        ("lanes: 0\n", "start at 1"),
        ("lanes: [\n", "not valid YAML"),
        ("only_classes: [deadlif]\n", "only_classes names 'deadlif'"),
        ("source: {kind: table}\n", "name one, such as `h2a build posts.csv"),
    ],
)
def test_a_wrong_recipe(refused, tmp_path, text, says):
    (tmp_path / "mine.yaml").write_text(text)
    assert says in refused("build", "--recipe", tmp_path / "mine.yaml", "--lake", tmp_path / "lake", code=2)
    assert not (tmp_path / "lake").exists()


def test_a_recipe_that_is_not_there(refused, tmp_path):
    assert "one of clips, folder, mastodon, peertube, sample" in refused(
        "build", "--recipe", "smple", "--lake", tmp_path / "lake", code=2
    )


def test_a_wrong_rule_of_the_users_own(refused, mini, tmp_path):
    shutil.copytree(mini / "lake", tmp_path / "lake")
    rule = {"reason": "mine", "value": "no_such_column", "fails": "<", "threshold": 1}
    wrong = recipe(tmp_path, decide={"clip": {"extra": [rule]}})
    assert "no_such_column" in refused("decide", "--recipe", wrong, "--lake", tmp_path / "lake", code=2)


POSTS = "url,class\nhttps://example.org/a.mp4,deadlift\n"


@pytest.mark.parametrize(
    ("posts", "classes", "options", "says"),
    [
        ("link,class\nhttps://example.org/a.mp4,x\n", None, [], "no column 'url'"),
        (POSTS.replace("class\n", "class,duration_s\n").replace("deadlift\n", "deadlift,long\n"), None, [], "line 2"),
        ("", None, [], "posts.csv"),
        (None, None, [], "posts.csv"),
        (POSTS, None, ["--column", "url"], "write OURS=THEIRS"),
        (POSTS, None, ["--column", "uri=url"], "did you mean 'url'?"),
        (POSTS, "classes: []\n", [], "no class in it"),
        (POSTS, "classes:\n- id: Dead Lift\n", [], "classes.yaml:2"),
        (POSTS, "classes:\n- id: deadlift\n  promts: [a]\n", [], "did you mean 'prompts'?"),
        (POSTS, "- deadlift\n", [], "classes.yaml:1"),
        (POSTS, "classes:\n- id: a\n- id: a\n", [], "stands twice"),
    ],
)
def test_a_wrong_table_or_class_file(refused, tmp_path, posts, classes, options, says):
    if posts is not None:
        (tmp_path / "posts.csv").write_text(posts)
    if classes is not None:
        (tmp_path / "classes.yaml").write_text(classes)
        options = ["--classes", tmp_path / "classes.yaml"]
    line = refused("build", tmp_path / "posts.csv", "--lake", tmp_path / "lake", "--model", MODEL, *options, code=2)
    assert says in line
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (None, "labels.csv: there is no such file"),
        ("file,action\na.mp4,yoga\n", "labels.csv:1: column 'is_action' is missing"),
        ("file,action,is_action,note\nb.mp4,yoga,1,\n", "labels.csv:2: no file 'b.mp4'"),
        ("file,action,is_action,note\na.mp4,yoga,yes,\n", "labels.csv:2: is_action is 'yes'"),
        ("file,action,is_action,note\na.mp4,yoga,1\n", "labels.csv:2: not 4 cells"),
        pytest.param(
            f"file,action,is_action,note\na.mp4,yoga,1,{'x' * 20_000_000}\n",
            "labels.csv:2: not a CSV table",
            id="a cell without end",
        ),
    ],
)
def test_a_wrong_labels_csv(refused, tmp_path, labels, says):
    (tmp_path / "a.mp4").write_bytes(b"x")
    if labels is not None:
        (tmp_path / "labels.csv").write_text(labels)
    assert says in refused("quickstart", "--clips", tmp_path, "--out", tmp_path / "out", code=2)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_lake_is_left_alone(refused, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    assert "holds no lake.json" in refused("build", "--recipe", "sample-mini", "--lake", tmp_path, code=2)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_damaged_lake_json(refused, tmp_path):
    (tmp_path / "lake.json").write_text("{")
    assert "is damaged" in refused("sql", "SELECT 1", "--lake", tmp_path, code=2)


def test_a_damaged_part(refused, mini, tmp_path):
    shutil.copytree(mini / "lake", tmp_path / "lake")
    part = sorted(tmp_path.glob("lake/parts/cut/*/clip.parquet"))[0]
    part.write_bytes(part.read_bytes()[:-20])
    line = refused("sql", "SELECT count(*) FROM clip", "--lake", tmp_path / "lake", code=1)
    assert str(part) in line


def test_a_source_that_cannot_be_reached_keeps_what_was_done(refused, mini, tmp_path, monkeypatch):
    monkeypatch.setenv("H2A_YTDLP_OPTIONS", "--extractor-args h2asample:base=http://127.0.0.1:9")
    lake = tmp_path / "lake"
    shutil.copytree(mini / "lake", lake)
    before = {table: num_rows(lake, table) for table in ("post", "media", "clip")}
    gone = recipe(tmp_path, mine={"num_rounds": 3}, fetch={"max_tries": 2})
    line = refused("build", "--recipe", gone, "--lake", lake, "--allow-private", code=1)
    assert "unreachable" in line
    assert "run the same command again" in line
    assert {table: num_rows(lake, table) for table in before} == before


EXEC = "postprocessors: [{key: Exec, exec_cmd: 'touch ran_by_recipe.txt; echo', when: pre_process}]"


@pytest.mark.parametrize("option", [EXEC, "ffmpeg_location: ./ffmpeg"], ids=["exec", "ffmpeg"])
@pytest.mark.parametrize("place", ["options: {{{}}}", "fetch_with: {{options: {{{}}}}}"], ids=["source", "fetch_with"])
@pytest.mark.parametrize("command", ["try", "build"])
def test_a_received_recipe_that_runs_a_command_is_refused_before_anything_is_asked(
    h2a_here, tmp_path, command, place, option
):
    """Both ran in its time: yt-dlp asks an ffmpeg for its version before it downloads."""
    (tmp_path / "evil.yaml").write_text(f"source:\n  kind: table\n  {place.format(option)}\n")
    (tmp_path / "ffmpeg").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran_by_recipe.txt\n")
    (tmp_path / "ffmpeg").chmod(0o755)
    (tmp_path / "cls.yaml").write_text("classes:\n  - id: deadlift\n")
    with serving() as site:
        site.answers["/1.mp4"] = lambda _: Answer(body=b"video" * 1000, headers={"Content-Type": "video/mp4"})
        (tmp_path / "posts.csv").write_text(f"url\n{site.url}/1.mp4\n")
        asked = [f"{site.url}/1.mp4"] if command == "try" else ["posts.csv", "--lake", "lake"]
        ran = h2a_here(command, *asked, "--recipe", "evil.yaml", "--classes", "cls.yaml", cwd=tmp_path)
        assert site.asked == []
    assert ran.code == 2
    [line] = ran.err.splitlines()
    assert line.startswith(f"h2a: evil.yaml:3: '{option.partition(':')[0]}' cannot stand in this file")
    assert "known are cookiefile, proxy" in line
    assert not (tmp_path / "ran_by_recipe.txt").exists()
    assert not (tmp_path / "lake").exists()


def test_a_received_recipe_that_sends_key_and_secret_elsewhere_is_refused_before_anything_is_asked(h2a_here, tmp_path):
    with serving() as site:
        (tmp_path / "received.yaml").write_text(
            f"source:\n  kind: tiktok_research\n  fetch_with: {{kind: ytdlp}}\n  settings:\n    base_url: {site.url}\n"
        )
        command = ["build", "--recipe", tmp_path / "received.yaml", "--lake", tmp_path / "lake"]
        ran = h2a_here(*command, TIKTOK_CLIENT_KEY="aw-key-1", TIKTOK_CLIENT_SECRET="s3cret-1")
        assert site.asked == []
    assert ran.code == 2
    [line] = ran.err.splitlines()
    assert "received.yaml:5: " in line
    assert "key and secret go there; set $H2A_TIKTOK_BASE_URL" in line


@pytest.mark.parametrize("place", ["source", "fetch_with"])
def test_trying_a_post_on_the_opt_out_list_asks_for_nothing(refused, tmp_path, place):
    with serving() as site:
        (tmp_path / "left.txt").write_text(f"{site.url}/1.mp4\n")
        said = {"opt_out": "left.txt"}
        mine = recipe(tmp_path, source={"world": "", **(said if place == "source" else {"fetch_with": said})})
        line = refused("try", f"{site.url}/1.mp4", "--recipe", mine, code=2)
        assert site.asked == []
    assert f"{site.url}/1.mp4: who made it asks to be left alone: it is on the list" in line


def test_trying_an_address_of_this_machine_is_refused_with_the_option_that_permits_it(refused):
    with serving() as site:
        line = refused("try", f"{site.url}/1.mp4", "--recipe", "sample-mini", code=1)
        assert site.asked == []
    assert "not_permitted: 127.0.0.1 is in a private network" in line
    assert "add --allow-private if you mean that host" in line


@pytest.mark.parametrize("said", ["permissions: {allow_private: true}", "allow_private: true"])
def test_no_recipe_permits_what_the_command_line_does_not(refused, tmp_path, said):
    (tmp_path / "received.yaml").write_text(f"{said}\n")
    key = said.partition(":")[0]
    command = ["try", "http://127.0.0.1:9/1.mp4", "--recipe"]
    assert f"'{key}'" in refused(*command, tmp_path / "received.yaml", code=2)
    assert f"'{key}'" in refused(
        *command, "table", "--set", said.replace(": {", ".").replace(": ", "=").strip("}"), code=2
    )


def test_trying_a_post_downloads_as_fetch_with_says(refused, tmp_path):
    """What lists has no cookies; what fetches names a file that is not there."""
    mine = recipe(tmp_path, source={"world": "", "fetch_with": {"options": {"cookiefile": "none.txt"}}})
    assert "there is no cookiefile" in refused("try", "https://example.org/1.mp4", "--recipe", mine, code=2)


def test_a_machine_without_ffmpeg(tmp_path):
    """No ffmpeg on the path, and none that its package brings."""
    environment = {"PATH": str(tmp_path), "IMAGEIO_FFMPEG_EXE": str(tmp_path / "none"), "PYTHONPATH": str(tmp_path)}
    (tmp_path / "imageio_ffmpeg.py").write_text('def get_ffmpeg_exe():\n    raise RuntimeError("no ffmpeg exe")\n')
    ran = h2a("build", "--recipe", "sample-mini", "--lake", tmp_path / "lake", **environment)
    assert (ran.code, ran.err) == (
        1,
        "h2a: no ffmpeg found: install one, or reinstall imageio-ffmpeg, which ships one\n",
    )


def test_a_model_that_open_clip_does_not_know(refused, tmp_path):
    (tmp_path / "posts.csv").write_text(POSTS)
    command = ["build", tmp_path / "posts.csv", "--lake", tmp_path / "lake", "--model", "ViT-nope"]
    assert "ViT-nope" in refused(*command, code=2)


# Ctrl-C


def interrupt(command, line, *, group):
    """Start it as a shell does, in a process group of its own, and press Ctrl-C at the first line that begins so.

    What a shell runs in the background ignores Ctrl-C, and the tests may be run so: the command must not inherit that.
    """
    program = Path(sys.executable).with_name("h2a")
    run = subprocess.Popen(
        [program, *map(str, command)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert run.stderr
    said = next(said for said in run.stderr if said.startswith(line))
    assert said
    time.sleep(0.3)
    pressed_s = time.monotonic()
    (os.killpg if group else os.kill)(run.pid, signal.SIGINT)
    rest = [said for said in run.stderr.read().splitlines() if " of " not in said]
    return run.wait(timeout=60), rest, time.monotonic() - pressed_s


def stopped(command, line, *, group):
    code, said, took_s = interrupt(command, line, group=group)
    assert code == 130
    assert said == ["h2a: stopped; what was finished is kept, and the same command goes on from there"]
    assert took_s < 8


def test_ctrl_c_ends_a_build_at_once(tmp_path):
    """In the decoders' processes too, as a terminal sends it to all of them."""
    stopped(["build", "--recipe", "sample-mini", "--lake", tmp_path / "lake", "--workers", "2"], "probing", group=True)


@pytest.mark.slow
def test_the_same_command_goes_on_after_ctrl_c(mini, tmp_path):
    command = ["build", "--recipe", "sample-mini", "--lake", tmp_path / "lake", "--workers", "2"]
    for line, group in [("fetching", False), ("probing", True), ("cutting", True)]:
        stopped(command, line, group=group)
    ran = h2a(*command)
    assert ran.code == 0, ran.err
    assert outcome(tmp_path / "lake") == outcome(mini / "lake")


def outcome(lake):
    """Accepted clips, and every row of what was measured, which an interrupted decoder must not have touched."""
    catalog = connect(lake, decision=decisions.newest(lake))
    queries = ("FROM selection ORDER BY ALL", "FROM clip ORDER BY ALL", "FROM probe ORDER BY ALL")
    return [catalog.query(query).to_pylist() for query in queries], sorted(f.name for f in (lake / "shards").iterdir())


def test_ctrl_c_in_pretraining_saves_the_step_at_hand(mini, tmp_path):
    command = ["pretrain", "--lake", mini / "lake", "--version", "v1", "--preset", "micro", "--steps", "400"]
    code, said, took_s = interrupt([*command, "--out", tmp_path / "out"], "pretraining: 40 of", group=True)
    assert code == 130
    assert [line.partition(":")[0] for line in said] == ["Ctrl-C", "h2a"]
    assert took_s < 8
    assert (tmp_path / "out" / "checkpoint-last.pth").exists()
