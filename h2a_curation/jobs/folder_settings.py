"""What a folder of results was made of: written once, and compared by every call that goes on in it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2a_curation.foundation import json_file
from h2a_curation.foundation.atomic_files import make_folder, replaced
from h2a_curation.videomae.evaluate.parts import Parts
from h2a_curation.videomae.loop.settings import as_json, differences

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_TOLD = 3
"""Differences that are told: the first ones say enough."""


def agree(file: Path, settings: "DataclassInstance", *, rows: str, plural: str, other: str) -> None:
    """Write the settings, or see that the file holds the same ones.

    `rows` is the table that the folder grows; `plural` and `other` say what the folder holds, such as `features` and
    `other features`. ValueError in one line where it holds rows without settings, damaged ones, or others.
    """
    out = file.parent
    if file.exists():
        check_same(f"{out} holds {other}", stored(file), settings)
        return
    if Parts(out).files(rows):
        raise ValueError(f"{out} holds {plural} without {file.name}, which says of what: choose another --out")
    make_folder(out, out)
    write(file, as_json(settings))


def stored(file: Path) -> Any:
    """What the file holds; ValueError in one line where it is damaged."""
    try:
        return json_file.read(file)
    except ValueError as broken:
        raise ValueError(f"{file} is damaged: choose another --out, or remove this folder") from broken


def check_same(holds: str, found: Any, settings: "DataclassInstance") -> None:
    """ValueError that begins with `holds` and names what differs, where anything does."""
    if differing := differences(found, settings):
        shown = ", ".join(difference.says for difference in differing[:_TOLD])
        raise ValueError(f"{holds} ({shown}): choose another --out")


def write(file: Path, content: Any) -> None:
    """Write JSON to its place, whole or not at all."""
    with replaced(file.parent, file) as opened:
        opened.write((json.dumps(content, indent=2) + "\n").encode())
