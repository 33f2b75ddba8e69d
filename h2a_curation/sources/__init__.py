"""Where posts come from: one module a source, behind the small interface of `base`.

To add one: a module here, a line in `kinds.KINDS`, and a fixture in tests/sources/fixtures.py.
"""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.sources.base import Source
from h2a_curation.sources.guarded import GuardedSource
from h2a_curation.sources.politeness.opt_out import OptOuts
from h2a_curation.sources.registry import KINDS, nearest
from h2a_curation.sources.rules import SourceRules
from h2a_curation.sources.settings import as_parameters, tiktok_address

_FOR_ALL = {"kind", "settings", "fetch_with", "canary", "canary_after", "opt_out", "honour_opt_out", "world"}
"""What `Opened` sees to, or the caller."""
_OF_LISTING = ("listing_url", "post_url", "page_size", "file", "columns", "settings", "fetch_with", "canary")
"""What is said of the source that lists, or seen to by `Opened`, and not of the one that downloads for it."""


def open_source(
    rules: SourceRules,
    limits: FetchRules,
    *,
    state: Path | None = None,
    pseudonym: Callable[[str], str] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> GuardedSource:
    """The recipe's source, with its opt-outs honoured and its posts made fit for rows.

    `state` is the folder where a source keeps what must outlive the process (an API's daily count); `pseudonym` that
    of the lake, so that a creator on the opt-out list is known in rows too. ValueError for what cannot be.
    """
    lists = make_source(rules.kind, _settings(rules, limits, state, clock))
    canary = rules.canary or (rules.fetch_with.canary if rules.fetch_with else "")
    other = _fetching(rules, canary)
    return GuardedSource(
        lists,
        make_source(other.kind, _settings(other, limits, state, clock)) if other else lists,
        fetch_url=other.post_url if other else "",
        opt_outs=read_opt_outs(rules, pseudonym),
        canary_url=canary,
        canary_after=rules.canary_after,
        clock=clock,
    )


def _fetching(rules: SourceRules, canary: str) -> SourceRules | None:
    """What `fetch_with` says, where the source has one; what is switched off for the whole is off there too."""
    other = rules.fetch_with
    return other and replace(other, canary=canary, honour_opt_out=rules.honour_opt_out and other.honour_opt_out)


def read_opt_outs(rules: SourceRules, pseudonym: Callable[[str], str] | None = None) -> OptOuts:
    """Who is to be left alone by now, as the recipe's lists say; ValueError for a list that cannot be read."""
    return OptOuts.read(rules.opt_outs, by_marks=rules.honour_opt_out, pseudonym=pseudonym)


def make_source(kind: str, settings: dict[str, Any]) -> Source:
    """A bare source of its class's own parameters. ValueError for an unknown kind or setting, naming the nearest."""
    known = _parameters(kind)
    for setting in settings:
        if setting not in known:
            raise ValueError(f"source kind {kind} has no setting {setting!r}{nearest(setting, sorted(known))}")
    module, _, name = KINDS[kind].made_by.partition(":")
    source: Source = getattr(importlib.import_module(module), name)(**settings)
    return source


def _own_options() -> dict[str, Any]:
    """Imported when it is needed, since yt-dlp takes a second."""
    from h2a_curation.sources.ytdlp.options import own_options

    return own_options()


def _parameters(kind: str) -> set[str]:
    if kind not in KINDS:
        raise ValueError(f"unknown source kind {kind!r}{nearest(kind, KINDS)}")
    module, _, name = KINDS[kind].made_by.partition(":")
    made_by = getattr(importlib.import_module(module), name)
    return {*inspect.signature(made_by).parameters}


def _settings(
    rules: SourceRules, limits: FetchRules, state: Path | None, clock: Callable[[], datetime]
) -> dict[str, Any]:
    """Of all that a recipe and its run say, what this kind's class takes; refuses what was set and is not taken."""
    plain = SourceRules()
    takes = _parameters(rules.kind)
    said = {f.name: getattr(rules, f.name) for f in fields(rules) if f.name not in _FOR_ALL}
    offered: dict[str, Any] = said | {
        "max_file_bytes": limits.max_file_bytes,
        "timeout_s": limits.timeout_s,
        "socket_timeout_s": limits.socket_timeout_s,
        "max_retry_after_s": limits.max_retry_after_s,
        "honour_robots": rules.honour_opt_out,
        "canary_url": rules.canary,
        "own_options": _own_options() if "own_options" in takes else None,
        "base_url": tiktok_address() if "base_url" in takes else None,
        "state": state,
        "clock": clock,
    }
    given = {name: value for name, value in offered.items() if name in takes}
    used = {*takes}
    if "downloads" in takes:
        others = replace(rules, kind="ytdlp", **{name: getattr(plain, name) for name in _OF_LISTING})
        given["downloads"] = make_source("ytdlp", _settings(others, limits, state, clock))
        used |= _parameters("ytdlp") - {*_OF_LISTING}
    if unused := [name for name, value in said.items() if name not in used and value != getattr(plain, name)]:
        raise ValueError(f"source kind {rules.kind} has no setting {unused[0]!r}{nearest(unused[0], sorted(takes))}")
    return given | as_parameters(rules.settings)
