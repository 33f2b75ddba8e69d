"""A cell of ours is text to a spreadsheet, and the same text again to us."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_curation.foundation.csv_text import cell_text, csv_text

BEGINNINGS = "=+-@\t\r＝＋－＠"  # what East Asian keyboards write
TRICKY = "'=+-@\t\r\n1.5e,;\"\u2028\uff1d"
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.text(st.sampled_from(TRICKY))


def read(text):
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ('=HYPERLINK("http://x.example")', '\'=HYPERLINK("http://x.example")'),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("@jane", "'@jane"),
        ("-yoga", "'-yoga"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("＝1+1", "'＝1+1"),
        ("'=1", "''=1"),
        ("-1.5", "-1.5"),
        ("+4e-3", "+4e-3"),
        ("-1.5+A1", "'-1.5+A1"),
        ("'tis", "'tis"),
        ("a=1", "a=1"),
        (-1.5, "-1.5"),
        (-7, "-7"),
        ("", ""),
    ],
)
def test_a_cell_is_no_formula_and_a_number_stays_one(cell, written):
    assert read(csv_text([[cell, "x"]])) == [[written, "x"]]


@given(st.lists(st.lists(CELLS, min_size=2, max_size=3), min_size=1))
def test_what_was_written_is_read_again(rows):
    found = read(csv_text(rows))
    assert [[cell_text(cell) for cell in row] for row in found] == rows
    for cell in (cell for row in found for cell in row if cell[:1] in BEGINNINGS and cell):
        float(cell)
