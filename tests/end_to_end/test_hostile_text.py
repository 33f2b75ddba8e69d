"""A lake in which every word of others holds commands to a terminal and formulas: no command of ours hands them on."""

import csv
import io
import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from h2a_curation.catalog.views import connect
from h2a_curation.lake import decisions

COMMANDS = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202e\u200b\r"
"""A title, a cleared screen, a colour by C1, DEL, text turned round, no width, the line written over."""
FORMULA = '=HYPERLINK("http://x.example")'
OF_OTHERS = ("post_id", "subject_id", "copy_of", "url", "tag", "cursor", "next_cursor", "detail", "caption", "hashtags")
NOT_SHOWN = set(map(chr, [*range(9), *range(11, 32), *range(0x7F, 0xA0), 0x202E, 0x200B]))


def hostile(column: pa.ChunkedArray, name: str) -> pa.Array:
    """Each text with the commands behind it, and a caption with a formula before it; the same text is the same."""

    def each(text):
        return text and (f"{FORMULA}{COMMANDS}{text}" if name == "caption" else f"{text}{COMMANDS}")

    values = column.to_pylist()
    if name == "hashtags":
        return pa.array([[each(tag) for tag in tags] for tags in values], column.type)
    return pa.array(map(each, values), column.type)


@pytest.fixture(scope="module")
def lake(mini, tmp_path_factory) -> Path:
    """The mini world's lake with other words in its rows."""
    folder = tmp_path_factory.mktemp("hostile") / "lake"
    shutil.copytree(mini / "lake", folder, copy_function=os.link)
    for file in [*folder.glob("parts/*/*/*.parquet"), *folder.glob("decisions/*/*.parquet")]:
        table = pq.read_table(file)
        for place, name in enumerate(table.column_names):
            if (name in OF_OTHERS and name != "subject_id") or (name == "subject_id" and "stage" in table.column_names):
                table = table.set_column(place, table.schema.field(name), changed(table, name))
        file.unlink()
        pq.write_table(table, file)
    return folder


def changed(table: pa.Table, name: str) -> pa.Array:
    if name == "subject_id":  # a post's id where the stage is about posts, else a hash
        rows = zip(table[name].to_pylist(), table["stage"].to_pylist(), strict=True)
        return pa.array([f"{text}{COMMANDS}" if stage == "screen_post" else text for text, stage in rows], pa.string())
    return hostile(table[name], name)


@pytest.fixture(scope="module")
def facts(lake):
    return connect(lake, decision=decisions.newest(lake))


def test_the_lake_is_hostile(facts):
    said = facts.query("SELECT post_id, caption, url FROM post LIMIT 1").to_pylist()[0]
    assert all(COMMANDS in text for text in said.values())
    assert facts.query("FROM fate WHERE stage = 'kept'").num_rows  # and whole


