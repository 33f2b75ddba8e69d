"""A source of each kind over the same 23 posts, as tests/sources/cases/ says for each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.sources import open_source
from h2a_curation.sources.guarded import GuardedSource
from h2a_curation.sources.http import HttpClient
from h2a_curation.sources.politeness.pace import Pace
from h2a_curation.sources.reach import Reach
from h2a_curation.sources.rules import SourceRules
from h2a_curation.sources.short_links import ShortLinks
from tests.loopback import ON_LOOPBACK, Answer, Site
from tests.sources import platform
from tests.sources.cases import CASES, CREATOR, NUM_POSTS, Through
from tests.sources.platform import JSON, clock, put_post

__all__ = ["ASKS_NOBODY", "CASES", "CREATOR", "LIMITS", "NUM_POSTS", "made", "opened", "ruled", "sample_platform"]
LIMITS = FetchRules(max_file_bytes=100_000, timeout_s=30.0, socket_timeout_s=10.0)


class _Nowhere(Reach):
    def check(self, url: str) -> None:
        raise AssertionError(f"{url} was to be asked")


ASKS_NOBODY = ShortLinks(HttpClient(Pace(0.0), LIMITS, _Nowhere()))


def sample_platform(site: Site) -> dict[str, dict[str, list[str]]]:
    return platform.sample_platform(site.url)


@contextmanager
def ruled(kind: str, site: Site, folder: Path, through: Through = str) -> Iterator[SourceRules]:
    """The kind's rules, over a site that serves the posts."""
    for i in range(NUM_POSTS):
        put_post(site, str(i))
    missing = Answer(status=404, body=b'{"error": "missing", "message": "this video no longer exists"}', headers=JSON)
    site.answers["/post/none"] = lambda _: missing
    with CASES[kind].rules(site, folder, through) as rules:
        yield rules


@contextmanager
def opened(kind: str, site: Site, folder: Path, **changed: Any) -> Iterator[GuardedSource]:
    with ruled(kind, site, folder) as rules:
        yield made(replace(rules, **changed), folder)


def made(rules: SourceRules, folder: Path, limits: FetchRules = LIMITS) -> GuardedSource:
    return open_source(rules, limits, state=folder / "state", clock=clock, permissions=ON_LOOPBACK)
