"""docs/recipe.md and the signals of docs/sql.md are the dataclasses and their docstrings."""

import dataclasses

import pytest

from h2a_curation.decide.decision import DecideRules
from h2a_curation.decide.screen import ClipRules
from h2a_curation.measure.sense import SIGNALS
from tests.docs import recipe_page


def test_the_recipe_page_is_the_dataclasses():
    assert recipe_page.PAGE.read_text(encoding="utf-8") == recipe_page.page(), "run make docs"


def test_the_signals_of_the_sql_page_are_the_table_of_signals():
    text = recipe_page.SQL_PAGE.read_text(encoding="utf-8")
    assert text == recipe_page.with_signals(text), "run make docs"


KEYS = [
    pytest.param(kind, field, id=f"{place}.{field.name}".lstrip("."))
    for place, kind in recipe_page.kinds()
    for field in dataclasses.fields(kind)
]


@pytest.mark.parametrize(("kind", "field"), KEYS)
def test_every_key_of_a_recipe_says_what_it_does(kind, field):
    assert recipe_page.text_of(kind, field.name).endswith((".", "...")), "write a docstring below the field"


@pytest.mark.parametrize(
    ("kind", "field"),
    [p for p in KEYS if hasattr(p.values[0], "named") and p.values[1].name.startswith(("min_", "max_"))],
)
def test_every_limit_gives_a_reason_and_has_a_unit(kind, field):
    inputs_of_a_rule = {"max_shift"}  # how far copies are aligned before their distance is taken
    assert recipe_page.gives(kind, field.name) or field.name in inputs_of_a_rule, "no rule of named() compares with it"
    assert recipe_page.unit(kind, field), "name the unit: in the field's name, or with metadata=unit(...)"


def test_every_kind_of_rule_and_signal_is_on_the_page():
    text = recipe_page.page()
    for place in ("decide.post", "decide.clip", "decide.validate", "decide.dedup", "decide.select", "source.settings"):
        assert f"\n## {place}\n" in text
    reasons = {reason for reason in DecideRules().blames() if f"| `{reason}` |" not in text}
    assert not reasons
    row = "| `max_age_days` | days | `off` | `too_old` | post | "
    assert row in text
    assert "| `too_old` | `date_diff('second', posted_at, seen_at) / 86400` > `max_age_days` | post |" in text


def test_the_limits_on_signals_and_the_table_of_signals_name_each_other():
    names = {signal.name for signal in SIGNALS}
    held = {
        rule.value: field.name
        for field in dataclasses.fields(ClipRules)
        if recipe_page.is_limit(ClipRules, field.name)
        for rule in recipe_page.gives(ClipRules, field.name)
    }
    named = {signal.name: signal.rule for signal in SIGNALS if signal.rule}
    by_signal = {n: limit for value, limit in held.items() for n in names if n in recipe_page.words(value)}
    assert by_signal == named
