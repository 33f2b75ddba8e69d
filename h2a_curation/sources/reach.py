"""Where connections may go: to the public network, and into a private one where whoever runs the command says so.

An address comes from a table, a listing, a page or a redirect, so it may lead to the user's own router, to a service of
this machine, or to the metadata of a cloud. Each is looked at twice. Before a request the host's name is resolved: that
gives a clear word in time. And before a byte is sent the address of the very connection is judged, since by then the
name may say another one (DNS rebinding), and two programs may read one odd address in two ways.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.sources.politeness.public_hosts import is_public, is_public_address

_USUAL_PORT = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which hosts may be connected to. By default public ones alone."""

    allow_private: bool = False
    """Whether any host may be."""
    sites: tuple[str, ...] = ()
    """Addresses of sites that the program serves itself, or that the environment names; each opens its own port."""
    proxies: tuple[str, ...] = ()
    """Addresses of proxies that the environment names: connections may go to them, and requests for them may not."""

    @classmethod
    def of_user(cls, *, allow_private: bool = False, sites: Iterable[str] = ()) -> "Reach":
        """The reach with the proxies that the environment names."""
        proxies = tuple(url for scheme, url in sorted(getproxies().items()) if scheme != "no")
        return cls(allow_private=allow_private, sites=tuple(sites), proxies=proxies)

    def and_site(self, url: str) -> "Reach":
        """This reach, and a site beside; the same for an empty address."""
        return replace(self, sites=(*self.sites, url)) if url else self

    def and_proxy(self, url: str | None) -> "Reach":
        """This reach, and a proxy beside; the same for none."""
        return replace(self, proxies=(*self.proxies, url)) if url else self

    def check(self, url: str) -> None:
        """FetchError where the address is none, or leads into a private network, which is not to be asked.

        A name that cannot be resolved is judged as a name: a proxy may know it.
        """
        if self.allow_private:
            return
        host, port = _place(url)
        if not host:
            raise FetchError(ErrorKind.NOT_VIDEO, f"{url[:200]!r} is no address")
        found = _resolved(host)
        if not found and not is_public(url):
            raise _refused(host, "its name is no public one")
        for address in found:
            if not self._is_open(address, port, self.sites):
                raise _refused(host, f"at {address}")

    def check_connection(self, address: str, port: int) -> None:
        """FetchError where a connection to this IP address and port must not be used."""
        if not self.allow_private and not self._is_open(address, port, (*self.sites, *self.proxies)):
            raise _refused(f"{address}, port {port}", "where the name led just now")

    def _is_open(self, address: str, port: int | None, named: Iterable[str]) -> bool:
        if is_public_address(ip_address(address.partition("%")[0])):
            return True
        places = map(_place, named)
        return any(port == own_port and address in _resolved(host) for host, own_port in places)


def _refused(host: str, why: str) -> FetchError:
    remedy = "add --allow-private if you mean that host"
    return FetchError(ErrorKind.NOT_PERMITTED, f"{host[:200]} is in a private network ({why}): {remedy}")


def _place(url: str) -> tuple[str, int | None]:
    """Host and port of an address; an empty host where it has none that can be read."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        return parts.hostname or "", parts.port or _USUAL_PORT.get(parts.scheme)
    except ValueError:
        return "", None


def _resolved(host: str) -> list[str]:
    """The IP addresses of a host; none where it has no name that leads anywhere."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)] if host else []
    except (OSError, ValueError):  # no such name, or none that can be asked for
        return []
