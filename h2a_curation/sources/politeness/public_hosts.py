"""Which hosts are of the public network: an address in a recipe or an answer may lead to the user's own.

A name tells little, so `is_public` is for what is not asked yet; `sources/reach.py` judges each connection by its IP
address.
"""

import re
import unicodedata
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

_OWN_NETWORK = frozenset(
    {"corp", "home", "intern", "internal", "intranet", "lan", "local", "localdomain", "localhost", "private", "arpa"}
)
"""Last labels that name no host of the public network (RFC 6761, RFC 8375, and what networks use)."""
_UNICAST = IPv6Network("2000::/3")
"""All of IPv6 that is given out for the public network; what lies outside is for links, sites, tests and tunnels."""
_IN_DISGUISE = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""Addresses of IPv6 that lead to the IPv4 address in their last 32 bits: mapped ones (RFC 4291), and those that a
network without IPv4 gives to public hosts of IPv4 (NAT64, RFC 6052)."""
_OTHERS_6 = (IPv6Network("2001::/23"), IPv6Network("2001:db8::/32"), IPv6Network("2002::/16"), IPv6Network("3fff::/20"))
"""Within the unicast addresses: protocols and Teredo, examples, 6to4, examples. Tunnels hold an address of IPv4, and
no video is behind one."""
_OTHERS_4 = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"), IPv4Network("168.63.129.16/32"))
"""Protocols and one cloud's metadata, relays of 6to4, and the address at which a cloud speaks to its machines: Python
counts some of them as global."""
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
    return is_public_address(address)


def is_public_address(address: IPv4Address | IPv6Address) -> bool:
    """Whether an IP address is one of the public network, in whichever form it is written.

    >>> is_public_address(ip_address("93.184.215.14")), is_public_address(ip_address("64:ff9b::10.0.0.1"))
    (True, False)
    """
    if isinstance(address, IPv6Address):
        if not any(address in network for network in _IN_DISGUISE):
            return address in _UNICAST and not any(address in network for network in _OTHERS_6)
        address = IPv4Address(int(address) & 0xFFFFFFFF)
    others = any(address in network for network in _OTHERS_4)
    return address.is_global and not (address.is_multicast or address.is_reserved or others)
