"""A lake: one folder with all facts, decisions and versions. Made once, found by flag, environment or place."""

import json
import os
import secrets
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from h2a_curation.foundation import json_file
from h2a_curation.lake import files, layout

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lake:
    """A lake's folder and what its `lake.json` says."""

    path: Path
    salt: str
    """Secret with which creators' ids become pseudonyms."""

    def pseudonym(self, creator: str) -> str:
        """The same creator has the same pseudonym in one lake, and another in the next."""
        return blake2b(creator.encode(), key=self.salt.encode()[:64], digest_size=8).hexdigest()

    def media_file(self, media_id: str) -> Path:
        """Where a fetched file lies. ValueError for an id that is no sha256, as a row of a received lake may hold."""
        return self.path / layout.media_file(media_id)

    def clip_file(self, clip_id: str) -> Path:
        """Where a cut clip lies. ValueError for an id that is no sha256, as a row of a received lake may hold."""
        return self.path / layout.clip_file(clip_id)


def create(path: Path, salt: str | None = None) -> Lake:
    """Open the lake at `path` for writing, or make one there; `salt` is for fictional creators, else it is random.

    Of several that make it at once all get the same lake, and one that was killed while it was made is begun again.
    ValueError where the folder holds something else.
    """
    path = path.expanduser()
    if (path / layout.LAKE_FILE).exists():
        files.sweep(path)
        return open_lake(path)
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file: name a new folder or a lake")
    # Another program may be making it at this moment: then what it writes aside is there, or the file by now.
    if path.exists() and any(entry.name not in (layout.UNFINISHED, layout.LAKE_FILE) for entry in path.iterdir()):
        raise ValueError(f"{path} is not empty and holds no lake.json: name a new folder or a lake")
    path.mkdir(parents=True, exist_ok=True)
    content = {"format": FORMAT, "salt": salt or secrets.token_hex(16)}
    files.begin_file(path, path / layout.LAKE_FILE, json.dumps(content).encode())
    return open_lake(path)


def open_lake(path: Path) -> Lake:
    """The lake at `path`; ValueError where there is none or it is of a newer program."""
    path = path.expanduser()
    try:
        content = json_file.read(path / layout.LAKE_FILE)
    except (FileNotFoundError, NotADirectoryError) as missing:
        raise ValueError(
            f"{path} is not a lake (no lake.json): check --lake, or make one with `h2a build`"
        ) from missing
    except ValueError as broken:
        raise ValueError(f"{path / layout.LAKE_FILE} is damaged: restore it from a backup") from broken
    is_whole = isinstance(content, dict) and isinstance(content.get("format"), int)
    if not is_whole or not isinstance(content.get("salt"), str):
        raise ValueError(f"{path / layout.LAKE_FILE} is damaged: restore it from a backup")
    if content["format"] > FORMAT:
        raise ValueError(f"{path} was written by a newer h2a (format {content['format']}): upgrade this one")
    return Lake(path=path.resolve(), salt=content["salt"])


def find(given: Path | None) -> Lake:
    """The lake named by the user, else `$H2A_LAKE`, else the nearest folder upwards with a `lake.json`."""
    if given is not None:
        return open_lake(given)
    if "H2A_LAKE" in os.environ:
        return open_lake(Path(os.environ["H2A_LAKE"]))
    here = Path.cwd()
    for folder in [here, *here.parents]:
        if (folder / layout.LAKE_FILE).exists():
            return open_lake(folder)
    raise ValueError("no lake here: name one with --lake or set H2A_LAKE")
