import csv
import io
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_curation.audit.answers import import_answers, read_answers
from h2a_curation.audit.pairs import Pair
from h2a_curation.audit.sheet import sheet
from h2a_curation.catalog.views import connect
from tests import factories
from tests.audit.small_audit import SmallAudit


@pytest.fixture
def lake(tmp_path):
    audit = SmallAudit(tmp_path)
    for name in "abcdef":
        audit.add(name, "ok")
    audit.committed()
    return tmp_path


def bring(lake, text, *, labeller="ann", hours=0):
    file = lake / "answers.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    now = factories.DAY + timedelta(hours=hours)
    return import_answers(file, lake, {"deadlift", "squat"}, labeller=labeller, now=lambda: now)


def labels(lake):
    rows = connect(lake).query("SELECT post_id, class_id, shows, labeller FROM label ORDER BY ALL").to_pylist()
    return {(row["post_id"], row["class_id"]): (row["shows"], row["labeller"]) for row in rows}


@pytest.mark.parametrize(
    ("said", "shows"),
    [("yes", True), ("Y", True), ("1", True), ("TRUE", True), (" x ", True), ("no", False), ("n", False), ("0", False),
     ("False", False), ("", None), ("?", None), ("unsure", None)],
)  # fmt: skip
def test_words_for_yes_and_no_and_neither(lake, said, shows):
    came = bring(lake, f"post_id,class_id,shows\ns:a,deadlift,{said}\n")
    assert labels(lake) == ({} if shows is None else {("s:a", "deadlift"): (shows, "ann")})
    assert came.num_unsure == (shows is None)


def test_importing_twice_changes_nothing_and_a_changed_answer_wins_whatever_the_clock_says(lake):
    text = "post_id,class_id,shows\ns:a,deadlift,yes\ns:b,deadlift,no\n"
    assert bring(lake, text, hours=5).num_new == 2
    before = sorted((lake / "parts" / "label").iterdir())
    again = bring(lake, text, hours=6)
    assert (again.num_answers, again.num_new, again.num_changed) == (2, 0, 0)
    assert sorted((lake / "parts" / "label").iterdir()) == before
    came = bring(lake, text.replace("s:a,deadlift,yes", "s:a,deadlift,no"), labeller="bob", hours=0)
    assert (came.num_new, came.num_changed) == (0, 1)
    assert labels(lake) == {("s:a", "deadlift"): (False, "bob"), ("s:b", "deadlift"): (False, "ann")}
    bring(lake, text, hours=0)
    assert labels(lake)["s:a", "deadlift"] == (True, "ann")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("post_id,class_id,shows\ns:a,deadlift,yes\ns:zz,deadlift,yes\n", "line 3: the lake has no post 's:zz'"),
        ("post_id,class_id,shows\ns:a,dedlift,yes\n", "line 2: the decision has no class 'dedlift'"),
        ("post_id,class_id,shows\ns:a,deadlift,yes\n\ns:b,deadlift,perhaps\n", "line 4: shows is yes, no, or empty"),
        ("post_id,class_id,shows\ns:a,deadlift,yes\ns:a,deadlift,no\n", "line 3: another line says the contrary"),
        ("post_id,class_id\ns:a,deadlift\n", "needs the column shows; it has post_id, class_id"),
        ("", "needs the column post_id; it has none"),
        ('post_id,class_id,shows\ns:a,"dead"lift,yes\n', "line 2: not a CSV table"),
        (b"post_id,class_id,shows\ns:a,\xff,yes\n", "not a CSV table in UTF-8"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_imported(lake, text, said):
    with pytest.raises(ValueError, match=r"answers\.csv") as wrong:
        bring(lake, text)
    assert said in str(wrong.value)
    assert labels(lake) == {}


def test_many_wrong_lines_are_counted(lake):
    text = "post_id,class_id,shows\n" + "s:zz,deadlift,yes\n" * 8
    with pytest.raises(ValueError, match=r"nothing was imported: line 2.*line 6: .*; and 3 more"):
        bring(lake, text)


@pytest.mark.parametrize(
    "text", ["\ufeffpost_id;class_id;shows\r\ns:a;deadlift;yes\r\n", "shows\tclass_id\tpost_id\nx\tdeadlift\ts:a"]
)
def test_a_spreadsheet_s_way_of_saving_is_read(lake, text):
    bring(lake, text)
    assert labels(lake) == {("s:a", "deadlift"): (True, "ann")}


def test_a_labeller_has_a_name_and_a_file_is_there(lake):
    with pytest.raises(ValueError, match="--labeller must name"):
        bring(lake, "post_id,class_id,shows\n", labeller=" ")
    with pytest.raises(ValueError, match="there is no such file"):
        import_answers(lake / "none.csv", lake, {"deadlift"}, labeller="ann", now=lambda: factories.DAY)


TRICKY = "'=+-@1.\r\n;,\"\u2028x"
IDS = (st.text() | st.text(st.sampled_from(TRICKY))).map(str.strip).filter(bool)


@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=5, unique=True), st.text())
def test_a_sheet_that_comes_back_names_the_same_posts(tmp_path_factory, ids, words):
    """Whatever posts are called: what the sheet guards from a spreadsheet is read as it was."""
    same = {"probability": 0.5, "by_sight": False, "verdict": None, "shows": None, "media_id": "a" * 64}
    pairs = [Pair(post_id=post_id, class_id=class_id, url=words, **same) for post_id, class_id in ids]
    text, _ = sheet(pairs, {class_id: words for _, class_id in ids}, Path("lake"))
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    file = tmp_path_factory.getbasetemp() / "answers.csv"
    with file.open("w", newline="", encoding="utf-8") as opened:  # as a spreadsheet saves it
        csv.writer(opened).writerows([head, *([*row[:-1], "yes"] for row in rows)])
    answers, num_unsure = read_answers(file, {p for p, _ in ids}, {c for _, c in ids})
    assert (set(answers), num_unsure) == (set(ids), 0)
