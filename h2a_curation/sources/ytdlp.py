"""Any listing and any post that yt-dlp can read: by URL template, through one YoutubeDL a thread.

A YoutubeDL costs 59 ms to make and 7.5 ms to call (../shared/design/stack.md), so each thread keeps its own.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.utils import LazyList, PagedList, YoutubeDLError, float_or_none, int_or_none

from h2a_curation import hashtags
from h2a_curation.sources.base import Cost, Page
from h2a_curation.sources.errors import ErrorKind, FetchError, SourceChanged
from h2a_curation.sources.pace import Pace
from h2a_curation.sources.ytdlp_client import Client, Meter, SilentLogger
from h2a_curation.sources.ytdlp_errors import fetch_error
from schemas import Post

_MAX_REDIRECTS = 5
_MAX_PAGE_BYTES = 64_000_000


class YtDlp:
    """A platform as yt-dlp sees it. Cursors are offsets into the listing; post ids `<name>:<the platform's id>`."""

    def __init__(
        self,
        *,
        name: str,
        listing_url: str = "",
        post_url: str = "",
        page_size: int = 30,
        min_interval_s: float = 0.0,
        max_file_bytes: int = 200_000_000,
        timeout_s: float = 120.0,
        socket_timeout_s: float = 20.0,
        extractor_args: dict[str, dict[str, list[str]]] | None = None,
        options: dict[str, Any] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`listing_url` holds `{tag}`, and `post_url`, where the listed address is not the one to fetch, `{id}`.

        `timeout_s` bounds one call, `socket_timeout_s` silence within it. `min_interval_s` is kept between requests to
        one host. `options` are yt-dlp's own (cookiefile, proxy, impersonate, ...).
        """
        if page_size < 1 or max_file_bytes < 1 or timeout_s <= 0 or socket_timeout_s <= 0:
            raise ValueError(f"source {name}: page_size, max_file_bytes and the timeouts must be above 0")
        if listing_url and "{tag}" not in listing_url:
            raise ValueError(f"source {name}: listing_url needs {{tag}} where the hashtag belongs: {listing_url}")
        self.name = name
        self._listing_url = listing_url
        self._post_url = post_url
        self._page_size = page_size
        self._max_file_bytes = max_file_bytes
        self._timeout_s = timeout_s
        self._params = _params(socket_timeout_s, extractor_args or {}, options or {})
        self._pace = Pace(min_interval_s)
        self._clock = clock
        self._of_thread = threading.local()

    def check(self) -> None:
        """Raise ValueError where yt-dlp cannot list this: no extractor for the address, or one that it calls broken."""
        if not self._listing_url:
            return
        self._client()  # loads yt-dlp's plugins
        url = self._listing_url_of("dance")
        extractor = next((e for e in gen_extractor_classes() if e.suitable(url)), None)
        if extractor is None or extractor.IE_NAME == "generic":
            raise ValueError(f"source {self.name}: yt-dlp has no extractor for {url}; correct listing_url")
        if not extractor.working():
            raise ValueError(
                f"source {self.name}: yt-dlp marks its extractor {extractor.IE_NAME} as broken, so {url} cannot be"
                " listed; use a table of URLs or another source"
            )

    def search(self, tag: str, cursor: str) -> Page:
        """Asks for the entries of this page alone, as far as the extractor can skip."""
        assert self._listing_url, f"{self.name} has no listing_url"
        start = int(cursor or 0)
        client = self._client()
        client.meter = self._meter(_MAX_PAGE_BYTES)
        listing, self._of_thread.listing = getattr(self._of_thread, "listing", None), None
        with _translated(client):
            if listing is None or listing.tag != tag or not cursor:
                listing = _Listing(tag, self._resolve(client, self._listing_url_of(tag)))
            entries = listing.slice(start, start + self._page_size)
        self._of_thread.listing = listing
        posts = {post.post_id: post for post in map(self._post, entries) if post is not None}
        is_end = len(entries) < self._page_size or listing.ends_by(start + self._page_size)
        return Page(
            posts=list(posts.values()),
            next_cursor=None if is_end else str(start + self._page_size),
            cost=Cost(num_requests=client.meter.num_requests, num_bytes=client.meter.num_bytes),
        )

    def fetch(self, post: Post, target: Path) -> None:
        """Download by yt-dlp to exactly `target`, in the format closest to 720 lines, with or without sound."""
        client = self._client()
        client.meter = self._meter(self._max_file_bytes)
        client.target = target.absolute()
        with _translated(client):
            client.extract_info(post.url, download=True)

    def _client(self) -> Client:
        client: Client | None = getattr(self._of_thread, "client", None)
        if client is None:
            client = self._of_thread.client = Client(dict(self._params), self._pace)
        return client

    def _meter(self, max_bytes: int) -> Meter:
        return Meter(max_bytes=max_bytes, deadline_s=time.monotonic() + self._timeout_s)

    def _listing_url_of(self, tag: str) -> str:
        return self._listing_url.replace("{tag}", quote(tag, safe=""))

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

    def _post(self, entry: dict[str, Any] | None) -> Post | None:
        """None for an entry that is no post, such as a playlist within the listing."""
        if not entry or entry.get("_type") in ("playlist", "multi_video"):
            return None
        own_id, listed_url = entry.get("id"), entry.get("webpage_url") or entry.get("url")
        if not own_id or not (listed_url or self._post_url):
            raise SourceChanged(f"{self.name}: a listed entry has no id or no address: {sorted(entry)}")
        return Post(
            post_id=f"{self.name}:{own_id}",
            source=self.name,
            url=self._post_url.replace("{id}", str(own_id)) or str(listed_url),
            creator=_first_text(entry, "uploader_id", "channel_id", "uploader", "channel"),
            caption=_first_text(entry, "description", "title") or "",
            hashtags=_hashtags(entry),
            posted_at=_posted_at(entry),
            language=_first_text(entry, "language"),
            duration_s=float_or_none(entry.get("duration")),
            width_px=int_or_none(entry.get("width")),
            height_px=int_or_none(entry.get("height")),
            num_views=int_or_none(entry.get("view_count")),
            num_likes=int_or_none(entry.get("like_count")),
            seen_at=self._clock(),
        )


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


