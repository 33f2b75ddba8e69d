"""Short links, as apps and posts share them: addresses that name a post only by where they lead.

They are asked where they lead right before the post is fetched: a listing or table may hold thousands, of which a build
fetches few.
"""

import re

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.sources.http import HttpClient

_SHORT = re.compile(
    r"(?i)^https?://(?:www\.|m\.)?(?:"
    r"v[mt]\.tiktok\.com/|tiktok\.com/t/|v\.douyin\.com/|v\.kuaishou\.com/|instagram\.com/share/(?:reel/|p/)?"
    r"|fb\.watch/|facebook\.com/share/(?:[rvp]/)?|redd\.it/|reddit\.com/(?:r|u|user)/[^/]+/s/"
    r"|b23\.tv/|xhslink\.com/|pin\.it/|t\.co/|bit\.ly/|tinyurl\.com/|is\.gd/|ow\.ly/|buff\.ly/|lnkd\.in/|goo\.gl/|rb\.gy/"
    r")[^/?#]"
)
"""Hosts and paths of sites' own short links, and of the services that make most of the others."""
_MAX_HOPS = 5
"""Short links that lead to each other: one of an app inside one of a service is usual."""


def is_short(url: str) -> bool:
    """Whether an address is a short link.

    >>> is_short("https://vm.tiktok.com/ZMLhV4Lcv/"), is_short("https://www.tiktok.com/@_/video/73")
    (True, False)
    """
    return _SHORT.match(url) is not None


class ShortLinks:
    """Asks short links where they lead. Safe to call from several threads."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def resolved(self, url: str) -> str:
        """The address to which the link leads; of any other address, that address.

        FetchError where it cannot be asked, or leads nowhere.
        """
        first = url
        for _ in range(_MAX_HOPS):
            if not is_short(url):
                return url
            place = self._client.leads_to(url)
            if place is None:
                raise FetchError(ErrorKind.GONE, f"the short link {url} leads nowhere")
            url = place
        raise FetchError(ErrorKind.SERVER_ERROR, f"more than {_MAX_HOPS} short links from {first}")
