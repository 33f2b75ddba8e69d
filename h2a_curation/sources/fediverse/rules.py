"""What a recipe says to the kinds `peertube` and `mastodon`, and which instance they ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from h2a_curation.sources.recipe_types import InstanceAddress, PlainName
from h2a_curation.sources.registry import KindSettings

PEERTUBE_ADDRESS = "H2A_PEERTUBE_URL"
"""The environment variable that names an instance in place of the recipe's, one of one's own network among them."""
MASTODON_ADDRESS = "H2A_MASTODON_URL"
"""As PEERTUBE_ADDRESS."""
MAX_VIDEOS = 100
"""The most videos that one answer lists (`count` in PeerTube's documentation)."""
MAX_STATUSES = 40
"""The most statuses that one answer lists (`limit` in Mastodon's documentation)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerTubeSettings(KindSettings):
    """What the kind `peertube` alone takes."""

    instance: InstanceAddress = ""
    """The instance, or the index of many, that lists videos: https:// and its host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MastodonSettings(KindSettings):
    """What the kind `mastodon` alone takes."""

    instance: InstanceAddress = ""
    """The instance that lists posts: https:// and its host."""
    only_local: bool = False
    """Ask for posts of the instance's own accounts alone. Some instances show strangers no others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerTubeRules:
    """How an instance of PeerTube is asked."""

    name: PlainName = "peertube"
    """Prefix of its posts' ids."""
    page_size: int = 30
    """Videos that one request lists."""
    min_interval_s: float = 1.0
    """Between two requests to one host, whatever the number of lanes."""
    max_per_host: int = 4
    """Lanes that may ask one host at a time; the others wait."""
    settings: PeerTubeSettings = field(default_factory=PeerTubeSettings)

    def __post_init__(self) -> None:
        _check_page_size(self.name, self.page_size, MAX_VIDEOS)


@dataclass(frozen=True, slots=True, kw_only=True)
class MastodonRules:
    """How an instance of Mastodon is asked."""

    name: PlainName = "mastodon"
    """Prefix of its posts' ids."""
    page_size: int = 30
    """Statuses that one request lists."""
    min_interval_s: float = 1.0
    """Between two requests to one host, whatever the number of lanes."""
    max_per_host: int = 4
    """Lanes that may ask one host at a time; the others wait."""
    settings: MastodonSettings = field(default_factory=MastodonSettings)

    def __post_init__(self) -> None:
        _check_page_size(self.name, self.page_size, MAX_STATUSES)


def instance_of(said: str, variable: str, environment: Mapping[str, str]) -> str:
    """The address of the instance: that of the environment variable, else the recipe's; empty where neither names one.

    ValueError for one in the environment that is no web address.
    """
    own = environment.get(variable)
    if not own:
        return said
    parts = urlsplit(own)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"${variable} is {own!r}: give the address of an instance, such as https://video.example.org")
    return own.rstrip("/")


def check_instance(name: str, instance: str, variable: str) -> None:
    """ValueError where no instance is named."""
    if not instance:
        raise ValueError(
            f"source {name}: no instance is named. Choose one whose rules allow what you do, and give it as"
            f" settings: {{instance: https://...}} in the recipe, or as ${variable}"
        )


def _check_page_size(name: str, page_size: int, most: int) -> None:
    if not 1 <= page_size <= most:
        raise ValueError(f"source {name}: page_size is from 1 to {most}, and is {page_size}")
