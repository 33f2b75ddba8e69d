"""The one form of an address: what many spellings of one post have in common, and what is kept, fetched and compared.

Tables, listings, `h2a trace`, opt-outs and requests all ask here. `read` is for one address at a time and keeps the
case of ids; `politeness/addresses.py` reads columns of them by the same SITES.
"""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType
from urllib.parse import SplitResult, quote, unquote, urlsplit

import idna

from h2a_curation.sources.watch_pages import key_path

NOBODY = "_"
"""Stands for the creator in an address that works without the name."""
NO_HANDLES = frozenset({NOBODY, "", "i", "web", "share", "reel", "user", "r"})
"""Words of a site's own that stand where a creator's name may stand."""


@dataclass(frozen=True, slots=True)
class Site:
    """A site that spells one post in many ways."""

    pattern: str
    """Groups `id`, `handle` (the creator's name) and `kind` of a post's address, whatever its case. Without
    lookaround, since Arrow reads it too."""
    form: str
    """The address by which all spellings are known."""
    of_kind: Mapping[str, str] = field(default_factory=dict)
    """The address that is fetched, for kinds that need another."""
    kinds_differ: bool = False
    """Whether two kinds of one id are two videos."""


_START = r"(?i)^https?://(?:[^/?#@]*@)?(?:[a-z0-9-]+\.)*"
_ID = r"(?P<id>[A-Za-z0-9_-]+)"
_HANDLE = r"(?P<handle>[^/?#]+)"
SITES = MappingProxyType(
    {
        "youtube": Site(
            _START
            + r"(?:youtube(?:-nocookie|kids)?\.com(?::[0-9]+)?/+(?:watch/?\?(?:[^#]*[&;])?v=|watch/"
            + rf"|(?:@{_HANDLE}/)?(?:shorts|embed|live|v|e)/)|youtu\.be(?::[0-9]+)?/+){_ID}",
            "https://www.youtube.com/watch?v={id}",
        ),
        "tiktok": Site(
            _START
            + r"tiktok\.com/+(?:(?:@(?P<handle>[^/?#]*)/)?(?P<kind>video|photo)|v|embed(?:/v[0-9])?|player/v1"
            + r"|(?:i18n/)?share/video)/(?P<id>[0-9]+)",
            f"https://www.tiktok.com/@{NOBODY}/video/{{id}}",
            {"photo": f"https://www.tiktok.com/@{NOBODY}/photo/{{id}}"},
        ),
        "douyin": Site(
            _START + r"(?:ies)?douyin\.com/+(?:share/)?video/(?P<id>[0-9]+)", "https://www.douyin.com/video/{id}"
        ),
        "instagram": Site(
            _START + rf"(?:dd)?instagram\.com/+(?:{_HANDLE}/)?(?:p|reel|reels|tv)/{_ID}",
            "https://www.instagram.com/p/{id}/",
        ),
        "x": Site(
            _START
            + rf"(?:x|(?:[fv]x)?twitter|fixupx|fixvx)\.com/+(?:i/web/|{_HANDLE}/)?status(?:es)?/(?P<id>[0-9]+)"
            + r"(?:/video/(?P<kind>[2-9]))?",
            "https://x.com/i/status/{id}",
            {n: f"https://x.com/i/status/{{id}}/video/{n}" for n in "23456789"},
            kinds_differ=True,
        ),
        "facebook": Site(
            _START
            + r"facebook\.com/+(?:watch/?(?:live/?)?\?(?:[^#]*[&;])?v=|video\.php\?(?:[^#]*[&;])?v=|reel/"
            + rf"|{_HANDLE}/videos/(?:[^/?#]+/)?)(?P<id>[0-9]+)",
            "https://www.facebook.com/watch/?v={id}",
        ),
        "reddit": Site(
            _START + rf"reddit\.com/+(?:r/[^/?#]+/|user/{_HANDLE}/)?comments/{_ID}",
            "https://www.reddit.com/comments/{id}",
        ),
        "twitch": Site(
            _START + rf"(?:clips\.twitch\.tv/+|twitch\.tv/+{_HANDLE}/clip/){_ID}", "https://clips.twitch.tv/{id}"
        ),
        "dailymotion": Site(
            _START + rf"(?:dailymotion\.com/+(?:embed/)?video/|dai\.ly/+){_ID}",
            "https://www.dailymotion.com/video/{id}",
        ),
    }
)
"""Sites whose posts have an id and an address that names no creator."""
OTHER_HANDLES = r"(?i)^[a-z][a-z0-9+.-]*://[^/?#]*/+@(?P<handle>[^/?#]+)"
"""A creator's name in an address of any other site."""
NO_POSTS = frozenset({"videoseries", "live_stream"})
"""Words of YouTube's that stand where an id may stand."""
_COMPILED = {name: re.compile(site.pattern) for name, site in SITES.items()}
_OTHER_HANDLES = re.compile(OTHER_HANDLES)
_NO_SCHEME = re.compile(
    r"(?i)(?:www\.[a-z0-9-]+\.|(?:[a-z0-9-]+\.)?(?:youtube|tiktok|instagram|twitter|x|facebook|reddit|douyin)\.com/"
    r"|youtu\.be/|dai\.ly/|clips\.twitch\.tv/)[^\s]"
)
"""Addresses as people paste them, without `https://`."""
_OF_SITES = re.compile(
    r"(?:^|\.)(?:youtube|tiktok|instagram|twitter|x|facebook|reddit|fb|youtu|dai)\.(?:com|watch|be|ly)$"
)
_SHARED_FROM = re.compile(
    r"(?i)utm_\w+|fbclid|gclid|dclid|gbraid|wbraid|msclkid|twclid|ttclid|yclid|igsh|igshid|mc_[ce]id|_ga|_gl|srsltid"
)
"""Parameters that say from where an address was followed, on any site."""
_FROM_WHERE = re.compile(
    _SHARED_FROM.pattern
    + r"|si|feature|lang|ref|refer|is_from_webapp|is_copy_url|sender_device|web_id|_[rtd]|t|s|app|pp|ab_channel"
)
"""More of these parameters, whose names may mean another thing on a site that we do not know."""
_SIGNED = re.compile(r"(?i)(?:^|[&;?_-])(?:sig|sign|signature|token|hmac|hdnea|policy|key-pair-id)=")
"""A signature may be over all parameters: none is taken away."""
_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
_FRONT = re.compile(r"^(?:www|m|mobile)\.((?:[^.]+\.)+[^.]+)$")
"""Labels in front of a host that name no other site; one label alone is no host (`m.co`)."""
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """One address, read."""

    url: str
    """The address that is kept and fetched, without the creator's name where the site is one of SITES."""
    key: str
    """What the post's spellings have in common; of another post it differs."""
    handle: str | None = None
    """The creator's name in the address, in lower case and without `@`."""


