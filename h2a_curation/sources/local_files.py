"""Files of this machine that a table or a folder names, and why one of them is not taken."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.foundation.files_below import open_below


def opened(folders: Sequence[Path], path: Path) -> IO[bytes]:
    """The file, opened to be read. FetchError where there is none, and for what lies outside of the folders."""
    try:
        return open_below(folders, path)
    except ValueError as elsewhere:
        raise FetchError(
            ErrorKind.NOT_PERMITTED, f"{elsewhere}: if you mean that file, add --files-from and its folder"
        ) from None
    except OSError as failed:
        raise FetchError(ErrorKind.GONE, f"no file {path}: {failed.strerror or 'there is none'}") from None
