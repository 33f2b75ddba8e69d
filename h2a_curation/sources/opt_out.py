"""Who asks to be left alone: by a list that the user keeps, or by a mark on the post."""

from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from h2a_curation.sources.addresses import without_handle
from schemas import Post

MARKS = frozenset(
    {"donotdownload", "donottrain", "noai", "noaitraining", "nodatamining", "nodownload", "noscraping", "notdm"}
)
"""Hashtags, normalised, by which creators say that a post is not to be taken."""


class OptOuts:
    """Posts and creators to leave alone."""

    def __init__(
        self,
        entries: Iterable[str] = (),
        *,
        by_marks: bool = True,
        pseudonym: Callable[[str], str] | None = None,
    ) -> None:
        """`entries`: addresses of posts or creators, post ids (with or without the source's name), creators' names.

        With `pseudonym`, the lake's, a creator is known by the hash in its rows as well.
        """
        entries = list(entries)
        self._names = {_name(entry) for entry in entries}
        if pseudonym is not None:
            self._names |= {pseudonym(spelt.removeprefix("@")) for e in entries for spelt in (e, _name(e))}
        self._by_marks = by_marks

    @classmethod
    def read(cls, *files: Path | None, by_marks: bool, pseudonym: Callable[[str], str] | None) -> "OptOuts":
        """From files with an entry a line; empty lines and those that start with `#` are for the reader."""
        entries: list[str] = []
        for file in filter(None, files):
            try:
                lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(
                    f"{file}: the opt-out list cannot be read ({error}); mend it, or leave it out"
                ) from None
            entries += [line for line in lines if line and not line.startswith("#")]
        return cls(entries, by_marks=by_marks, pseudonym=pseudonym)

    def reason(self, post: Post) -> str:
        """Why the post is to be left alone; empty where nobody asked."""
        own_id = post.post_id.partition(":")[2]
        if self._names & {_name(post.post_id), _name(own_id), _name(post.url)}:
            return "the post is on the opt-out list"
        if post.creator is not None and _name(post.creator) in self._names:
            return "the creator is on the opt-out list"
        if self._by_marks and (marks := MARKS.intersection(post.hashtags)):
            return f"marked #{min(marks)}"
        return ""


def _name(entry: str) -> str:
    """One spelling: addresses without scheme, query and what differs by habit; creators without `@`."""
    entry = without_handle(entry.strip())
    if "://" not in entry:
        return entry.removeprefix("@").casefold()
    parts = urlsplit(entry)
    path = parts.path.rstrip("/")
    if path.startswith("/@") and "/" not in path[2:]:
        return path[2:].casefold()
    query = f"?{parts.query}" if parts.path == "/watch" else ""
    return f"{parts.netloc.removeprefix('www.')}{path}{query}".casefold()
