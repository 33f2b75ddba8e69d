"""Write the sheet that people fill in: what to look at, and the question, but nothing of what was decided."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from h2a_curation.audit.pairs import Pair
from h2a_curation.foundation.csv_text import csv_text
from h2a_curation.lake import layout

COLUMNS = ("post_id", "class_id", "definition", "url", "file", "shows")


def sheet(pairs: Iterable[Pair], definitions: Mapping[str, str], lake: Path, *, again: bool = False) -> tuple[str, int]:
    """The sheet as CSV, and the number of its questions.

    The questions are those without an answer, or all of them if `again`. Their order has nothing to do with rounds,
    classes or verdicts: somebody who answers the first hundred has answered a random hundred.
    """
    questions = [pair for pair in pairs if again or pair.shows is None]
    rows: list[Sequence[str]] = [COLUMNS]
    for pair in sorted(questions, key=_place):
        file = str(lake / layout.media_file(pair.media_id))
        rows.append([pair.post_id, pair.class_id, definitions.get(pair.class_id, ""), pair.url, file, ""])
    return csv_text(rows), len(questions)


def _place(pair: Pair) -> tuple[bytes, bytes]:
    """Place of a question in the sheet: questions about one post stand together, so that people watch it once."""
    return _hash(pair.post_id), _hash(f"{pair.post_id} {pair.class_id}")


def _hash(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16, person=b"sheet").digest()
