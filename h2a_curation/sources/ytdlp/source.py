"""Any listing and any post that yt-dlp can read: by URL template, through one YoutubeDL a thread.

A YoutubeDL costs 59 ms to make and 7.5 ms to call (../shared/design/stack.md), so each thread keeps its own.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.utils import LazyList, PagedList, YoutubeDLError, int_or_none

from h2a_curation.acquire.errors import ErrorKind, FetchError, SourceChanged
from h2a_curation.foundation.secret_text import remember
from h2a_curation.sources.base import PREFERRED_LINES, Cost, Page, SourceContext
from h2a_curation.sources.politeness.addresses import wider
from h2a_curation.sources.politeness.pace import host_of
from h2a_curation.sources.politeness.robots import Robots
from h2a_curation.sources.ytdlp.client import Client, Meter, SilentLogger
from h2a_curation.sources.ytdlp.downloads import NO_PROGRAM, scheme_of
from h2a_curation.sources.ytdlp.entries import judge
from h2a_curation.sources.ytdlp.errors import fetch_error
from h2a_curation.sources.ytdlp.options import (
    check_cookies,
    joined_arguments,
    own_options,
    recipe_options,
    secrets_of,
    with_own_cookies,
)
from h2a_curation.sources.ytdlp.rules import YtDlpRules
from schemas import Post

_MAX_REDIRECTS = 5
_MAX_PAGE_BYTES = 64_000_000
_WHAT_EXTRACTORS_RAISE = (
    YoutubeDLError, OSError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AssertionError,
    RecursionError, SyntaxError,
)  # fmt: skip
"""An answer of another shape fails wherever the extractor happens to notice; XML's error is a SyntaxError."""


class YtDlp:
    """A platform as yt-dlp sees it. Cursors are offsets into the listing; post ids `<name>:<the platform's id>`."""

    def __init__(self, rules: YtDlpRules, context: SourceContext) -> None:
        """$H2A_YTDLP_OPTIONS, from whoever runs the build, stands over the recipe's `options`."""
        self.name = rules.name
        self._rules = rules
        self._context = context
        own = own_options(context.environment)
        self._reach = context.reach.and_proxy(own.get("proxy")).and_proxy(own.get("geo_verification_proxy"))
        self._params = _params(
            context.limits.socket_timeout_s,
            recipe_options(rules.name, rules.options) | {"extractor_args": rules.extractor_args},
            own,
        )
        self._robots = Robots()
        self._pace = context.pace(rules.min_interval_s, rules.max_per_host)
        self._of_thread = threading.local()

    def check(self) -> None:
        """ValueError where yt-dlp cannot do this: an address that it has no working extractor for, or a bad option."""
        check_cookies(self.name, self._params)
        try:
            client = self._client()  # loads yt-dlp's plugins
            _ = client.cookiejar
        except (YoutubeDLError, UnicodeDecodeError, SyntaxError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"source {self.name}: {reason}; mend its options") from None
        if self._context.canary_url:
            self._check_extractor(self._context.canary_url, "fetched", "canary")
        if self._rules.listing_url:
            self._check_extractor(self._listing_url_of("dance"), "listed", "listing_url")

    def _check_extractor(self, url: str, done: str, setting: str) -> None:
        extractor = _extractor(url)
        if extractor is None or extractor.IE_NAME == "generic":
            raise ValueError(f"source {self.name}: yt-dlp has no extractor for {url}; correct {setting}")
        if not extractor.working():
            raise ValueError(
                f"source {self.name}: yt-dlp marks its extractor {extractor.IE_NAME} as broken, so {url} cannot be"
                f" {done}; use a table of URLs or another source"
            )

    def search(self, tag: str, cursor: str) -> Page:
        """Asks for the entries of this page alone, as far as the extractor can skip."""
        assert self._rules.listing_url, f"{self.name} has no listing_url"
        start, page_size = int(cursor or 0), self._rules.page_size
        client = self._client()
        client.meter = self._meter(_MAX_PAGE_BYTES)
        listing, self._of_thread.listing = getattr(self._of_thread, "listing", None), None
        with _translated(client), client.seated():
            if listing is None or listing.tag != tag or not cursor:
                listing = _Listing(tag, self._resolve(client, self._listing_url_of(tag)))
            entries = listing.slice(start, start + page_size)
            judged = judge(entries, self.name, self._rules.post_url, self._is_elsewhere, self._context.clock())
            is_end = len(entries) < page_size or listing.ends_by(start + page_size)
        self._of_thread.listing = listing
        return Page(
            posts=list(judged.posts.values()),
            next_cursor=None if is_end else str(start + page_size),
            cost=Cost(num_requests=client.meter.num_requests, num_bytes=client.meter.num_bytes),
            odd=judged.odd,
            errors=judged.errors,
        )

    def fetch(self, post: Post, target: Path) -> None:
        """Download by yt-dlp to exactly `target`, in the format closest to 720 lines, with or without sound; of those
        with the same lines, in one of usual dynamic range.
        """
        scheme_of(post.url)
        client = self._client()
        extractor = _extractor(post.url)
        client.meter = self._meter(self._context.limits.max_file_bytes)
        client.target = target.absolute()
        honours_host = self._context.honour_robots and extractor is not None and extractor.IE_NAME == "generic"
        with _translated(client), client.seated(), client.refusing_reserved(honours_host):
            if honours_host:
                self._robots.check(post.url, client.small_text)
            client.extract_info(post.url, download=True, ie_key=extractor and extractor.ie_key())

    def _is_elsewhere(self, entry: dict[str, Any]) -> bool:
        """Whether an entry is another site's: its id would be spelled into `post_url`, and name another post."""
        url, key = entry.get("url") or entry.get("webpage_url"), entry.get("ie_key")
        if not self._rules.post_url or not isinstance(url, str) or not isinstance(key, str):
            return False
        own = self._rules.post_url.replace("{id}", str(entry["id"]))
        if wider(host_of(url))[-1] == wider(host_of(own))[-1]:
            return False
        extractor = _extractor(own)
        return extractor is not None and extractor.ie_key() != key

    def _client(self) -> Client:
        client: Client | None = getattr(self._of_thread, "client", None)
        if client is None:
            remember(*secrets_of(self._params))  # before anybody can repeat them
            client = self._of_thread.client = Client(with_own_cookies(self._params), self._pace, self._reach)
        return client

    def _meter(self, max_bytes: int) -> Meter:
        return Meter(max_bytes=max_bytes, deadline_s=time.monotonic() + self._context.limits.timeout_s)

    def _listing_url_of(self, tag: str) -> str:
        return self._rules.listing_url.replace("{tag}", quote(tag, safe=""))

    def _resolve(self, client: Client, url: str) -> dict[str, Any]:
        """The extractor's own answer: nothing of the listing has been asked for beyond what the extractor needed."""
        key = None
        for _ in range(_MAX_REDIRECTS):
            info: dict[str, Any] | None = client.extract_info(url, download=False, process=False, ie_key=key)
            if info is None:
                raise SourceChanged(f"yt-dlp gave nothing for {url}")
            if info.get("_type") not in ("url", "url_transparent"):
                return info
            url, key = info["url"], info.get("ie_key")
        raise SourceChanged(f"more than {_MAX_REDIRECTS} redirects from {url}")


