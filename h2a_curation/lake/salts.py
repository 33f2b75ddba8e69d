"""The salt of a lake's pseudonyms: a secret in a file beside the lake, so that whoever is given the lake has no names.

    lakes/mine/          the lake, which knows its salt by a hash of it (`salt_id` in lake.json)
    lakes/mine.salt      the salt: one line, which its owner alone may read

All machines that work on a lake need the same salt. Where they do not see the folder above the lake, or may not write
there, $H2A_SALT_FILE names the file.
"""

import os
import secrets
from hashlib import blake2b
from pathlib import Path

from h2a_curation.foundation.atomic_files import keep_first, scratch, synced
from h2a_curation.lake import layout

VARIABLE = "H2A_SALT_FILE"
"""Names the file with the salt, in place of the one beside the lake."""
_LEAST_CHARACTERS = 16
"""A shorter salt could be guessed, and by it each creator whose name is guessed too."""


def file_of(lake: Path) -> Path:
    """The file that holds the lake's salt, or is to hold it. ValueError where $H2A_SALT_FILE names one in the lake."""
    named = os.environ.get(VARIABLE)
    file = Path(named).expanduser().resolve() if named else lake.parent / f"{lake.name}.salt"
    if file.is_relative_to(lake):
        raise ValueError(f"the salt {file} would lie in its lake, and go with it: name another file in ${VARIABLE}")
    return file


def id_of(salt: str) -> str:
    """What a lake keeps of its salt: a hash, by which another lake's salt is told from its own."""
    return blake2b(salt.encode(), digest_size=8, person=b"salt").hexdigest()


def begin(lake: Path, salt: str | None = None) -> str:
    """Have a file with the lake's salt: `salt`, or else one that lies there already, or else a new one. Returns its id.

    Of several that begin at once all go on with the first one's. ValueError where none can be kept there, where what
    lies there is too short, or is another one than `salt`.
    """
    file = file_of(lake)
    for folder in file.parents:
        if (folder / layout.LAKE_FILE).exists():
            raise ValueError(
                f"the salt of {lake} would lie in the lake {folder}, and go with it: name another file in ${VARIABLE}"
            )
    try:
        if not file.exists():
            _write(file, salt or secrets.token_hex(16))
        found = _text(file)
    except OSError as fault:
        raise ValueError(
            f"the salt of {lake} cannot be kept in {file} ({fault.strerror}): name a file that you may write in"
            f" ${VARIABLE}, the same for all machines that work on this lake"
        ) from fault
    if salt is None and len(found) < _LEAST_CHARACTERS:
        raise ValueError(f"{file} is to hide creators' names and holds {len(found)} characters: remove it, or write 32")
    if salt is not None and found != salt:
        raise ValueError(f"{file} holds another lake's salt: move it to where that lake is, then try again")
    return id_of(found)


def read(lake: Path, salt_id: str) -> str:
    """The lake's salt. ValueError in one line where it is not there, cannot be read, or is another lake's."""
    file = file_of(lake)
    remedy = f"copy it from beside the lake that this one was copied or moved from, or name it in ${VARIABLE}"
    try:
        salt = _text(file)
    except FileNotFoundError as missing:
        raise ValueError(
            f"{file} is missing, without which no creator of {lake} has a pseudonym: {remedy}; all that only reads the"
            " lake does without"
        ) from missing
    except OSError as fault:
        raise ValueError(f"{file}, the salt of {lake}, cannot be read ({fault.strerror}): {remedy}") from fault
    if id_of(salt) != salt_id:
        raise ValueError(f"{file} holds another salt than that of {lake}: {remedy}")
    return salt


def _text(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "replace").strip()


def _write(file: Path, salt: str) -> None:
    """Write the file whole, unless another is quicker: it has its name once it is on disk."""
    with scratch(file.parent, prefix=f".{file.name}-") as aside:
        with synced(aside / file.name) as opened:
            os.fchmod(opened.fileno(), 0o600)
            opened.write(f"{salt}\n".encode())
        keep_first(file.parent, aside / file.name, file)
