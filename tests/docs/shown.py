"""What the pages show of a default quickstart: `python -m tests.docs.shown LAKE` writes it into them anew."""

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from h2a_curation.catalog import render
from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.lake import decisions

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_SHOWN = re.compile(r"^```(sql|sh)\n([^`]*?)^```\n\n```text\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Shown:
    """A query of a page, and the answer that stands under it."""

    page: Path
    sql: str
    answer: str


def shown() -> list[Shown]:
    """Every query with an answer under it, as a block of SQL or as the command that asks it."""
    return [
        Shown(page, _query(language, text), answer)
        for page in PAGES
        for language, text, answer in _SHOWN.findall(page.read_text(encoding="utf-8"))
    ]


def opened(lake: Path) -> Catalog:
    """A lake with its newest decision, as `h2a sql` opens it."""
    decision = decisions.newest(lake)
    assert decision
    return connect(lake, models=decisions.about(decision)["models"], decision=decision)


def answered(catalog: Catalog, sql: str) -> str:
    """As `h2a sql` prints it."""
    return render.as_bytes(render.answer(catalog, sql), "table").decode()


def _query(language: str, text: str) -> str:
    return text if language == "sql" else next(w for w in shlex.split(text) if re.match("SELECT|FROM", w))


def main() -> None:
    catalog = opened(Path(sys.argv[1]))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        new = _SHOWN.sub(lambda m: f"```{m[1]}\n{m[2]}```\n\n```text\n{answered(catalog, _query(m[1], m[2]))}```", text)
        if new != text:
            page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
