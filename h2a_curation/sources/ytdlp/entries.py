"""Which entries of a listing are posts: each is judged by itself, so that an odd one costs no page and is no post."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from h2a_curation.acquire.errors import SourceChanged
from h2a_curation.sources.ytdlp.post import post_of
from schemas import Post

_CHANNEL = re.compile(
    r"^https?://[^/?#]+/(?:(?:channel|user|users|c)/[^/?#]+|@[^/?#]+)(?:/(?:videos|shorts|streams|featured))?/?$"
)
_PLAYLIST = re.compile(r"^https?://[^/?#]+/(?:playlist\b|[^?#]*[?&]list=[^&]+$)")
_ADS = ("is_ad", "isAd", "is_sponsored", "promoted")
_SAY_NOTHING = frozenset({"no_entry", "no_id", "no_address", "unreadable"})
"""Kinds of which a whole page says that the site has changed: no listing consists of them."""


@dataclass(slots=True, kw_only=True)
class Entries:
    """The posts among a page's entries, and what else stood there."""

    posts: dict[str, Post] = field(default_factory=dict)
    odd: Counter[str] = field(default_factory=Counter)
    """Number of entries that are no posts, by kind."""
    errors: list[Exception] = field(default_factory=list)
    """What arose at entries that are `unreadable`."""


def judge(
    entries: Iterable[Any], source: str, post_url: str, is_elsewhere: Callable[[dict[str, Any]], bool], now: datetime
) -> Entries:
    """The posts of a page; SourceChanged where none of its entries can be understood.

    `post_url` as in `post_of`; `is_elsewhere(entry)` says whether an entry with an id is another site's.
    """
    judged = Entries()
    for entry in entries:
        try:
            kind = odd_kind(entry, bool(post_url)) or ("other_site" if is_elsewhere(entry) else "")
            post = None if kind else post_of(entry, source, post_url, now)
        except Exception as error:  # noqa: BLE001  # an extractor's entry may hold anything
            kind, post = "unreadable", None
            judged.errors.append(error)
        if post is None:
            judged.odd[kind or "no_entry"] += 1
        else:
            judged.posts[post.post_id] = post
    if not judged.posts and _SAY_NOTHING & judged.odd.keys() and not judged.odd.keys() - _SAY_NOTHING:
        raise SourceChanged(f"{source}: no listed entry has an id and an address: {dict(judged.odd)}")
    return judged


def odd_kind(entry: Any, has_post_url: bool) -> str:
    """Why an entry is no post, in a word; empty for a post."""
    if not entry:
        return "unavailable"  # yt-dlp gives None for what is private or gone
    if not isinstance(entry, dict):
        return "list" if isinstance(entry, list | tuple) else "no_entry"
    url = entry.get("webpage_url") or entry.get("url")
    own_id = entry.get("id")
    if what := _is_many(entry, url):
        return what
    if any(entry.get(mark) is True for mark in _ADS):
        return "ad"
    if entry.get("live_status") == "is_upcoming":
        return "scheduled"
    if entry.get("is_live") is True or entry.get("live_status") == "is_live":
        return "live"
    if not isinstance(own_id, str | int) or isinstance(own_id, bool) or not own_id:
        return "no_id"
    if not has_post_url and not (isinstance(url, str) and url):
        return "no_address"
    return ""


def _is_many(entry: dict[Any, Any], url: Any) -> str:
    """Whether the entry stands for many videos: `playlist` or `channel`."""
    if entry.get("_type") in ("playlist", "multi_video") or "entries" in entry:
        return "playlist"
    if isinstance(url, str) and _CHANNEL.match(url):
        return "channel"
    return "playlist" if isinstance(url, str) and _PLAYLIST.match(url) else ""