def asked(lake: Path, folder: Path, facts) -> list[list[object]]:
    """Command lines that print rows, or end in a line that quotes what they were given."""
    [post] = facts.query("SELECT post_id, url FROM post JOIN selection USING (post_id) LIMIT 1").to_pylist()
    known = folder / "known.csv"
    with known.open("w", newline="") as file:
        csv.writer(file).writerows(
            [["url", "class"], [post["url"], "deadlift"], [f"https://x.example/{COMMANDS}", "squat"]]
        )
    classes = folder / "classes.yaml"
    entry = {"id": "yoga", "name": f"Yoga {COMMANDS}", "definition": f"Somebody {COMMANDS} stretches.", "label": 1,
             "seed_hashtags": ["yoga"], "prompts": [f"a person {COMMANDS} stretches"], "siblings": []}  # fmt: skip
    classes.write_text(json.dumps({"group": f"g{COMMANDS}", "classes": [entry]}))
    tag = facts.query("SELECT min(tag) AS tag FROM hit")["tag"][0].as_py()
    of_lake = ["--lake", lake]
    return [
        ["sql", "FROM post", *of_lake],
        ["sql", "SELECT caption AS \"a\x1b[2J\" FROM post", *of_lake],
        ["sql", "FROM fate", *of_lake, "--format", "json"],
        ["sql", "SELECT hashtags FROM post", *of_lake],
        ["sql", f"SELECT 1 AS {COMMANDS}", *of_lake],
        ["sql", "FROM request", "--lake", f"{lake}{COMMANDS}"],
        ["trace", known, *of_lake],
        ["tags", *of_lake],
        ["tags", *of_lake, "--class", "deadlift"],
        ["tags", *of_lake, "--class", f"deadlift{COMMANDS}"],
        ["tags", *of_lake, "--format", "json"],
        ["explain", "tag", "deadlift", *of_lake],
        ["explain", "tag", tag, *of_lake],
        ["explain", "tag", f"nothing{COMMANDS}", *of_lake],
        ["audit", "sheet", "--out", folder / "sheet.csv", *of_lake],
        ["audit", "score", *of_lake],
        ["audit", "import", known, "--labeller", COMMANDS, *of_lake],
        ["decide", *of_lake, "--set", "decide.validate.min_probability=0.5"],
        ["decide", *of_lake, "--set", f"decide{COMMANDS}=1"],
        ["verify", "v1", *of_lake],
        ["verify", f"v{COMMANDS}", *of_lake],
        ["try", f"{folder}/{COMMANDS}.mp4"],
        ["build", folder / f"{COMMANDS}.csv", "--lake", folder / "new"],
        ["build", "--recipe", f"{COMMANDS}.yaml", "--lake", folder / "new"],
        ["build", "--dry-run", *of_lake],
        ["classes", "list", "--classes", classes],
        ["classes", "show", "yoga", "--classes", classes],
        ["classes", "lint", "--classes", classes],
        [f"no{COMMANDS}"],
    ]  # fmt: skip


def test_no_command_sends_what_others_wrote(lake, tmp_path, facts, h2a_here):
    own = tmp_path / "lake"
    shutil.copytree(lake, own)
    num_escapes = 0
    for line in asked(own, tmp_path, facts):
        ran = h2a_here(*line)
        assert "Traceback" not in ran.err, line
        assert not NOT_SHOWN & set(ran.out + ran.err), line
        num_escapes += "\\x1b]0;owned\\x07" in ran.out + ran.err
    assert num_escapes >= 15  # and the words were there to be sent


def test_a_pipe_gets_the_text_as_it_is_and_no_formula(lake, h2a_here, facts):
    query = "SELECT post_id, caption, -1.5 AS n, '-x' AS tag FROM post ORDER BY post_id"
    want = facts.query(query).to_pylist()
    as_json = h2a_here("sql", query, "--lake", lake, "--format", "json")
    assert json.loads(as_json.out) == [{**row, "n": -1.5} for row in want]
    as_csv = h2a_here("sql", query, "--lake", lake, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(as_csv.out, newline="")))
    assert [row["caption"] for row in rows] == [f"'{row['caption']}" for row in want]
    assert [row["post_id"] for row in rows] == [row["post_id"] for row in want]
    assert {(row["n"], row["tag"]) for row in rows} == {("-1.5", "'-x")}


def test_posts_of_an_export_can_be_built_on_and_traced(lake, h2a_here, tmp_path):
    """What the export guarded is read as it was."""
    from h2a_curation.sources.rows import open_rows

    out = tmp_path / "posts.csv"
    done = h2a_here(
        "sql", "SELECT url, caption FROM post ORDER BY post_id", "--lake", lake, "--format", "csv", "--out", out
    )
    assert done.code == 0, done.err
    want = connect(lake).query("SELECT url, caption FROM post ORDER BY post_id").to_pylist()
    assert [row.values for row in open_rows(out).read(["url", "caption"])] == want
