"""docs/field-tests.md, from the tests in tests/field.

`python -m tests.docs.field_page` writes it.
"""

from itertools import groupby
from pathlib import Path

from tests.field.situations import Situation, situations

PAGE = Path(__file__).parents[2] / "docs" / "field-tests.md"
HEAD = """# What people bring

Made by `make docs` from the tests in `tests/field`. Each row is a situation that somebody met with this or a comparable
tool, and the test that holds what should come of it. `pytest tests/field` runs them.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for kind, of_kind in groupby(situations(), key=lambda one: one.kind):
        parts += [f"\n## {kind}\n", "| given | wanted | held by |", "| --- | --- | --- |", *map(_row, of_kind)]
    return "\n".join(parts) + "\n"


def _row(one: Situation) -> str:
    reported = f", reported in {one.thread}" if one.thread else ""
    given, wanted = (text.replace("|", "\\|") for text in (one.given, one.wanted))
    return f"| {given}{reported} | {wanted} | `tests/field/{one.test}` |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
