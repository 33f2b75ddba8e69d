"""The numbers that pages show: the panel, the report, `h2a tags` and the pages' queries say the same of one lake."""

import json
import os
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from h2a_curation.catalog import render
from tests.conftest import h2a
from tests.docs.shown import ROOT, answered, opened, shown

SHOWN = [pytest.param(s, id=f"{s.page.stem}-{n}") for n, s in enumerate(shown())]


def first_query(page, asks):
    """The page's query that names a view, without its limit."""
    sql = next(s.sql for s in shown() if s.page == ROOT / page and re.search(rf"FROM {asks}\b", s.sql))
    return re.sub(r"LIMIT \d+", "", sql)


@pytest.fixture(scope="module")
def catalog(mini):
    return opened(mini / "lake")


@pytest.fixture(scope="module")
def fates(catalog):
    """What the README's query says, by stage and reason."""
    rows = render.answer(catalog, first_query("README.md", "fate")).to_pylist()
    return {(row["stage"], row["reason"]): row["posts"] for row in rows}


@pytest.fixture(scope="module")
def summary(mini):
    return json.loads((mini / "summary.json").read_text(encoding="utf-8"))


class Report(HTMLParser):
    """Table rows by section, and the headings and links of the contact sheets."""

    def __init__(self, page: Path):
        super().__init__()
        self.section, self.rows, self.headings, self.links, self.within = "", {}, {}, {}, ""
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "section":
            self.section = attrs["id"]
        if tag == "tr":
            self.rows.setdefault(self.section, []).append([])
        if tag == "td":
            self.rows[self.section][-1].append("")
        if tag == "h3":
            self.headings.setdefault(self.section, []).append("")
        if tag == "a":
            self.links.setdefault(self.section, []).append(attrs["href"])
        self.within = tag if tag in ("td", "h3") else self.within

    def handle_endtag(self, tag):
        if tag in ("td", "h3"):
            self.within = ""

    def handle_data(self, text):
        if self.within == "td" and self.rows[self.section][-1]:
            self.rows[self.section][-1][-1] += text.strip()
        if self.within == "h3":
            self.headings[self.section][-1] += text


@pytest.fixture(scope="module")
def report(mini):
    return Report(mini / "report.html")


def test_the_readme_counts_each_post_once(fates, catalog):
    assert sum(fates.values()) == catalog.query("FROM post").num_rows
    spam = catalog.query("SELECT DISTINCT subject_id FROM verdict WHERE reason = 'tag_spam'").num_rows
    pairs = catalog.query("FROM verdict WHERE reason = 'tag_spam'").num_rows
    assert fates["screen_post", "tag_spam"] == spam < pairs


def test_the_readme_says_what_the_panel_and_the_summary_say(fates, summary):
    lost = {(s["stage"], reason): n for s in summary["funnel"] for reason, n in s["reasons"].items()}
    assert lost == {fate: n for fate, n in fates.items() if fate[0] != "kept"}
    assert {(stage, reason): n for stage, of in summary["reasons"].items() for reason, n in of.items()} == lost
    assert fates["kept", "ok"] == summary["funnel"][-1]["num_kept"] == summary["num_kept"]
    for before, after in pairwise(summary["funnel"]):
        assert before["num_kept"] == after["num_in"], after["stage"]


def test_the_readme_says_what_the_table_of_the_report_says(fates, report):
    told, stage = {}, ""
    for row in report.rows["funnel"]:
        if row:
            stage = row[0].replace(" ", "_") or stage
            told[stage, row[1].replace(" ", "_")] = int(row[2])
    assert told == {fate: n for fate, n in fates.items() if fate[0] != "kept"}


def test_no_published_clip_stands_among_the_rejected_and_their_headings_count_clips(fates, report, mini):
    catalog = opened(mini / "lake")
    kept = set(catalog.query("SELECT clip_id FROM selection")["clip_id"].to_pylist())
    rejected = [Path(link).stem for link in report.links["rejected"]]
    assert rejected
    assert kept.isdisjoint(rejected)
    assert len(rejected) == len(set(rejected)), "a clip stands under one reason"
    for heading in report.headings["rejected"]:
        stage, reason, num = re.fullmatch(r"([\w ]+): ([\w ]+?) (\d+) clips?.*", " ".join(heading.split())).groups()
        assert fates[stage.replace(" ", "_"), reason.replace(" ", "_")] == int(num)


def test_clips_of_tags_sum_to_the_clips_that_there_are(catalog, mini, h2a_here):
    rows = render.answer(catalog, first_query("docs/sql.md", "tag_yield")).to_pylist()
    told = json.loads(h2a_here("tags", "--lake", mini / "lake", "--format", "json").out)
    named = {(row["tag"], row["num_pages"], row["num_new"], row["num_accepted"]) for row in told if row["num_pages"]}
    assert {tuple(row.values()) for row in rows} == named
    assert sum(row["num_accepted"] for row in rows) == catalog.query("FROM selection").num_rows
    assert sum(row["num_new"] for row in rows) == catalog.query("FROM post").num_rows


def test_what_the_report_says_of_rounds_and_classes_adds_up(report, summary, catalog):
    [header, *classes] = report.rows["classes"]
    assert header == []
    _, _, listed, fetched, valid, selected = zip(*(row[:6] for row in classes), strict=True)
    assert sum(map(int, selected)) == summary["num_kept"]
    assert sum(map(int, listed)) == catalog.query("FROM candidate").num_rows
    assert all(
        int(a) >= int(b) >= int(c) >= int(d) for a, b, c, d in zip(listed, fetched, valid, selected, strict=True)
    )
    rounds = [row for row in report.rows["mining"] if row and row[0].isdigit()]
    assert sum(int(row[2]) for row in rounds) == catalog.query("FROM post").num_rows
    assert sum(int(row[3]) for row in rounds) == summary["num_kept"]


@pytest.mark.parametrize("one", SHOWN)
def test_an_answer_on_a_page_has_the_columns_of_its_query(one, catalog):
    assert one.answer.splitlines()[0].split() == render.answer(catalog, one.sql).column_names


@pytest.fixture(scope="session")
def default_lake(tmp_path_factory):
    """The lake of a default quickstart: that of $H2A_QUICKSTART, its folder, or one that is built here."""
    if folder := os.environ.get("H2A_QUICKSTART"):
        return Path(folder) / "lake"
    lake = tmp_path_factory.mktemp("default") / "lake"
    done = h2a("build", "--recipe", "sample", "--lake", lake)
    assert done.code == 0, done.err
    return lake


@pytest.mark.slow
@pytest.mark.parametrize("one", SHOWN)
def test_an_answer_on_a_page_is_that_of_a_default_quickstart(one, default_lake):
    assert one.answer == answered(opened(default_lake), one.sql), "run python -m tests.docs.shown LAKE"
