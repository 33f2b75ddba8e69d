"""PeerTube's pages of one video, on whatever host: under its id or a short one, to watch it or to embed it."""

import re
from uuid import UUID

_ALPHABET = "123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
"""Digits of base 58 as Flickr orders them, in which PeerTube writes an id of 128 bits for people."""
_SHORT = 22
_PAGE = re.compile(
    r"/(?:w|videos/watch|videos/embed)/(?P<id>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    rf"|[1-9A-HJ-NP-Za-km-z]{{{_SHORT}}})/?"
)


def key_path(path: str) -> str:
    """The path by which all pages of one video are known; any other path as it is.

    >>> key_path("/w/kkGMgK9ZtnKfYAgnEtQxbv")
    '/videos/watch/9c9de5e8-0a1e-484a-b099-e80766180a6d'
    """
    video = _video(path)
    return path if video is None else f"/videos/watch/{video}"


def spellings(path: str) -> list[str]:
    """All paths of the video whose page this is; of any other path none."""
    video = _video(path)
    if video is None:
        return []
    names = (str(video), _short(video))
    return [f"/{page}/{name}" for page in ("w", "videos/watch", "videos/embed") for name in names]


def _video(path: str) -> UUID | None:
    found = _PAGE.fullmatch(path)
    if found is None:
        return None
    if "-" in found["id"]:
        return UUID(found["id"])
    number = 0
    for digit in found["id"]:
        number = number * len(_ALPHABET) + _ALPHABET.index(digit)
    return UUID(int=number) if number < 2**128 else None


def _short(video: UUID) -> str:
    number, digits = video.int, ""
    while number:
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits.rjust(_SHORT, _ALPHABET[0])
