"""Which of yt-dlp's ways to a file keep our limits: those that read through its client, and no other.

Other programs (ffmpeg, rtmpdump, aria2c) and the protocols of live chats and web sockets read for themselves: past the
limit of bytes and seconds, the pace, the count and what a host's headers forbid.
"""

from typing import Any
from urllib.parse import urlsplit

from yt_dlp.downloader import get_suitable_downloader
from yt_dlp.downloader.bunnycdn import BunnyCdnFD
from yt_dlp.downloader.dash import DashSegmentsFD
from yt_dlp.downloader.f4m import F4mFD
from yt_dlp.downloader.hls import HlsFD
from yt_dlp.downloader.http import HttpFD
from yt_dlp.downloader.ism import IsmFD
from yt_dlp.downloader.mhtml import MhtmlFD
from yt_dlp.downloader.soop import SoopVodFD

from h2a_curation.acquire.errors import ErrorKind, FetchError

_WITHIN_LIMITS = (HttpFD, HlsFD, DashSegmentsFD, IsmFD, F4mFD, MhtmlFD, BunnyCdnFD, SoopVodFD)
_SCHEMES = ("http", "https", "data")
"""`data` holds its content itself. FTP waits for ever for a word that never ends, and nobody asks whose turn it is."""
NO_PROGRAM = "/nonexistent/h2a-hands-nothing-to-other-programs"
"""The place at which yt-dlp looks for ffmpeg, and finds none: it would hand streams to it it cannot take itself."""


def refuse_other_ways(info: dict[str, Any], params: dict[str, Any]) -> None:
    """FetchError for a format that something else than yt-dlp's client would read."""
    way = get_suitable_downloader(info, params)
    if way is None or not issubclass(way, _WITHIN_LIMITS):
        name = "several formats at once" if way is None else way.__name__.removesuffix("FD")
        raise FetchError(ErrorKind.NO_VIDEO, f"only {name} could take this stream, which keeps no limits")


def refuse_other_schemes(url: str) -> None:
    """FetchError for an address that the client would not read within its limits."""
    if scheme_of(url) not in _SCHEMES:
        raise FetchError(ErrorKind.NOT_VIDEO, f"{url[:200]!r} is no web address, so it is not asked for")


def scheme_of(url: str) -> str:
    """The scheme of an address; FetchError for what is no address, such as `http://[::1`."""
    try:
        return urlsplit(url).scheme.lower()
    except ValueError as wrong:
        raise FetchError(ErrorKind.NOT_VIDEO, f"{url[:200]!r} is no address: {wrong}") from None
