"""Text of others is shown to people as it is, but for what they would not see or a terminal would obey."""

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from h2a_curation.foundation.plain_text import abridged, visible, visible_json
from h2a_curation.foundation.screen import screen
from h2a_curation.foundation.terminal import remark, say

ANYTHING = st.text(st.characters(codec=None))
"""Halves of characters among it, as names of files give them."""
JOINERS = {"\u200c", "\u200d"}
VISIBLE_SIGNS = {"Cf"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b]0;pwned\x07", "\\x1b]0;pwned\\x07"),
        ("\x1b[2J\x9b31m\x7f", "\\x1b[2J\\x9b31m\\x7f"),
        ("over\rwritten", "over\\rwritten"),
        ("exe\u202e4pm.", "exe\\u202e4pm."),
        ("\u2066a\u2069", "\\u2066a\\u2069"),
        ("pay\u200bpal pay\u2060pal \ufeff", "pay\\u200bpal pay\\u2060pal \\ufeff"),
        ("pay\u200dpal", "pay\\u200dpal"),
        ("\U000e0041", "\\U000e0041"),
        ("a\u2028b", "a\\u2028b"),
        ("\udcff.mp4", "\\udcff.mp4"),
        ("Übung 体操 💪🏽 #тяга", "Übung 体操 💪🏽 #тяга"),
        ("👨‍👩‍👧 می‌خواهم", "👨‍👩‍👧 می‌خواهم"),
        ("e\u0301 ‏", "e\u0301 \\u200f"),
    ],
)
def test_what_is_not_seen_is_an_escape(text, shown):
    assert visible(text) == shown


@given(ANYTHING)
def test_nothing_visible_is_a_command(text):
    shown = visible(text)
    assert visible(shown) == shown
    assert not {unicodedata.category(c) for c in shown if c not in "\t\n"} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200B, 0xFEFF])) & set(shown)
    shown.encode()


@given(st.lists(st.text()))
def test_json_gives_the_text_back(texts):
    shown = visible_json(json.dumps(texts, ensure_ascii=False))
    assert json.loads(shown) == texts
    assert visible(shown) == shown


@given(ANYTHING)
def test_a_screen_sends_nothing_of_what_others_wrote(text):
    out = io.StringIO()
    console = screen(file=out, width=60, force_terminal=True)
    console.print(text, style="yellow")
    table = Table(text, title=text, box=None)
    table.add_row(text)
    table.add_row(Text(text, style="bold"))
    console.print(table)
    console.print(Text(text))
    own = out.getvalue().replace("\x1b[", "")  # its own colours
    assert not {c for c in own if unicodedata.category(c) in ("Cc", "Cs") and c != "\n"}


def test_brackets_and_colons_are_letters_of_a_screen():
    out = io.StringIO()
    screen(file=out, width=60).print("[link=https://x.example]a[/link] :smile: [bold]b[/]")
    assert out.getvalue() == "[link=https://x.example]a[/link] :smile: [bold]b[/]\n"


def test_lines_of_a_command_are_visible(capsys):
    say("a\x1b[2J \udcff")
    remark("b\x9b")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("a\\x1b[2J \\udcff\n", "b\\x9b\n")


def test_the_middle_of_a_word_without_end_is_left_out():
    assert abridged(f"no class {'9' * 100_000}, see docs") == f"no class {'9' * 300}…{'9' * 99}, see docs"
    path = "/".join(["a" * 60] * 16)
    assert abridged(f"{path}: there is no such file") == f"{path}: there is no such file"
