import dataclasses
import doctest
import re
from html.parser import HTMLParser

import pytest

from h2a_curation.report import page
from h2a_curation.report.page import write_report
from tests.report.example import class_counts, picture, report_data

VOID = {"meta", "img", "br", "link", "hr"}


class Outline(HTMLParser):
    """Refuses a page whose tags do not close in order; collects what it asks for and links to."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.sources, self.text, self.tags = [], set(), [], [], [], set()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        self.ids.add(attrs.get("id"))
        self.links += [attrs["href"]] if tag == "a" else []
        self.sources += [v for k, v in attrs.items() if k in ("src", "srcset", "data", "action", "poster")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data):
        self.text.append(data)


def read(folder, data):
    write_report(data, folder / "report.html")
    outline = Outline()
    outline.feed((folder / "report.html").read_text(encoding="utf-8"))
    outline.close()
    assert outline.open == []
    return outline


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return read(folder, report_data(picture=picture(folder / "picture.png")))


def test_nothing_is_asked_of_a_server(full, tmp_path):
    assert all(s.startswith("data:image/") for s in full.sources)
    assert full.tags.isdisjoint({"script", "link", "iframe", "object", "form"})
    assert all(link.startswith(("#", "lake/clips/")) for link in full.links)
    write_report(report_data(), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert re.search(r"url\(|@import", text.replace("url(#", "")) is None


def test_contents_lead_to_sections(full):
    inner = [link[1:] for link in full.links if link.startswith("#")]
    assert inner == ["funnel", "classes", "mining", "kept", "rejected", "pretraining", "time", "paths"]
    assert set(inner) <= full.ids


def test_what_a_stranger_wrote_is_text(full):
    assert "<script>alert('a stranger wrote this')</script>" in full.text
    assert "script" not in full.tags


def test_numbers_are_shown(full):
    text = re.sub(r"\s+", " ", "".join(full.text))
    for shown in ("0.972", "0.884", "471 of 600 posts, 78 %", "margin −0.0421 against 0.025", "4 min 17 s", "#gymtok",
                  "0.75 of that of predicting each patch's mean"):  # fmt: skip
        assert shown in text


def test_sections_without_rows_are_left_out(tmp_path):
    empty = {"notes": (), "funnel": (), "classes": (), "score": None, "rounds": (), "tags": (), "kept": (),
             "rejected": (), "seconds": {}, "pretraining": None, "paths": {}}  # fmt: skip
    outline = read(tmp_path, dataclasses.replace(report_data(), **empty))
    assert (outline.links, outline.sources, outline.tags & {"section", "table", "svg"}) == ([], [], set())


def test_a_stage_that_nothing_reached_is_shown(tmp_path):
    stages = [page.FunnelStage(stage="mine", unit="posts", num_in=0, num_kept=0)]
    outline = read(tmp_path, dataclasses.replace(report_data(), funnel=stages))
    assert "0" in outline.text
    assert " of 0 posts, 0 %" in outline.text


def test_all_386_classes_fit(tmp_path):
    outline = read(tmp_path, dataclasses.replace(report_data(), classes=class_counts(386)))
    assert sum("Shadow boxing" in t for t in outline.text) >= 386 // 24


def test_the_same_rows_give_the_same_page(tmp_path):
    for name in ("one", "two"):
        write_report(report_data(), tmp_path / name / "report.html")
    assert (tmp_path / "one/report.html").read_bytes() == (tmp_path / "two/report.html").read_bytes()
    assert [f.name for f in (tmp_path / "one").iterdir()] == ["report.html"]


def test_examples_in_docstrings_hold():
    assert doctest.testmod(page).failed == 0
