"""Where posts come from: one module a source, behind the small interface of `base`.

A new one is begun by `make new-source NAME=x`: a module here, a line in `registry.KINDS`, a case in
tests/sources/cases/.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from h2a_curation.acquire.errors import FetchError
from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.acquire.permissions import Permissions
from h2a_curation.sources.base import Source, SourceContext, utc_now
from h2a_curation.sources.guarded import GuardedSource
from h2a_curation.sources.http import HttpClient
from h2a_curation.sources.politeness.opt_out import OptOuts
from h2a_curation.sources.reach import Reach
from h2a_curation.sources.registry import KINDS, class_of, nearest, rules_of
from h2a_curation.sources.rules import SourceRules
from h2a_curation.sources.short_links import ShortLinks

__all__ = ["KINDS", "make_source", "open_source", "read_opt_outs"]


def open_source(
    rules: SourceRules,
    limits: FetchRules,
    *,
    state: Path | None = None,
    pseudonym: Callable[[str], str] | None = None,
    clock: Callable[[], datetime] = utc_now,
    permissions: Permissions = Permissions(),
) -> GuardedSource:
    """The recipe's source, with its opt-outs honoured and its posts made fit for rows.

    `state` is the folder where a source keeps what must outlive the process (an API's daily count); `pseudonym` that
    of the lake, so that a creator on the opt-out list is known in rows too. `permissions` are those of whoever runs
    this. ValueError for what cannot be.
    """
    shared = SourceContext(limits=limits, clock=clock, state=state, permissions=permissions)
    _check_proxies(rules, shared.reach)
    lists = _made(rules, shared)
    canary = rules.canary or (rules.fetch_with.canary if rules.fetch_with else "")
    other = _fetching(rules, canary)
    fetching = other or rules
    pace = shared.pace(fetching.min_interval_s, fetching.max_per_host)
    return GuardedSource(
        lists,
        _made(other, shared) if other else lists,
        fetch_url=other.post_url if other else "",
        opt_outs=read_opt_outs(rules, pseudonym),
        short_links=ShortLinks(HttpClient(pace, limits, shared.reach, proxy=fetching.options.proxy)),
        canary_url=canary,
        canary_after=rules.canary_after,
        clock=clock,
    )


def _check_proxies(rules: SourceRules, reach: Reach) -> None:
    """ValueError for a proxy in a private network: a recipe's word must not send requests to a service of the user's.

    A proxy of the user's own network comes from the environment, which the reach knows.
    """
    for said in filter(None, [rules, rules.fetch_with]):
        given = (said.options.proxy, said.options.geo_verification_proxy, getattr(said.settings, "proxy", None))
        for proxy in filter(None, given):
            try:
                reach.check(proxy)
            except FetchError as refused:
                raise ValueError(
                    f"source {said.name}: its proxy {refused.detail}, or set it as $HTTPS_PROXY and $HTTP_PROXY"
                ) from None


def read_opt_outs(rules: SourceRules, pseudonym: Callable[[str], str] | None = None) -> OptOuts:
    """Who is to be left alone by now, as the recipe's lists say; ValueError for a list that cannot be read."""
    return OptOuts.read(rules.opt_outs, by_marks=rules.honour_opt_out, pseudonym=pseudonym)


def make_source(kind: str, said: Mapping[str, Any], context: SourceContext | None = None) -> Source:
    """A bare source of its kind's own rules. ValueError for an unknown kind or setting, naming the nearest."""
    into = rules_of(kind)
    taken = sorted(f.name for f in fields(into))
    for setting in said:
        if setting not in taken:
            raise ValueError(f"source kind {kind} has no setting {setting!r}{nearest(setting, taken)}")
    source: Source = class_of(kind)(into(**said), context or SourceContext())
    return source


def _made(rules: SourceRules, shared: SourceContext) -> Source:
    context = replace(shared, honour_robots=rules.honour_opt_out, canary_url=rules.canary)
    source: Source = class_of(rules.kind)(rules.of_kind(), context)
    return source


def _fetching(rules: SourceRules, canary: str) -> SourceRules | None:
    """What `fetch_with` says, where the source has one; what is switched off for the whole is off there too."""
    other = rules.fetch_with
    return other and replace(other, canary=canary, honour_opt_out=rules.honour_opt_out and other.honour_opt_out)
