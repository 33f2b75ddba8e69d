"""Every command as a user runs it: what it prints, how it ends, and that it starts at once."""

import csv
import functools
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from h2a_curation.catalog.views import connect
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.lake import decisions
from tests.loopback import Answer, serving

HEAVY = (
    *("torch", "prefect", "open_clip", "duckdb", "pyarrow", "cv2", "av", "numpy", "pandas", "yt_dlp", "rich.table"),
    *("matplotlib", "scipy", "pydantic", "PIL", "timm", "torchvision", "curl_cffi", "yaml"),
)


@pytest.fixture(scope="module")
def lake(mini):
    return mini / "lake"


@pytest.fixture
def own_lake(lake, tmp_path):
    """A copy to change."""
    shutil.copytree(lake, tmp_path / "lake")
    return tmp_path / "lake"


@pytest.fixture(scope="module")
def rows(lake):
    """`rows(sql)` on the lake with its decision."""
    return lambda sql: connect(lake, decision=decisions.newest(lake)).query(sql).to_pylist()


@pytest.fixture
def ok(h2a_here):
    """What a command prints that ends well and without a word on stderr."""

    def run(*arguments, **options):
        ran = h2a_here(*arguments, **options)
        assert (ran.code, ran.err) == (0, "")
        return ran.out

    return run


@pytest.fixture
def refused(h2a_here):
    """The one line on stderr of a command that ends with exit code 2."""

    def run(*arguments, **options):
        ran = h2a_here(*arguments, **options)
        assert ran.code == 2, ran.err
        [line] = ran.err.splitlines()
        assert line.startswith("h2a: ")
        return line

    return run