@contextmanager
def _translated(client: Client) -> Iterator[None]:
    """Whatever yt-dlp and its 1,800 extractors raise leaves as a FetchError; a programming error of ours does not."""
    try:
        yield
    except FetchError:
        raise
    except (YoutubeDLError, OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise fetch_error(error, client.meter.last_error) from error
    finally:
        client.meter.last_error = None  # its traceback would keep the callers' frames alive


def _params(
    socket_timeout_s: float, extractor_args: dict[str, dict[str, list[str]]], options: dict[str, Any]
) -> dict[str, Any]:
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
        "format_sort": ["res:720"],
        "fixup": "never",
        "nopart": True,
        "continuedl": False,
        "overwrites": True,
        "updatetime": False,
        "noplaylist": True,
        "playlist_items": "1",
        "extract_flat": False,
        "match_filter": _refuse_live,
        "extractor_args": extractor_args,
        **options,
    }


def _refuse_live(info: dict[str, Any], *, incomplete: bool) -> str | None:
    if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming"):
        raise FetchError(ErrorKind.NO_VIDEO, "a live stream has no end")
    return None


def _hashtags(entry: dict[str, Any]) -> list[str]:
    """The extractor's own tags first, then those in the text."""
    given = [tag for tag in entry.get("tags") or [] if isinstance(tag, str)]
    texts = [text for text in (entry.get("title"), entry.get("description")) if isinstance(text, str)]
    return hashtags.unique([*given, *(tag for text in texts for tag in hashtags.in_text(text))])


def _posted_at(entry: dict[str, Any]) -> datetime | None:
    seconds = float_or_none(entry.get("timestamp"))
    if seconds is not None:
        return datetime.fromtimestamp(seconds, UTC)
    day = entry.get("upload_date")
    return datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) if isinstance(day, str) and day.isdecimal() else None


def _first_text(entry: dict[str, Any], *keys: str) -> str | None:
    return next((str(entry[key]) for key in keys if entry.get(key)), None)
