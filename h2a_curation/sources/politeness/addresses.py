"""What an address says of the post that it names, and of who made it: rows of them at a time, and one by one.

The sites' patterns are those of `sources/address.py`, here read by Arrow (RE2) over columns, without case.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

import pyarrow as pa
import pyarrow.compute as pc

from h2a_curation.sources.address import NO_HANDLES, NO_POSTS, OTHER_HANDLES, SITES

_PARTS = (
    r"^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?(?P<host>\[[^\]/?#]*\]|[^/?#:]*)(?P<port>:[0-9]*)?"
    r"(?P<path>[^?#]*)(?P<query>\?[^#]*)?"
)
_PATH = re.compile(r"^[^:]+://[^/?#]*")
_FRONT = r"^(?:www|m|mobile)\.((?:[^.]+\.)+[^.]+)$"
"""Labels in front of a host that name no other site; one label alone is no host (`m.co`)."""
_PROFILES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"/@([^/]+)(?:/(?:videos|shorts|streams|live|featured|about|playlists|community|posts))?",
        r"/(?:channel|user|users|c|u|profile|people|accounts?)/([^/]+)",
        r"/([^/@][^/]*)",
    )
)
_NAMES_NO_POST = re.compile(r"utm_.*|fbclid|gclid|igsh.*|si|feature|lang|ref|is_from_webapp|sender_device|_[rt]|t")
"""Parameters that say from where or how a post is looked at."""
_FILE = re.compile(r"\.(?:mp4|m4v|mov|webm|mkv|avi|ts|m3u8|mpd)$")
"""A file's path names it whatever stands behind: signatures and dates of expiry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Columns of what many addresses say."""

    key: pa.Array
    """The post in one spelling: `site:id` where the site is known, else host and path; else the text itself."""
    own_id: pa.Array
    """The post's id where the site is known, else null."""
    host: pa.Array
    """Null where the address has none."""
    handle: pa.Array
    """The creator's name as the address has it, without `@`; null where it has none."""
    query: pa.Array
    """From `?` on, null where there is none or it is no part of the post's name (known sites)."""


def spelt(texts: pa.Array) -> pa.Array:
    """Lower case, one form of each character, no space around: the spelling in which names are compared."""
    return pc.utf8_lower(pc.utf8_normalize(pc.utf8_trim_whitespace(texts), form="NFC"))


def read(urls: pa.Array) -> Addresses:
    """What each address says, whatever its case, escapes and the habits of its site."""
    if pc.any(pc.match_substring(urls, "%")).as_py():
        urls = pa.array([unquote(url) if "%" in url else url for url in urls.to_pylist()], pa.string())
    urls = pc.replace_substring_regex(spelt(urls), r"^file://(?:localhost)?/", "/")
    parts = pc.extract_regex(urls, _PARTS)
    host = pc.replace_substring_regex(pc.struct_field(parts, "host"), _FRONT, r"\1")
    path = pc.utf8_rtrim(pc.struct_field(parts, "path"), "/")
    place = pc.binary_join_element_wise(host, pc.struct_field(parts, "port"), path, "")
    found = {name: pc.extract_regex(urls, site.pattern) for name, site in SITES.items()}
    ids = {name: _own_id(groups) for name, groups in found.items()}
    post = pc.coalesce(*(pc.binary_join_element_wise(site, own_id, ":") for site, own_id in ids.items()))
    query = pc.if_else(pc.is_valid(post), None, _text(pc.struct_field(parts, "query")))
    named = [groups for groups in found.values() if "handle" in _names(groups)]
    named.append(pc.extract_regex(urls, OTHER_HANDLES))
    handle = pc.coalesce(*(_text(pc.struct_field(groups, "handle")) for groups in named))
    return Addresses(
        key=pc.coalesce(post, place, pc.utf8_rtrim(urls, "/")),
        own_id=pc.coalesce(*ids.values()),
        host=_text(host),
        handle=pc.if_else(pc.is_in(handle, pa.array(sorted(NO_HANDLES))), None, handle),
        query=query,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What one address on a list may mean."""

    key: str
    """As in `Addresses`."""
    own_id: str = ""
    """The post's, where its site is known."""
    host: str = ""
    """The host, where the address names a whole one."""
    creator: str = ""
    """The creator's name in its own case, where the address may be a profile."""
    parameters: frozenset[tuple[str, str]] = frozenset()
    """What of the query belongs to the post's name."""


def named(listed: Sequence[str]) -> list[Named]:
    """What each address of a post, a profile or a host means; all have a scheme."""
    said = read(pa.array(listed, pa.string()))
    columns = (column.to_pylist() for column in (said.key, said.own_id, said.host, said.query))
    return [_named(*row) for row in zip(listed, *columns, strict=True)]


def parameters(query: str, key: str) -> frozenset[tuple[str, str]]:
    """What of a query belongs to the post's name, where `key` is its host and path."""
    if not query or _FILE.search(key):
        return frozenset()
    pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    return frozenset(pair for pair in pairs if not _NAMES_NO_POST.fullmatch(pair[0]))


def wider(host: str) -> list[str]:
    """The host and all that it lies under; a last label alone (`org`) is none of them.

    >>> wider("a.b.example.org")
    ['a.b.example.org', 'b.example.org', 'example.org']
    """
    labels = host.split(".")
    return [host] + [".".join(labels[n:]) for n in range(1, len(labels) - 1)]


def _named(address: str, key: str, own_id: str | None, host: str | None, query: str | None) -> Named:
    if own_id:
        return Named(key=key, own_id=own_id)
    if kept := parameters(query or "", key):
        return Named(key=key, parameters=kept)
    path = _PATH.sub("", unquote(address)).partition("?")[0].partition("#")[0].rstrip("/")
    if not path:
        return Named(key=key, host=host or "")
    found = (pattern.fullmatch(path) for pattern in _PROFILES)
    return Named(key=key, creator=next((match[1] for match in found if match), ""))


def _names(groups: pa.Array) -> list[str]:
    return [field.name for field in groups.type]


def _own_id(groups: pa.Array) -> pa.Array:
    """Null also for what looks like an id: in a short link (`/share/`) and in a list (`/embed/videoseries`)."""
    own_id = _text(pc.struct_field(groups, "id"))
    is_none = pc.is_in(own_id, pa.array(sorted(NO_POSTS)))
    if "handle" in _names(groups):
        is_none = pc.or_(is_none, pc.fill_null(pc.equal(pc.struct_field(groups, "handle"), "share"), False))
    return pc.if_else(is_none, None, own_id)


def _text(column: pa.Array) -> pa.Array:
    """Null where there is none: a group that takes no part in a match is empty."""
    return pc.if_else(pc.equal(column, ""), None, column)
