"""What every place that posts come from offers (listings by tag, and files), and what the build gives to each."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.acquire.permissions import Permissions
from h2a_curation.sources.politeness.pace import OF_PROCESS, Hosts, Pace
from h2a_curation.sources.reach import Reach
from schemas import Post

PREFERRED_LINES = 720
"""Height of the picture that is fetched where a site has several: training reads 224 px, and more costs more."""


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
    odd: Mapping[str, int] = field(default_factory=dict)
    """Number of entries of the page that are no posts, by kind."""
    errors: Sequence[Exception] = ()
    """What arose at entries that nobody could read, for the log."""
    content: str = ""
    """Fingerprint of the table or folder that the page is of, as `sources/content.py` gives it; empty for a site's."""


def utc_now() -> datetime:
    """The time on this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """What the build gives to every source beside its rules: nothing here can be said by a recipe's `source`."""

    limits: FetchRules = field(default_factory=FetchRules)
    """Bytes of a file, seconds of one call, seconds of silence, and the longest pause that is waited for."""
    clock: Callable[[], datetime] = utc_now
    state: Path | None = None
    """The folder for what must outlive the process, such as an API's daily count."""
    honour_robots: bool = True
    """Leave alone what a plain web host's robots.txt or headers forbid."""
    canary_url: str = ""
    """Address of a post known to be good, which `check` looks at; empty where the recipe names none."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    """Keys, secrets, and options of whoever runs the build: a recipe has no place for them."""
    permissions: Permissions = field(default_factory=Permissions)
    hosts: Hosts = field(default_factory=lambda: OF_PROCESS)
    """Who asks which host, and when, over all sources of the process."""

    @property
    def reach(self) -> Reach:
        """Which hosts may be connected to."""
        return Reach.of_user(allow_private=self.permissions.allow_private, sites=self.permissions.sites)

    def folders(self, own: Path) -> list[Path]:
        """The folders below which a file that `own` names may lie: itself, and what whoever runs the build permits."""
        return [own, *filter(None, [self.permissions.files_from])]

    def pace(self, min_interval_s: float, max_per_host: int) -> Pace:
        """The pace of one source, kept together with all others that ask the same hosts."""
        return Pace(
            min_interval_s, max_per_host=max_per_host, max_pause_s=self.limits.max_retry_after_s, hosts=self.hosts
        )


class Source(Protocol):
    """Safe to call from several threads. A class is made of its kind's rules and a SourceContext."""

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
