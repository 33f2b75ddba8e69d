"""The sources there are, by the name that recipes give them."""

import difflib
import importlib
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_ROOM = "h2a_curation.sources"


class KindSettings:
    """What a recipe's `settings` hold: that which one kind takes and no other, as a dataclass of that kind."""

    __slots__ = ()

    @property
    def grows(self) -> bool:
        """Whether posts may come to a listing that was read."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSettings(KindSettings):
    """The settings of a kind that takes none."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of source: a class, and the dataclass of what a recipe says to it."""

    made_by: str
    """Module in this package and class; imported when a source is made, since yt-dlp takes a second."""
    rules: str
    """Module in this package and dataclass; imported when a recipe names the kind, so its module must be light."""
    by_tag: bool
    """Whether it lists by hashtag; else it is one listing, asked for with the tag `""`."""
    fetches: bool = True
    """Whether it gives files too; else a recipe names another source in `fetch_with`."""
    fetches_for_others: bool = False
    """Whether it fetches what another source lists. A table or a folder does not: of an address that a site lists it
    would make a path on this machine."""


KINDS = {
    "ytdlp": Kind("ytdlp.source:YtDlp", "ytdlp.rules:YtDlpRules", by_tag=True, fetches_for_others=True),
    "table": Kind("table:TableOfUrls", "table:TableRules", by_tag=False),
    "folder": Kind("folder:FolderOfFiles", "folder:FolderRules", by_tag=False),
    "tiktok_research": Kind(
        "tiktok_research.source:TikTokResearch", "tiktok_research.rules:TikTokResearchRules", by_tag=True, fetches=False
    ),
    "peertube": Kind("fediverse.peertube:PeerTube", "fediverse.rules:PeerTubeRules", by_tag=True),
    "mastodon": Kind("fediverse.mastodon:Mastodon", "fediverse.rules:MastodonRules", by_tag=True),
}


def known(kind: str) -> str:
    """The kind as it is; ValueError names the nearest where there is none of that name."""
    if kind not in KINDS:
        raise ValueError(f"unknown source kind {kind!r}{nearest(kind, KINDS)}")
    return kind


def class_of(kind: str) -> Any:
    """The kind's class, which is made of its rules and a SourceContext."""
    return _imported(KINDS[known(kind)].made_by)


def rules_of(kind: str) -> Any:
    """The dataclass of what a recipe says to this kind; its fields are named as the recipe's keys."""
    return _imported(KINDS[known(kind)].rules)


def settings_of(kind: str) -> type[KindSettings]:
    """The dataclass of a recipe's `settings` for this kind."""
    settings: type[KindSettings] = typing.get_type_hints(rules_of(kind)).get("settings", NoSettings)
    return settings


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence on an unknown name."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)
    return f"; the nearest known is {close[0]!r}" if close else ""


def _imported(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(f"{_ROOM}.{module}"), name)
