"""A lake: one folder with all facts, decisions and versions. Made once, found by flag, environment or place."""

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from h2a_curation.foundation import json_file
from h2a_curation.lake import files, layout, salts

FORMAT = 2
"""Format 1 had the salt of the pseudonyms in `lake.json` itself."""
_NO_SECRET = "sample-world"
"""The salt of a lake that hides nobody: the same rows in each, since its creators are invented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lake:
    """A lake's folder and what its `lake.json` says."""

    path: Path
    salt_id: str
    """Which salt makes the pseudonyms, by its hash; empty where creators are invented, and need none."""

    @property
    def hides_people(self) -> bool:
        """Whether pseudonyms take a secret; those of a sample world need none."""
        return bool(self.salt_id)

    def pseudonym(self, creator: str) -> str:
        """The same creator has the same pseudonym in one lake, and another in the next.

        ValueError where the lake was copied without its salt.
        """
        key = _salt(self.path, self.salt_id) if self.hides_people else _NO_SECRET
        return blake2b(creator.encode(), key=key.encode()[:64], digest_size=8).hexdigest()

    def check_salt(self) -> None:
        """ValueError where no pseudonym can be made: asked before work whose rows name creators."""
        self.pseudonym("")

    def media_file(self, media_id: str) -> Path:
        """Where a fetched file lies. ValueError for an id that is no sha256, as a row of a received lake may hold."""
        return self.path / layout.media_file(media_id)

    def clip_file(self, clip_id: str) -> Path:
        """Where a cut clip lies. ValueError for an id that is no sha256, as a row of a received lake may hold."""
        return self.path / layout.clip_file(clip_id)


def create(path: Path, *, hides_people: bool = True) -> Lake:
    """Open the lake at `path` for writing, or make one there, with a secret salt beside it if it `hides_people`.

    Of several that make it at once all get the same lake, and one that was killed while it was made is begun again.
    ValueError where the folder holds something else, and for real people in a lake that hides nobody.
    """
    path = path.expanduser()
    if not (path / layout.LAKE_FILE).exists():
        _begin(path, hides_people)
    files.sweep(path)
    made = _without_salt(open_lake(path))
    if hides_people and not made.hides_people:
        raise ValueError(
            f"{path} holds a sample world, whose creators are invented, so that its pseudonyms would hide nobody: name"
            " a new folder with --lake"
        )
    return made


def _begin(path: Path, hides_people: bool) -> None:
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file: name a new folder or a lake")
    # Another program may be making it at this moment: then what it writes aside is there, or the file by now.
    if path.exists() and any(entry.name not in (layout.UNFINISHED, layout.LAKE_FILE) for entry in path.iterdir()):
        raise ValueError(f"{path} is not empty and holds no lake.json: name a new folder or a lake")
    path.mkdir(parents=True, exist_ok=True)
    salt_id = salts.begin(path.resolve()) if hides_people else ""
    files.begin_file(path, path / layout.LAKE_FILE, _as_bytes(salt_id))


def _without_salt(lake: Lake) -> Lake:
    """Move the salt of an old lake out of it. Killed in between, the next one finds the salt in both places."""
    if (salt := _content(lake.path).get("salt")) is not None:
        if lake.hides_people:
            salts.begin(lake.path, salt)
        files.replace_file(lake.path, lake.path / layout.LAKE_FILE, _as_bytes(lake.salt_id))
    return lake


def open_lake(path: Path) -> Lake:
    """The lake at `path`, for reading; ValueError where there is none or it is of a newer program."""
    path = path.expanduser()
    content = _content(path)
    if content["format"] > FORMAT:
        raise ValueError(f"{path} was written by a newer h2a (format {content['format']}): upgrade this one")
    return Lake(path=path.resolve(), salt_id=_salt_id(content))


def _content(path: Path) -> dict[str, Any]:
    """What `lake.json` says; ValueError where there is none or it is damaged."""
    file = path / layout.LAKE_FILE
    try:
        content = json_file.read(file)
    except (FileNotFoundError, NotADirectoryError) as missing:
        raise ValueError(
            f"{path} is not a lake (no lake.json): check --lake, or make one with `h2a build`"
        ) from missing
    except ValueError as broken:
        raise ValueError(f"{file} is damaged: restore it from a backup") from broken
    is_whole = isinstance(content, dict) and isinstance(content.get("format"), int)
    # A newer program's content may be another: it is refused for its format, not for what it holds.
    if not is_whole or (
        content["format"] <= FORMAT and not isinstance(content.get("salt", content.get("salt_id")), str)
    ):
        raise ValueError(f"{file} is damaged: restore it from a backup")
    return dict(content)


def _salt_id(content: dict[str, Any]) -> str:
    salt = content.get("salt")
    if salt is None:
        return str(content["salt_id"])
    return "" if salt == _NO_SECRET else salts.id_of(salt)


def _as_bytes(salt_id: str) -> bytes:
    return json.dumps({"format": FORMAT, "salt_id": salt_id}).encode()


@lru_cache(maxsize=64)
def _salt(path: Path, salt_id: str) -> str:
    """The salt of this id, read once a process: an old lake that nothing was written to since holds it itself."""
    salt = _content(path).get("salt")
    return str(salt) if salt is not None and salts.id_of(salt) == salt_id else salts.read(path, salt_id)


def find(given: Path | None) -> Lake:
    """The lake named by the user, else `$H2A_LAKE`, else the nearest folder upwards with a `lake.json`; for reading."""
    if given is not None:
        return open_lake(given)
    if "H2A_LAKE" in os.environ:
        return open_lake(Path(os.environ["H2A_LAKE"]))
    here = Path.cwd()
    for folder in [here, *here.parents]:
        if (folder / layout.LAKE_FILE).exists():
            return open_lake(folder)
    raise ValueError("no lake here: name one with --lake or set H2A_LAKE")


def find_to_write(given: Path | None) -> Lake:
    """As `find`, for a command that adds rows: the salt of an old lake is moved out of it."""
    return _without_salt(find(given))
