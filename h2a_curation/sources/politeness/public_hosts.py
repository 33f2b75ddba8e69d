"""Which hosts are of the public network: an address in a recipe or an answer may lead to the user's own."""

import re
import unicodedata
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

_OWN_NETWORK = frozenset(
    {"corp", "home", "intern", "internal", "intranet", "lan", "local", "localdomain", "localhost", "private", "arpa"}
)
"""Last labels that name no host of the public network (RFC 6761, RFC 8375, and what networks use)."""
_NAME = re.compile(r"(?:[a-z0-9_-]+\.)+(?P<last>[a-z][a-z0-9-]+)")


def is_public(url: str) -> bool:
    """Whether the address names a public host, as far as its name tells: nobody is asked what the name leads to.

    A name in digits (`127.1`, `0x7f000001`) is an address in disguise.

    >>> is_public("https://video.example.org/w/1"), is_public("http://10.0.0.1/"), is_public("http://router.lan/")
    (True, False, False)
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    host = unicodedata.normalize("NFKC", host).lower()
    try:
        address = ip_address(host)
    except ValueError:
        if not host.isascii():
            host = re.sub(r"[^\x00-\x7f]", "x", host)
        named = _NAME.fullmatch(host)
        return named is not None and named["last"] not in _OWN_NETWORK
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast
