"""CSV that people open in a spreadsheet: no cell is taken for a formula, and what we read back is what stood there.

OWASP, "CSV Injection", names the beginnings; the wide signs are what East Asian keyboards write for them.
"""

import csv
import re
from collections.abc import Iterable, Sequence

_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What a spreadsheet would compute; with apostrophes before it, what would be taken for one that was made harmless."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """The rows as CSV; in a text cell that a spreadsheet would compute, an apostrophe stands first."""
    lines = _Lines()
    csv.writer(lines).writerows([_harmless(cell) for cell in row] for row in rows)
    return "".join(lines)


class _Lines(list[str]):
    """Takes the writer's lines, which end in CR and LF: only then does it put quotes around a cell with either."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def cell_text(cell: str) -> str:
    """The text of a cell that `csv_text` wrote, or anybody else.

    >>> cell_text("'=1+1"), cell_text("'tis"), cell_text("-1.5")
    ('=1+1', "'tis", '-1.5')
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _harmless(cell: object) -> object:
    is_taken = isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_taken else cell
