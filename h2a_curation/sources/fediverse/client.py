"""How instances are asked: for what is public, at a pace, by their robots.txt, and never in a private network."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from h2a_curation.acquire.errors import ErrorKind, FetchError, SourceChanged
from h2a_curation.foundation import json_file
from h2a_curation.sources.base import SourceContext
from h2a_curation.sources.http import Answer, HttpClient
from h2a_curation.sources.politeness.opt_out import MARKS
from h2a_curation.sources.politeness.pace import Pace, host_of
from h2a_curation.sources.politeness.public_hosts import is_public
from h2a_curation.sources.politeness.robots import Robots, reservation

PROFILE_MARKS = MARKS | {"noarchive", "nobot", "nobots", "noindex", "nosearch"}
"""Hashtags, normalised, by which a profile says that its posts are not to be taken by programs."""


class PublicClient:
    """Asks an instance, and whomever its answers name, as a stranger: there is no login. Safe in several threads."""

    def __init__(self, instance: str, own_address: str, pace: Pace, context: SourceContext) -> None:
        """`own_address`: the instance that the environment names, if any, which may lie in a private network."""
        self.instance = instance
        self._own = host_of(instance)
        self._reach = context.reach.and_site(own_address)
        self._http = HttpClient(pace, context.limits, self._reach)
        self._robots = Robots()
        self.honours_opt_outs = context.honour_robots

    def may_ask(self, url: str) -> bool:
        """Whether the address is the instance's or, by its name, of the public network."""
        return self._reach.allow_private or host_of(url) == self._own or is_public(url)

    def is_own(self, url_or_host: str) -> bool:
        """Whether an address, or the name of a host, is the instance's."""
        return self._own in (url_or_host.lower(), host_of(url_or_host))

    def ask(self, url: str) -> Answer:
        """The answer, whatever its status; FetchError where the host's robots.txt forbids the address."""
        self._check_robots(url)
        return self._http.get(url, headers={"Accept": "application/json"})

    def save(self, url: str, target: Path) -> None:
        """Write a file to `target`; FetchError where the host forbids or reserves it."""
        self._check_robots(url)
        answer = self._http.save(url, target)
        if self.honours_opt_outs and (reserved := reservation(answer.headers)):
            raise FetchError(ErrorKind.OPT_OUT, f"{host_of(url)} says {reserved}")

    def _check_robots(self, url: str) -> None:
        if self.honours_opt_outs:
            self._robots.check(url, self._http.small_text)


def listing_of(answer: Answer, software: str) -> Any:
    """The JSON of a page of a listing. FetchError where the instance asks for a login, or is no such instance."""
    if answer.status in (401, 422):  # Mastodon says either: no token, or no user behind it
        raise FetchError(
            ErrorKind.LOGIN, f"{host_of(answer.url)} lists hashtags for accounts alone: choose another instance"
        )
    if answer.status == 404:
        raise SourceChanged(f"{answer.url} answers 404: is it an instance of {software}?")
    return json_of(answer.raise_for_status())


def json_of(answer: Answer) -> Any:
    """The answer's JSON; SourceChanged for what is none, such as a page."""
    try:
        return json_file.parse(answer.body)
    except ValueError:
        raise SourceChanged(f"no JSON in the answer of {answer.url}, which begins {answer.body[:60]!r}") from None


def place_of(url: str) -> tuple[str, str]:
    """Scheme and host of a post's address, and its last word, which is the post's id whatever stands before."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/").rpartition("/")[2]
