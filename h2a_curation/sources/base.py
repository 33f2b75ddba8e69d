"""What every place that posts come from offers: listings by tag, and files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schemas import Post


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a page cost: requests made and bytes that came, never seconds."""

    num_requests: int
    num_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a listing."""

    posts: list[Post]
    """Each once, in the listing's order."""
    next_cursor: str | None
    """None: the listing ends here."""
    cost: Cost


class Source(Protocol):
    """Safe to call from several threads."""

    @property
    def name(self) -> str:
        """The prefix of its posts' ids."""
        ...

    def check(self) -> None:
        """ValueError when this source cannot work as it is configured; no network request."""
        ...

    def search(self, tag: str, cursor: str) -> Page:
        """One page of the tag's listing; `""` is the first. Raises FetchError."""
        ...

    def fetch(self, post: Post, target: Path) -> None:
        """Write the post's file to `target`, which is not there yet. Raises FetchError; may leave a part behind."""
        ...
