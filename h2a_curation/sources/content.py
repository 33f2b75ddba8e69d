"""What a table or a folder holds, in one word: it is read anew when the word is another."""

import os
from collections.abc import Iterator
from hashlib import blake2b, file_digest
from pathlib import Path

from h2a_curation.sources.rules import SourceRules
from h2a_curation.sources.sidecars import walk

_DIGEST_BYTES = 16
_HALF_DONE = (".part", ".ytdl")
"""Endings of what a downloader is at work on."""


def content_of(rules: SourceRules) -> str:
    """The fingerprint of the recipe's table or folder by now; empty for a source that is asked by hashtag, and where
    there is no such file.
    """
    if rules.by_tag or rules.file is None or not rules.file.exists():
        return ""
    return of_folder(rules.file) if rules.file.is_dir() else of_table(rules.file)


def of_table(file: Path) -> str:
    """The fingerprint of a file's bytes."""
    with file.open("rb") as opened:
        return file_digest(opened, lambda: blake2b(digest_size=_DIGEST_BYTES)).hexdigest()


def of_folder(folder: Path) -> str:
    """The fingerprint of the folder's files: of the name, size and time of each that is not hidden or half done.

    Which endings are media or sidecars is not asked: a file beside them costs a look at names, and brings no post.
    """
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for line in sorted(_files(folder)):
        digest.update(line)
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[bytes]:
    """A line for each file where videos are looked for."""
    for path, names in walk(folder):
        for name in names:
            if name.startswith(".") or name.endswith(_HALF_DONE) or ".temp." in name:
                continue
            file = path / name
            try:
                about = file.stat()
            except OSError:  # it went meanwhile, or a link leads nowhere
                continue
            place = file.relative_to(folder)
            yield os.fsencode(f"{place}\0{about.st_size}\0{about.st_mtime_ns}\0")
