"""The lake's log: what nobody expected, with its trace, for people who look for the cause."""

import traceback
from datetime import UTC, datetime
from pathlib import Path

from h2a_curation.foundation.atomic_files import append
from h2a_curation.foundation.plain_text import visible
from h2a_curation.foundation.secret_text import hidden
from h2a_curation.lake import layout


def note(lake: Path, stage: str, item: str, error: BaseException, *, trace: bool = True) -> None:
    """Add an error to the stage's log: when, at which item, and where in the code."""
    said = "".join(traceback.format_exception(error)) if trace else f"{type(error).__name__}: {error}\n"
    entry = f"--- {datetime.now(UTC).isoformat(timespec='seconds')} {stage} {item}\n{said}"
    append(lake, lake / layout.log(stage), visible(hidden(entry)).encode("utf-8", "replace"))
