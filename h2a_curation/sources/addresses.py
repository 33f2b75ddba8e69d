"""Addresses of posts that name the post and not its creator."""

import re

_TIKTOK_POST = re.compile(r"(?<=tiktok\.com/@)[^/?#]+(?=/(?:video|photo)/\d)")


def without_handle(url: str) -> str:
    """TikTok's addresses carry the creator's name, and work as well without it.

    >>> without_handle("https://www.tiktok.com/@some.one/video/7300000000000000000")
    'https://www.tiktok.com/@_/video/7300000000000000000'
    """
    return _TIKTOK_POST.sub("_", url)
