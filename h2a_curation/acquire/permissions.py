"""What whoever runs a command permits, and a recipe cannot: a recipe, and the lake that names it, may be anyone's."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """Each field with a `help` is an option of the commands that fetch. None of them is remembered by a lake."""

    allow_private: bool = field(
        default=False,
        metadata={
            "help": "Fetch from hosts of private networks too, and of this machine.",
            "flag": "--allow-private",
        },
    )
    files_from: Path | None = field(
        default=None,
        metadata={"help": "Let a table or a folder of downloads name files below this folder too."},
    )
    hard_link: bool = field(
        default=False,
        metadata={
            "help": "Share the bytes of a folder's files with the lake, where both are on one disk.",
            "flag": "--hard-link",
        },
    )
    sites: tuple[str, ...] = ()
    """Addresses of sites that the program itself serves: the sample world's."""
