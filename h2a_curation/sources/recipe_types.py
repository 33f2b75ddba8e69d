"""Types of what a recipe says to a source, with the checks that pydantic runs when the recipe is read."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from h2a_curation.sources.politeness.public_hosts import is_public

_PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


def _plain_name(name: str) -> str:
    """The name as it is: it is part of a file's name, and ends at the first colon of a post's id."""
    if not re.fullmatch(r"\w[\w.-]{0,63}", name):
        raise ValueError(f"{name!r} cannot stand before post ids: give letters, digits, '_', '-' and '.' alone")
    return name


def _site_address(address: str) -> str:
    """The address as it is: a recipe names sites, not files of this machine."""
    if re.match(r"\s*(file:|[/\\.~])", address, re.IGNORECASE):
        raise ValueError(f"{address!r} is a path on this machine: give a site's address, such as https://...")
    return address


def _proxy_address(address: str) -> str:
    """The address of a proxy as it is, or empty for none; ValueError for what is no such address."""
    try:
        parts = urlsplit(address)
        is_known = parts.scheme in _PROXY_SCHEMES and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_known = False
    if address and (not is_known or re.search(r"[\s\x00-\x1f\x7f]", address)):
        shown = address.rpartition("@")[2]  # before it stands a password
        raise ValueError(f"{shown!r} is no proxy: give {', '.join(_PROXY_SCHEMES)}, then ://HOST:PORT")
    return address


def _instance_address(address: str) -> str:
    """The address of an instance without a last slash, or empty; ValueError for one that a recipe may not name."""
    try:
        parts = urlsplit(address)
        is_whole_host = parts.scheme == "https" and not parts.username and parts.path in ("", "/") and parts.port != 0
    except ValueError:
        is_whole_host = False
    if address and not (is_whole_host and is_public(address) and not re.search(r"[?#\s\\]", address)):
        raise ValueError(
            f"{address!r} is no instance: give https:// and the name of a public host. One of your own network comes"
            " from the environment alone (docs/sources.md)"
        )
    return address.rstrip("/")


PlainName = Annotated[str, AfterValidator(_plain_name)]
SiteAddress = Annotated[str, AfterValidator(_site_address)]
ProxyAddress = Annotated[str, AfterValidator(_proxy_address)]
InstanceAddress = Annotated[str, AfterValidator(_instance_address)]
