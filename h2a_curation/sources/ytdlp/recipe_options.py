"""What a recipe may say to yt-dlp. A recipe may come from anyone, so it is a list of what can do no harm, with types.

yt-dlp has some 200 options, and many of them run a program, load code, read or write any file, or take back a check
that protects the user. Those are for the machine's owner alone (`OWN_OPTIONS`).
"""

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from h2a_curation.sources.recipe_types import ProxyAddress
from h2a_curation.sources.registry import nearest

OWN_OPTIONS = "H2A_YTDLP_OPTIONS"
"""The environment variable with yt-dlp's own command line options, by whoever runs the build."""
PLAIN_HEADERS = ("Accept", "Accept-Language", "Referer", "User-Agent")
_MIN_RATE_BYTES_S = 10_000
_OWN = f"set ${OWN_OPTIONS} where the build runs (docs/sources.md)"


def _beside(file: Path) -> Path:
    if file.is_absolute() or ".." in file.parts or file == PurePath():
        raise ValueError(f"{file} does not lie beside the recipe: put it there, or {_OWN}")
    return file


def _one_line(text: str) -> str:
    if text == "-" or not text.isprintable():
        raise ValueError(f"{text!r} is no expression of one line, such as bv*/b")
    return text


def _lines(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_one_line, texts))


def _country(code: str) -> str:
    if not re.fullmatch("[A-Z]{2}", code):
        raise ValueError(f"{code!r} is no country: give two letters such as US")
    return code


def _rate(bytes_s: float) -> float:
    """A slower one would hold a lane for hours over one file."""
    if not _MIN_RATE_BYTES_S <= bytes_s < float("inf"):
        raise ValueError(f"{bytes_s} bytes a second: give at least {_MIN_RATE_BYTES_S}")
    return bytes_s


def _headers(headers: dict[str, str]) -> dict[str, str]:
    """Those that a browser sends on its own: others carry a login, or open doors that only they open."""
    known = {name.lower() for name in PLAIN_HEADERS}
    for name, value in headers.items():
        if name.lower() not in known:
            raise ValueError(f"a recipe cannot set the header {name!r}{nearest(name, PLAIN_HEADERS)}, or {_OWN}")
        if not (value.isprintable() and value.isascii()):
            raise ValueError(f"{name} is {value!r}; give printable ASCII without line breaks")
    return headers


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadOptions:
    """Options of yt-dlp, by its own names, that a recipe may set. Whoever runs the build may set all others."""

    cookiefile: Annotated[Path, AfterValidator(_beside)] | None = None
    """Cookies of your own in Netscape's format, beside the recipe or below; read, and never written."""
    proxy: ProxyAddress | None = None
    """Address of a proxy for every request; empty: none, whatever the environment says."""
    geo_verification_proxy: ProxyAddress | None = None
    """Address of a proxy for the requests alone by which some sites look where one is."""
    geo_bypass: bool = True
    """Say another country in X-Forwarded-For where an extractor finds the post closed to yours."""
    geo_bypass_country: Annotated[str, AfterValidator(_country)] | None = None
    """Two letters of the country to say there from the first request on."""
    impersonate: str | None = None
    """The browser whose fingerprint requests bear, such as chrome or chrome-131:macos-14."""
    format: Annotated[str, AfterValidator(_one_line)] | None = None
    """yt-dlp's format selection, in place of the one nearest to 720 lines."""
    format_sort: Annotated[tuple[str, ...], AfterValidator(_lines)] = ()
    """What makes a format the better one, in place of `res:720`, then `hdr:SDR`."""
    ratelimit: Annotated[float, AfterValidator(_rate)] | None = None
    """Bytes a second of one download at most, from 10,000 on."""
    http_headers: Annotated[dict[str, str], AfterValidator(_headers)] = field(default_factory=dict)
    """Accept, Accept-Language, Referer or User-Agent of every request."""

    NOT_HERE: ClassVar[dict[str, str]] = dict.fromkeys(
        (
            "ap_password", "ap_username", "batchfile", "client_certificate", "client_certificate_key",
            "client_certificate_password", "compat_opts", "cookiesfrombrowser", "enable_file_urls", "exec",
            "external_downloader", "external_downloader_args", "ffmpeg_location", "js_runtimes", "netrc_cmd",
            "netrc_location", "nocheckcertificate", "outtmpl", "password", "paths", "plugin_dirs", "postprocessor_args",
            "postprocessors", "remote_components", "usenetrc", "username", "videopassword",
        ),
        _OWN,
    )  # fmt: skip
    """What people write most of the rest, to be told where it belongs."""


_HARMLESS_ARGUMENTS = {
    "afreecatvlive": "cdn",
    "bilibili": "prefer_multi_flv",
    "generic": "fragment_query impersonate is_live key_query variant_query",
    "h2asample": "page_size",
    "hotstar": "dr res vcodec",
    "instagram": "app_id",
    "nflplusreplay": "type",
    "nhkradirulive": "area",
    "niconicochannelplus": "max_comments",
    "orfon": "prefer_segments_playlist",
    "rokfinchannel": "tab",
    "sonylivseries": "sort_order",
    "soundcloud": "formats",
    "tiktok": "aid app_info app_name app_version device_id manifest_app_version",
    "tver": "backend",
    "twitch": "client_id",
    "twitter": "api",
    "vikichannel": "video_types",
    "vimeo": "client original_format_policy",
    "youtube": "comment_sort data_sync_id fetch_pot formats lang max_comments player_client player_js_variant"
    " player_js_version player_params player_skip po_token raise_incomplete_data skip use_ad_playback_context"
    " visitor_data webpage_client webpage_skip",
    "youtube-ejs": "jitless",
    "youtubepot-webpo": "bind_to_visitor_id",
    "youtubetab": "approximate_date skip",
    "youtubewebarchive": "check_all",
}
"""Extractors of yt-dlp 2026.10.26 and their arguments that say what to ask for, not whom: those that name a host, an
address, a repository of scripts or a login are left out (`innertube_host` gets the login of a YouTube account)."""
_VALUE = re.compile(r"[\w .,+*@=%&/~!|-]*")
"""Without `:`, so that no value is an address with a scheme."""

ExtractorArguments = dict[str, dict[str, list[str]]]


def harmless_arguments(given: ExtractorArguments) -> ExtractorArguments:
    """A recipe's extractor arguments as they are; ValueError for one that a recipe cannot set."""
    for extractor, arguments in given.items():
        if extractor not in _HARMLESS_ARGUMENTS:
            raise ValueError(
                f"a recipe cannot set arguments of {extractor!r}{nearest(extractor, _HARMLESS_ARGUMENTS)}; or {_OWN}"
            )
        known = _HARMLESS_ARGUMENTS[extractor].split()
        for name, values in arguments.items():
            if name not in known:
                raise ValueError(f"a recipe cannot set {extractor}:{name}{nearest(name, known)}; or {_OWN}")
            if bad := [value for value in values if not _VALUE.fullmatch(value) or value.startswith("//")]:
                raise ValueError(f"{extractor}:{name} is {bad[0]!r}; a recipe gives no address here: {_OWN}")
    return given
