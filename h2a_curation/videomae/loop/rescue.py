"""What gets a run past a place where it cannot go on as it is."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """Where a run begins, and what it leaves out. Each field that has a help here is an option of training."""

    skip_clips: Path | None = field(
        default=None,
        metadata={"help": "A file of clip ids, one a line; the next clip of the epoch stands in for each."},
    )
    branch_from: Path | None = field(
        default=None, metadata={"help": "A run's folder or checkpoint, of which a run in a new folder is to go on."}
    )
    start_from: Path | None = None
    """A checkpoint of any layout whose weights pretraining begins with, in place of those that it would draw."""