def test_help_and_usage_mistakes_import_nothing_heavy():
    code = f"""
import sys
sys.argv = ["h2a", "--help"]
from h2a_curation.cli import main
try:
    main()
finally:
    print([m for m in {HEAVY} if m in sys.modules])
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.splitlines()[-1] == "[]"
    assert all(command in said for command in ("quickstart", "build", "decide", "pretrain", "try", "trace", "sql"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nope"], "No such command 'nope'"),
        (["build"], "Missing option '--lake'"),
        (["sql", "--nope"], "No such option: --nope"),
        (["sql", "SELECT 1", "--format", "xml"], "is not one of 'table', 'csv', 'json', 'parquet'"),
        (["quickstart", "--seed", "x"], "'--seed'"),
        (["quickstart", "--recipe", "table"], "not of a sample world"),
        (["classes", "show", "deadlif"], "did you mean 'deadlift'?"),
        (["build", "--lake", "x"], "give a table of URLs, or --recipe"),
        (["try", "no-such.mp4", "--recipe", "sample-mini"], "there is no such file"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(refused, tmp_path, arguments, says):
    assert says in refused(*arguments, cwd=tmp_path)
    assert not any(tmp_path.iterdir())


# sql


QUERY = "SELECT post_id, hashtags, num_views, seen_at FROM post ORDER BY post_id LIMIT 3"


PRETRAIN = ("pretrain", "--lake", "{lake}", "--version", "v1", "--preset", "micro")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((*PRETRAIN, "--out", "{file}"), "a file stands where a folder"),
        ((*PRETRAIN, "--out", "{file}/run"), "a file stands where a folder"),
        (("finetune", "--task", "v1", "--data", "{lake}", "--scratch", "micro", "--out", "{file}"), "a file stands"),
        (
            ("features", "--from", "{weights}", "--lake", "{lake}", "--version", "v1", "--out", "{file}"),
            "a file stands",
        ),
        (("experiment", "curation", "--lake", "{lake}", "--preset", "micro", "--out", "{file}"), "a file stands"),
        (("build", "--recipe", "sample-mini", "--lake", "{file}"), "is a file"),
        (("quickstart", "--recipe", "sample-mini", "--out", "{file}"), "a file stands where a folder"),
        (("convert", "{weights}", "{folder}"), "is already there"),
        (("classes", "export", "--format", "csv", "--out", "{folder}"), "a folder stands where a file"),
    ],
    ids=lambda part: " ".join(part[:1]) if isinstance(part, tuple) else "",
)
def test_what_stands_in_the_way_of_a_result_is_named_and_stays(refused, lake, mini, tmp_path, arguments, says):
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("mine")
    folder.mkdir()
    weights = next((mini / "pretrain").glob("checkpoint-*.pth"))
    places = {"lake": lake, "file": file, "folder": folder, "weights": weights}
    line = refused(*(argument.format(**places) for argument in arguments))
    assert says in line
    assert str(tmp_path) in line
    assert file.read_text() == "mine"
    assert not any(folder.iterdir())


def test_sql_answers_in_every_format(ok, lake, rows, tmp_path):
    expected = rows(QUERY)
    table = ok("sql", QUERY, "--lake", lake)
    assert table.split()[:4] == ["post_id", "hashtags", "num_views", "seen_at"]
    assert all(row["post_id"] in table for row in expected)

    as_json = json.loads(ok("sql", QUERY, "--lake", lake, "--format", "json"))
    assert as_json == [{**row, "seen_at": row["seen_at"].isoformat()} for row in expected]

    [*as_csv] = csv.DictReader(io.StringIO(ok("sql", QUERY, "--lake", lake, "--format", "csv")))
    assert [row["post_id"] for row in as_csv] == [row["post_id"] for row in expected]
    assert [json.loads(row["hashtags"]) for row in as_csv] == [row["hashtags"] for row in expected]

    file = tmp_path / "answer.parquet"
    assert ok("sql", QUERY, "--lake", lake, "--format", "parquet", "--out", file) == ""
    assert pq.read_table(file).to_pylist() == expected


def test_sql_finds_the_lake_by_flag_environment_or_place(ok, refused, lake, tmp_path):
    count = ["sql", "SELECT count(*) AS n FROM selection", "--format", "csv"]
    by_flag = ok(*count, "--lake", lake)
    assert int(by_flag.split()[1]) > 0
    assert ok(*count, H2A_LAKE=str(lake)) == by_flag
    assert ok(*count, cwd=lake / "parts" / "mine") == by_flag
    assert "--lake or set H2A_LAKE" in refused(*count, cwd=tmp_path)
    assert "is not a lake" in refused(*count, "--lake", tmp_path)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT nope FROM verdict", "nope"),
        ("SELEC 1", "syntax error"),
        ("SELECT CAST(caption AS INTEGER) FROM post", "Could not convert"),
        ("", "one question at a time"),
        ("SELECT 1; SELECT 2", "one question at a time"),
        ("CREATE TABLE t AS SELECT 1", "one question at a time"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled by configuration"),
        ("FROM glob('/etc/*')", "disabled by configuration"),
        ("SET enable_external_access = true", "one question at a time"),
    ],
)
def test_a_wrong_question_is_one_line(refused, lake, query, says):
    assert says in refused("sql", query, "--lake", lake)


def test_sql_cannot_write_into_the_lake(refused, own_lake):
    before = sorted(own_lake.rglob("*"))
    [part, *_] = own_lake.glob("parts/mine/*/post.parquet")
    for query in (f"COPY (SELECT 1) TO '{part}'", f"EXPLAIN ANALYZE COPY (SELECT 1) TO '{own_lake}/x.csv'"):
        refused("sql", query, "--lake", own_lake)
    assert sorted(own_lake.rglob("*")) == before
    assert pq.read_table(part).num_columns > 1


def test_sql_names_the_recipes_that_have_a_decision(ok, refused, lake):
    assert "of these: sample-mini" in refused("sql", "SELECT 1", "--lake", lake, "--recipe", "nope")
    assert ok("sql", "SELECT 1 AS x", "--lake", lake, "--recipe", "any/where/sample-mini.yaml", "--format", "csv")


def test_a_reader_that_has_enough_is_no_error(lake):
    program = Path(sys.executable).with_name("h2a")
    command = f"'{program}' sql --lake '{lake}' --format csv 'FROM hit, hit h2' | head -1"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert (ran.stdout.count("\n"), ran.stderr) == (1, "")


# verify


def test_verify_tells_a_flipped_byte(ok, refused, h2a_here, own_lake):
    assert "as it was published" in ok("verify", "v1", "--lake", own_lake)
    [shard, *_] = sorted((own_lake / "shards").glob("train-*.tar"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    ran = h2a_here("verify", "v1", "--lake", own_lake)
    assert ran.code == 1
    assert shard.name in ran.out
    assert "there are: v1" in refused("verify", "v9", "--lake", own_lake)


# decide


def recipe_file(folder, name, **changes):
    """sample-mini under another name, with some of its keys changed."""
    content = yaml.safe_load((data_folder() / "recipes" / "sample-mini.yaml").read_text())
    content["embed"]["model"] = f"local-dir:{data_folder() / 'sample_world'}"
    for place, value in changes.items():
        *path, last = place.split("__")
        functools.reduce(lambda inner, key: inner.setdefault(key, {}), path, content)[last] = value
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def test_decide_shows_what_comes_and_goes_and_why(ok, own_lake, tmp_path):
    strict = recipe_file(tmp_path, "strict", decide__validate__min_probability=0.9999)
    said = ok("decide", "--recipe", strict, "--lake", own_lake)
    assert said.startswith("0 come\n")
    assert "validate: low_probability" in said
    num_gone = int(re.search(r"^(\d+) go$", said, re.MULTILINE).group(1))
    assert num_gone > 0

    # The same recipe, edited: the decision before it has no name any more, and is still what is compared with.
    recipe_file(tmp_path, "strict")
    back = ok("decide", "--recipe", strict, "--lake", own_lake)
    assert back.startswith(f"{num_gone} come\n")
    assert "validate: low_probability" in back
    assert [v.name for v in (own_lake / "versions").iterdir()] == ["v1"]
    assert "0 come\n0 go\n" in ok("decide", "--recipe", strict, "--lake", own_lake)


def test_classes_with_a_risk_leave_the_next_version_of_a_lake_that_had_them(ok, refused, h2a_here, own_lake):
    command = ["--recipe", "sample-mini", "--lake", own_lake, "--leave-out-risks", "minors"]
    said = ok("decide", *command)
    assert said.startswith("1 of 4 classes are left out: they carry minors\n")
    assert "0 come\n" in said
    built = h2a_here("build", *command)
    assert built.code == 0, built.err
    assert "1 of 4 classes are left out" in built.out
    assert "--leave-out-risks: minors" in json.loads((own_lake / "versions/v2/manifest.json").read_text())["recipe"]
    labels, had = (json.loads((own_lake / f"versions/v{n}/manifest.json").read_text())["labels"] for n in (2, 1))
    assert had.keys() - labels.keys() == {"jump-rope"}
    classes, was = (
        set(pq.read_table(own_lake / f"versions/v{n}/clip.parquet")["class_id"].to_pylist()) for n in (2, 1)
    )
    assert was - classes == {"jump-rope"}
    decided = connect(own_lake, decision=decisions.newest(own_lake))
    assert not decided.query("SELECT 1 FROM verdict WHERE class_id = 'jump-rope'").num_rows
    command[-1] = "minor"
    assert "no class can carry the risk 'minor'; there are minors, danger" in refused("mine", *command)


def test_decide_says_when_rows_of_the_new_rules_are_missing(ok, own_lake, tmp_path):
    other = recipe_file(tmp_path, "other", look__num_frames=4)
    said = ok("decide", "--recipe", other, "--lake", own_lake)
    for what in ("fingerprint", "vectors"):
        assert f"clips have no {what} by this decision's programs yet, and are undecided: run `h2a build`" in said
    for signal in ("motion", "black"):
        assert f"clips are not measured for {signal} yet, and pass every rule on it: run `h2a build`" in said


# trace


def test_trace_says_where_each_known_positive_was_lost(ok, lake, rows, tmp_path):
    [kept] = rows("SELECT post_id, class_id, split FROM selection ORDER BY clip_id LIMIT 1")
    [spam] = rows("SELECT subject_id, class_id FROM verdict WHERE reason = 'tag_spam' ORDER BY ALL LIMIT 1")
    [wrong] = rows("""
        SELECT post_id, class_id, reason FROM verdict JOIN clip ON clip_id = subject_id JOIN media USING (media_id)
        WHERE stage = 'validate' AND NOT keep ORDER BY ALL LIMIT 1
    """)
    [gone] = rows("""
        SELECT post_id, class_id, outcome FROM media JOIN candidate USING (post_id)
        WHERE outcome <> 'ok' ORDER BY ALL LIMIT 1
    """)
    [broken] = rows("""
        SELECT post_id, class_id, probe.outcome FROM media JOIN probe USING (media_id) JOIN candidate USING (post_id)
        WHERE probe.outcome <> 'ok' ORDER BY ALL LIMIT 1
    """)
    [other] = rows("""
        FROM (SELECT post_id, class_id FROM media, (SELECT DISTINCT class_id FROM candidate))
        ANTI JOIN candidate USING (post_id, class_id) ORDER BY ALL LIMIT 1
    """)
    cases = [
        (kept["post_id"].split(":")[1], kept["class_id"], "kept", kept["split"]),
        (spam["subject_id"], spam["class_id"], "screen_post", "tag_spam"),
        (wrong["post_id"], wrong["class_id"], "validate", wrong["reason"]),
        (gone["post_id"], gone["class_id"], "fetch", gone["outcome"]),
        (broken["post_id"], broken["class_id"], "probe", broken["outcome"]),
        (other["post_id"], other["class_id"], "mine", "none of its tags speaks for the class"),
        ("nobody:knows", kept["class_id"], "mine", "not listed"),
        (kept["post_id"], kept["class_id"] + "s", "mine", f"did you mean {kept['class_id']}?"),
    ]
    known = tmp_path / "known.csv"
    known.write_text("class,post_id\n" + "".join(f"{class_id},{post}\n" for post, class_id, _, _ in cases))
    lines = ok("trace", known, "--lake", lake).splitlines()
    for line, (post, class_id, stage, what) in zip(lines[1:], cases, strict=False):
        assert line.split()[:3] == [post, class_id, stage]
        assert what in line
    assert "1 kept" in lines[-1]


def test_trace_takes_urls(ok, lake, rows, tmp_path):
    [kept] = rows("SELECT url, class_id FROM selection JOIN post USING (post_id) ORDER BY url LIMIT 1")
    known = tmp_path / "known.csv"
    known.write_text(f"url,class\n{kept['url']},{kept['class_id']}\n")
    assert "1 kept" in ok("trace", known, "--lake", lake)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a,b\n1,2\n", "needs the columns class and url or post_id; it has a, b"),
        ("", "needs the columns class and url or post_id; it has none"),
        ("url,class\nhttps://x,\n", "known.csv:2"),
        (None, "no such file"),
    ],
)
def test_trace_refuses_a_table_that_says_nothing(refused, lake, tmp_path, content, says):
    known = tmp_path / "known.csv"
    if content is not None:
        known.write_text(content)
    assert says in refused("trace", known, "--lake", lake)


# try


MINI = ("--recipe", "sample-mini")


def test_try_prints_every_measurement_and_verdict(ok, lake, rows):
    [kept] = rows("SELECT clip_id, class_id FROM selection ORDER BY clip_id LIMIT 1")
    clip = lake / "clips" / kept["clip_id"][:2] / f"{kept['clip_id']}.mp4"
    said = ok("try", clip, *MINI, "--class", kept["class_id"])
    for word in ("num_bytes", "is_variable_rate", "end_s", "motion", "probability", "select"):
        assert word in said
    assert said.split("verdicts")[1].count(kept["class_id"]) == 5
    assert said.split("best classes")[1].split("\n")[2].split()[0] == kept["class_id"]


def test_try_shows_why_a_page_is_no_video(ok, tmp_path):
    page = tmp_path / "page.mp4"
    page.write_text("<html><h1>404 Not Found</h1></html>")
    said = ok("try", page, *MINI, "--class", "deadlift")
    assert "not_video" in said
    assert "not_decodable" in said


def test_try_ends_with_1_where_a_url_gives_no_file(h2a_here):
    with serving() as site:
        ran = h2a_here("try", f"{site.url}/gone.mp4", *MINI, "--class", "deadlift", "--allow-private")
        site.answers["/page.mp4"] = lambda _: Answer(body=b"<html>hello</html>", headers={"Content-Type": "text/html"})
        page = h2a_here("try", f"{site.url}/page.mp4", *MINI, "--class", "deadlift", "--allow-private")
    assert (ran.code, page.code) == (1, 1)
    assert ran.err.splitlines()[-1].startswith(f"h2a: {site.url}/gone.mp4 gave no file: gone: ")
    assert len(ran.err.splitlines()) == len(page.err.splitlines()) == 1
    assert "not_video" in page.err


def test_try_refuses_an_unknown_class(refused, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    assert "did you mean 'deadlift'?" in refused("try", tmp_path / "a.mp4", *MINI, "--class", "deadlif")


# pretrain


def test_pretrain_trains_from_the_shards_and_goes_on(refused, h2a_here, lake, tmp_path):
    command = [
        "pretrain",
        "--lake",
        lake,
        "--version",
        "v1",
        "--preset",
        "micro",
        "--steps",
        "4",
        "--out",
        tmp_path / "o",
    ]
    first = h2a_here(*command)
    assert first.code == 0, first.err
    assert "checkpoint" in first.out
    assert "pretraining: 4 of 4" in first.err
    assert h2a_here(*command).out == first.out
    assert "'nope'" in refused("pretrain", "--lake", lake, "--version", "v1", "--preset", "nope")


# classes


def test_classes_of_one_group(ok, refused):
    listed = ok("classes", "list", "--group", "fitness")
    assert "deadlift" in listed
    assert "skiing" not in listed
    assert "no group 'fitnes'; there are" in refused("classes", "list", "--group", "fitnes")


def test_one_class_is_shown_beside_those_that_are_taken_for_it(ok):
    shown = ok("classes", "show", "clean-and-jerk")
    for said in (
        "must be seen",
        "#cleanandjerk",
        "not #jerk",
        "barbell overhead",
        "deadlift",
        "ucf101",
        "CleanAndJerk",
    ):
        assert said in shown


def test_lint_says_where_a_fault_is_and_ends_with_1(ok, h2a_here, tmp_path):
    assert "386 classes, no faults" in ok("classes", "lint")
    mine = tmp_path / "mine.yaml"
    mine.write_text("group: g\nclasses:\n  - id: first-one\n  - id: second-one\n    label: 3\n")
    done = h2a_here("classes", "lint", "--classes", mine)
    assert done.code == 1
    assert f"{mine}:4: second-one: definition is empty: write it" in done.out
    assert f"{mine}:3: first-one: label is empty" in done.out


def test_a_list_of_hashtags_becomes_a_class_file(ok, refused, tmp_path):
    (tmp_path / "hashtags.txt").write_text("#salsa\nplayingkazoo\n")
    out = tmp_path / "mine.yaml"
    said = ok("classes", "import", tmp_path / "hashtags.txt", "--out", out)
    assert "2 classes, 1 with a shipped class's text" in said
    assert "definition, excluded_hashtags, siblings" in said
    assert "salsa" in ok("classes", "list", "--classes", out)
    assert "exists; name another file" in refused("classes", "import", tmp_path / "hashtags.txt", "--out", out)


@pytest.mark.parametrize(
    ("form", "begins"), [("jsonl", '{"id": '), ("csv", "label,id,"), ("yaml", "group: "), ("md", "# ")]
)
def test_classes_are_exported(ok, tmp_path, form, begins):
    assert ok("classes", "export", "--format", form).startswith(begins)
    out = tmp_path / "classes.out"
    assert "386 classes" in ok("classes", "export", "--format", form, "--out", out)
    assert out.read_text(encoding="utf-8").startswith(begins)
