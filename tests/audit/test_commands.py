"""`h2a audit` on the mini sample world: drawn, asked, answered by the world's truth, scored."""

import csv
import json
import shutil

import pytest

import schemas
from h2a_curation.catalog.views import connect
from h2a_curation.lake import decisions, parts
from tests.audit.small_audit import SmallAudit


@pytest.fixture
def lake(mini, tmp_path):
    """A copy to write labels into."""
    return shutil.copytree(mini / "lake", tmp_path / "lake")


def opened(lake):
    decision = decisions.newest(lake)
    return connect(lake, models=decisions.about(decision)["models"], decision=decision)


def answered(file, truth):
    """Fill in the sheet from the world's truth; the rows."""
    posts = json.loads(truth.read_text())["posts"]
    with file.open() as opened:
        rows = list(csv.DictReader(opened))
    for row in rows:
        row["shows"] = "yes" if posts[row["post_id"].rpartition(":")[2]]["shows"] == row["class_id"] else "no"
    with file.open("w") as opened:
        lines = csv.DictWriter(opened, rows[0].keys())
        lines.writeheader()
        lines.writerows(rows)
    return rows


def test_a_build_draws_by_lot_fetches_what_was_drawn_and_accepts_no_more_for_it(mini):
    lake = opened(mini / "lake")
    drawn = lake.query("""
        WITH listed AS (
            SELECT post_id, min(round) AS round FROM hit JOIN request USING (source, tag, cursor) GROUP BY post_id
        )
        SELECT d.round, d.probability, l.round AS listed, m.round AS fetched,
               count(*) OVER (PARTITION BY d.round) AS num,
               (SELECT count(*) FROM listed o WHERE o.round = d.round) AS most
        FROM audit_draw d JOIN listed l USING (post_id) LEFT JOIN media m USING (post_id)
    """).to_pylist()
    assert drawn
    for row in drawn:
        assert row["fetched"] == row["round"] >= row["listed"]
        assert row["probability"] >= row["num"] / row["most"]
    rejected = """SELECT * FROM selection JOIN verdict ON subject_id = post_id AND verdict.class_id = selection.class_id
                  WHERE stage = 'screen_post' AND NOT keep"""
    assert lake.query(rejected).num_rows == 0


def test_drawn_asked_answered_and_scored_where_every_post_was_drawn(h2a_here, lake, mini, tmp_path):
    """A census has no chance in it: the estimates are the shares that are counted by hand."""
    shutil.rmtree(lake / "parts" / "draw")
    posts = opened(lake).query("SELECT post_id FROM post")["post_id"].to_pylist()
    rows = [schemas.AuditDraw(round=0, post_id=post_id, probability=1.0) for post_id in posts]
    parts.commit(lake, "draw", "census", {"audit_draw": schemas.to_arrow(schemas.AuditDraw, rows)})

    sheet = tmp_path / "audit.csv"
    wrote = h2a_here("audit", "sheet", "--lake", lake, "--out", sheet)
    assert wrote.code == 0, wrote.err
    first = sheet.read_bytes()
    h2a_here("audit", "sheet", "--lake", lake, "--out", sheet)
    assert sheet.read_bytes() == first
    asked = answered(sheet, mini / "truth.json")
    assert all(row["definition"] and row["file"] for row in asked)
    assert f"{len(asked)} questions" in wrote.out

    came = h2a_here("audit", "import", sheet, "--labeller", "truth", "--lake", lake)
    assert f"{len(asked)} answers: {len(asked)} new, 0 changed" in came.out, came.err
    again = h2a_here("audit", "import", sheet, "--labeller", "truth", "--lake", lake)
    assert f"0 new, 0 changed, {len(asked)} known already" in again.out
    assert "0 questions" in h2a_here("audit", "sheet", "--lake", lake, "--out", tmp_path / "left.csv").out

    taken = opened(lake).query("""
        SELECT post_id, class_id FROM media JOIN clip USING (media_id)
             JOIN verdict v ON v.subject_id = clip_id AND v.stage = 'validate' AND v.keep
             SEMI JOIN (SELECT subject_id AS post_id, class_id FROM verdict WHERE stage = 'screen_post' AND keep) p
                  USING (post_id, class_id)
             ANTI JOIN (SELECT subject_id AS clip_id, class_id FROM verdict WHERE reason = 'better_class') b
                  USING (clip_id, class_id)
    """)
    taken = set(zip(taken["post_id"].to_pylist(), taken["class_id"].to_pylist(), strict=True))
    by_sight = opened(lake).query("SELECT post_id, class_id FROM candidate WHERE ground = 'sight'")
    by_sight = set(zip(by_sight["post_id"].to_pylist(), by_sight["class_id"].to_pylist(), strict=True))
    shown = {(row["post_id"], row["class_id"]) for row in asked if row["shows"] == "yes"}
    precision, recall = len(taken & shown) / len(taken), len(taken & shown - by_sight) / len(shown - by_sight)
    scored = h2a_here("audit", "score", "--lake", lake)
    assert scored.code == 0, scored.err
    overall = next(line for line in scored.out.splitlines() if line.strip().startswith("all"))
    assert f"{precision:.2f} [" in overall
    assert f"{recall:.2f} [" in overall
    assert "of what shows its class, rejected" in scored.out or recall == 1


def test_labels_change_no_decision(h2a_here, lake, mini, tmp_path):
    sheet = tmp_path / "audit.csv"
    h2a_here("audit", "sheet", "--lake", lake, "--out", sheet)
    answered(sheet, mini / "truth.json")
    before = decisions.newest(lake).name
    assert h2a_here("audit", "import", sheet, "--labeller", "truth", "--lake", lake).code == 0
    assert h2a_here("decide", "--recipe", "sample-mini", "--lake", lake).code == 0
    assert decisions.newest(lake).name == before
    assert "too few labels" in h2a_here("audit", "score", "--lake", lake).out


def test_without_answers_or_draws_the_commands_say_what_to_do(h2a_here, tmp_path):
    audit = SmallAudit(tmp_path)
    audit.add("a", "ok")
    audit.committed()
    assert "1 of 1 questions have no answer: `h2a audit sheet`" in h2a_here("audit", "score", "--lake", tmp_path).out
    bare = tmp_path / "bare"
    bare.mkdir()
    audit = SmallAudit(bare)
    audit.add("a", "ok", probability=None)
    audit.committed()
    assert "no drawn post has a file" in h2a_here("audit", "score", "--lake", bare).out
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "lake.json").write_text('{"format": 1, "salt": "x"}')
    ran = h2a_here("audit", "score", "--lake", empty)
    assert ran.code == 2
    assert ran.err.splitlines()[-1].endswith("holds no decision yet: run `h2a build` or `h2a decide` first")