@lru_cache(maxsize=4096)
def read(text: str) -> Address:
    """The address in its one form; what is no address of the web stays as it is.

    >>> read("youtu.be/jNQXAC9IVRw?si=x&t=3").url
    'https://www.youtube.com/watch?v=jNQXAC9IVRw'
    >>> read("https://m.tiktok.com/@Some.One/video/73?is_from_webapp=1")
    Address(url='https://www.tiktok.com/@_/video/73', key='https://www.tiktok.com/@_/video/73', handle='some.one')
    >>> read("HTTP://www.Example.org:80/a%7eb/?utm_source=x&b=2&a=1#top")
    Address(url='http://www.example.org/a~b/?b=2&a=1', key='https://example.org/a~b?a=1&b=2', handle=None)
    """
    text = text.strip()
    if _NO_SCHEME.match(text):
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return Address(text, text)
    if parts.scheme.lower() not in _PORTS or not parts.hostname:
        return Address(text, text)
    return _of_site(text) or _of_web(parts, _host(parts.hostname), port)


def made_id(text: str) -> str:
    """The id of a post of which only its address is known: the same for all its spellings.

    >>> made_id("https://youtu.be/a1") == made_id("https://www.youtube.com/shorts/a1")
    True
    """
    return blake2b(read(text).key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _of_site(text: str) -> Address | None:
    plain = unquote(text)
    for name, pattern in _COMPILED.items():
        found = pattern.match(plain)
        if found is None or found["id"] in NO_POSTS:
            continue
        said = found.groupdict()
        handle, kind = (said.get("handle") or "").lower(), (said.get("kind") or "").lower()
        if handle == "share":  # a short link: what looks like an id is none
            return None
        site = SITES[name]
        url = site.of_kind.get(kind, site.form).format(id=found["id"])
        key = url if site.kinds_differ else site.form.format(id=found["id"])
        return Address(url, key, None if handle in NO_HANDLES else handle)
    return None


def _of_web(parts: SplitResult, host: str, port: int | None) -> Address:
    scheme = parts.scheme.lower()
    place = f":{port}" if port is not None and port != _PORTS[scheme] else ""
    path = _path(parts.path)
    query = _query(parts.query, of_site=bool(_OF_SITES.search(host)))
    fragment = f"#{parts.fragment}" if parts.fragment[:1] in ("!", "/") else ""  # a page's own address of its parts
    login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    url = f"{scheme}://{login}{host}{place}{path or '/'}{f'?{query}' if query else ''}{fragment}"
    asked = f"?{'&'.join(sorted(query.split('&')))}" if query else ""
    site = _FRONT.sub(r"\1", host)
    page = key_path(path)
    key = (
        f"https://{site}{place}{path.rstrip('/')}{asked}{fragment}" if page == path else f"https://{site}{place}{page}"
    )
    found = _OTHER_HANDLES.match(unquote(url))
    handle = found["handle"].lower() if found else ""
    return Address(url, key, None if handle in NO_HANDLES else handle)


def _host(name: str) -> str:
    """The name in lower case and ASCII, as it is asked for on the network."""
    name = name.lower().rstrip(".")
    if name.isascii():
        return f"[{name}]" if ":" in name else name
    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        return name


def _path(path: str) -> str:
    """With escapes where they must be and nowhere else, and `.` and `..` followed."""
    path = _escaped(path)
    if "/." not in path:
        return path
    kept: list[str] = []
    for part in path.split("/")[1:]:
        if part == "..":
            kept = kept[:-1]
        elif part != ".":
            kept.append(part)
    return "/" + "/".join(kept)


def _escaped(text: str) -> str:
    return re.sub(r"%([0-9A-Fa-f]{2})", _escape, quote(text, safe="/?%:@!$&'()*+,;=~-._", errors="replace"))


def _escape(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else found[0].upper()


def _query(query: str, *, of_site: bool) -> str:
    """Without what says from where the address was followed: on the sites that we know, all that names no post."""
    if not query or _SIGNED.search(query):
        return query
    dropped = _FROM_WHERE if of_site else _SHARED_FROM
    return "&".join(
        pair for pair in _escaped(query).split("&") if pair and not dropped.fullmatch(pair.partition("=")[0])
    )