class _Listing:
    """A listing that is read slice by slice: entries that came are kept, so that going on asks for nothing twice."""

    def __init__(self, tag: str, info: dict[str, Any]) -> None:
        self.tag = tag
        entries = info.get("entries", [info])
        self._entries = entries if isinstance(entries, list | PagedList | LazyList) else LazyList(entries)
        self._num_entries = len(entries) if isinstance(entries, list) else int_or_none(info.get("playlist_count"))

    def slice(self, start: int, end: int) -> list[dict[str, Any] | None]:
        if isinstance(self._entries, PagedList):
            return list(self._entries.getslice(start, end))
        return list(islice(self._entries, start, end))

    def ends_by(self, end: int) -> bool:
        return self._num_entries is not None and self._num_entries <= end


def _extractor(url: str) -> Any:
    """The extractor class that yt-dlp picks for an address; `generic` takes any web address, None is for no address."""
    return next((e for e in gen_extractor_classes() if e.suitable(url)), None)


@contextmanager
def _translated(client: Client) -> Iterator[None]:
    """Whatever yt-dlp and its 1,800 extractors raise leaves as a FetchError; a programming error of ours does not."""
    try:
        yield
    except FetchError:
        raise
    except _WHAT_EXTRACTORS_RAISE as error:
        raise fetch_error(error, client.meter.last_error) from error
    finally:
        client.meter.last_error = None  # its traceback would keep the callers' frames alive


def _params(socket_timeout_s: float, recipe: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """yt-dlp's parameters. All retries are ours, but those of a stream's fragments."""
    return {
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": SilentLogger(),
        "color": "never",
        "cachedir": False,
        "socket_timeout": socket_timeout_s,
        "retries": 0,
        "extractor_retries": 0,
        "file_access_retries": 0,
        "fragment_retries": 2,
        "skip_unavailable_fragments": False,
        "format": "bv*/b",
        "format_sort": [f"res:{PREFERRED_LINES}", "hdr:SDR"],
        "fixup": "never",
        "nopart": True,
        "continuedl": False,
        "overwrites": True,
        "updatetime": False,
        "noplaylist": True,
        "hls_prefer_native": True,
        "ffmpeg_location": NO_PROGRAM,
        "playlist_items": "1",
        "extract_flat": False,
        "match_filter": _refuse_live,
        **recipe,
        **own,
        "extractor_args": joined_arguments(recipe["extractor_args"], own.get("extractor_args", {})),
    }


def _refuse_live(info: dict[str, Any], *, incomplete: bool) -> str | None:
    if info.get("live_status") == "is_upcoming":
        raise FetchError(ErrorKind.NOT_YET, "announced, and not begun")
    if info.get("is_live") or info.get("live_status") == "is_live":
        raise FetchError(ErrorKind.NO_VIDEO, "a live stream has no end")
    return None
