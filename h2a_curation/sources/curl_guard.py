"""Lets libcurl open a socket to those addresses alone that a reach admits: it asks for each, redirects' ones too.

curl_cffi has no word for this callback of libcurl's (CURLOPT_OPENSOCKETFUNCTION), so it is set through the library's
own binding.
"""

import functools
import socket
import struct
from typing import Any

from curl_cffi import Curl, CurlOpt
from curl_cffi._wrapper import ffi, lib  # type: ignore[import-not-found]  # it is compiled

from h2a_curation.acquire.errors import FetchError
from h2a_curation.sources.reach import Reach

_BAD = -1
"""CURL_SOCKET_BAD: the connection fails, and the next address of the host is tried."""
_HEAD = struct.Struct("@iiiI")
"""`struct curl_sockaddr` up to the address: family, type, protocol, and the address's number of bytes."""
_PLACE_OF_IP = {socket.AF_INET: slice(4, 8), socket.AF_INET6: slice(8, 24)}


def guard(curl: Curl, reach: Reach) -> None:
    """Let the next transfer of this handle, and of a copy of it, connect to what the reach admits alone."""
    if lib._curl_easy_setopt(curl._curl, CurlOpt.OPENSOCKETFUNCTION, _opener(reach)) != 0:
        raise RuntimeError("this libcurl cannot be told where to connect: install the pinned curl_cffi")


@functools.cache  # kept for ever: libcurl may call it for as long as any handle lives
def _opener(reach: Reach) -> Any:
    @ffi.callback("int(void *, int, void *)", error=_BAD)  # type: ignore[untyped-decorator]
    def open_socket(_client: Any, _purpose: int, place: Any) -> int:
        whole = ffi.cast("char *", place)
        family, kind, protocol, num_bytes = _HEAD.unpack(bytes(ffi.buffer(whole, _HEAD.size)))
        if family not in _PLACE_OF_IP:
            return _BAD
        where = bytes(ffi.buffer(whole + _HEAD.size, num_bytes))
        try:
            reach.check_connection(
                socket.inet_ntop(family, where[_PLACE_OF_IP[family]]), int.from_bytes(where[2:4], "big")
            )
            return socket.socket(family, kind, protocol).detach()
        except (FetchError, OSError):
            return _BAD

    return open_socket
