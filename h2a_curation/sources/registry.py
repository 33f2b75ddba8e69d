"""The sources there are, by the name that recipes give them."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One source adapter."""

    made_by: str
    """Module and class; imported when one is made, since yt-dlp takes a second."""
    by_tag: bool
    """Whether it lists by hashtag; else it is one listing, asked for with the tag `""`."""
    fetches: bool = True
    """Whether it gives files too; else a recipe names another source in `fetch_with`."""
    fetches_for_others: bool = False
    """Whether it fetches what another source lists. A table or a folder does not: of an address that a site lists it
    would make a path on this machine."""


KINDS = {
    "ytdlp": Kind("h2a_curation.sources.ytdlp.source:YtDlp", True, fetches_for_others=True),
    "table": Kind("h2a_curation.sources.table:TableOfUrls", False),
    "folder": Kind("h2a_curation.sources.folder:FolderOfFiles", False),
    "tiktok_research": Kind("h2a_curation.sources.tiktok_research.source:TikTokResearch", True, fetches=False),
}


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence on an unknown name."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)
    return f"; the nearest known is {close[0]!r}" if close else ""
