"""What a plain web host says of machines: robots.txt, and headers that reserve a file."""

import threading
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from protego import Protego

from h2a_curation.acquire.errors import ErrorKind, FetchError

AGENT = "Hashtag2Action"
"""The name by which robots.txt may speak of us; else its rules for `*` hold."""
_MAX_BYTES = 512_000
"""RFC 9309 asks for at least 500 KiB."""
_RESERVED = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
"""Directives of X-Robots-Tag that img2dataset and video2dataset honour as well."""


class Robots:
    """Each host's rules, asked for once. Safe to call from several threads."""

    def __init__(self) -> None:
        self._rules: dict[str, Protego] = {}
        self._lock = threading.Lock()

    def check(self, url: str, read: Callable[[str, int], str | None]) -> None:
        """FetchError where the host forbids the address.

        `read(url, max_bytes)` is the client's that will fetch the file, so that the host's rules come by the same way
        (proxy, cookies, fingerprint) as the file. It gives None where there is no such file (4xx, which allows all),
        and raises where the host fails (5xx): then nothing is allowed yet. As RFC 9309 has it, the longest rule that
        matches counts, `*` stands for anything and a last `$` for the end.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            return
        host = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            rules = self._rules.get(host)
        if rules is None:
            rules = Protego.parse(read(f"{host}/robots.txt", _MAX_BYTES) or "")
            with self._lock:
                self._rules[host] = rules
        if not rules.can_fetch(url, AGENT):
            raise FetchError(ErrorKind.OPT_OUT, f"{host}/robots.txt forbids it")


def reservation(headers: Mapping[str, str | None]) -> str:
    """The header by which an answer asks not to be taken, or nothing: X-Robots-Tag, or the W3C's TDM-Reservation."""
    tag = headers.get("X-Robots-Tag") or ""
    for directive in tag.replace(":", ",").split(","):
        if directive.strip().lower() in _RESERVED:
            return f"X-Robots-Tag: {tag}"
    return "TDM-Reservation: 1" if (headers.get("TDM-Reservation") or "").strip() == "1" else ""
