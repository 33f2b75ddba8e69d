"""docs/field-tests.md is the tests of tests/field."""

from collections import Counter

from tests.docs import field_page
from tests.field.situations import field_tests, situations


def test_the_page_of_field_tests_is_the_tests():
    assert field_page.PAGE.read_text(encoding="utf-8") == field_page.page(), "run make docs"


def test_every_field_test_says_which_situation_it_is():
    assert not [test.__name__ for test in field_tests() if not hasattr(test, "situation")]


def test_no_situation_is_told_twice():
    twice = Counter((one.kind, one.given, one.wanted) for one in situations())
    assert not [told for told, count in twice.items() if count > 1]
