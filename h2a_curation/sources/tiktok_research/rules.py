"""What a recipe says to the kind `tiktok_research`, and which address gets the key and secret."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator

from h2a_curation.sources.recipe_types import PlainName, ProxyAddress
from h2a_curation.sources.registry import KindSettings

TIKTOK = "https://open.tiktokapis.com"
TIKTOK_ADDRESS = "H2A_TIKTOK_BASE_URL"
"""The environment variable that names another address than TikTok's own, such as a test's."""
MAX_PAGE_SIZE = 100
"""The most videos that one answer of the API lists (`max_count` in its documentation)."""
_BY_COMMAND = "it comes from the environment alone"


def _country_codes(codes: tuple[str, ...]) -> tuple[str, ...]:
    if bad := [code for code in codes if not re.fullmatch("[A-Z]{2}", code)]:
        raise ValueError(f"{bad[0]!r} is no country: give two-letter codes such as US")
    return codes


@dataclass(frozen=True, slots=True, kw_only=True)
class TikTokSettings(KindSettings):
    """What the kind `tiktok_research` alone takes: never an address, a key or a secret."""

    regions: Annotated[tuple[str, ...], AfterValidator(_country_codes)] = ()
    """Two letters of the creators' countries; empty for all."""
    video_lengths: tuple[Literal["SHORT", "MID", "LONG", "EXTRA_LONG"], ...] = ()
    """Under 15 s, to 1 min, to 5 min, longer; empty for all."""
    until: date | None = None
    """The last day of the newest window; left out: today."""
    num_windows: int = 12
    """Windows of 30 days that a listing goes back."""
    requests_per_day: int = 1000
    """Requests that the project may make on one UTC day."""
    proxy: ProxyAddress | None = None
    """Address of a proxy for the API's requests, which are encrypted for TikTok."""

    @property
    def grows(self) -> bool:
        """Not where the last day is set: what was posted by then is there."""
        return self.until is None

    NOT_HERE: ClassVar[dict[str, str]] = {
        "base_url": f"key and secret go there; set ${TIKTOK_ADDRESS}",
        "credentials": _BY_COMMAND,
        "client_key": _BY_COMMAND,
        "client_secret": _BY_COMMAND,
    }
    """What would send the key and secret elsewhere, or put them in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TikTokResearchRules:
    """How the API is asked, and for what."""

    name: PlainName = "tiktok"
    """Prefix of its posts' ids."""
    page_size: int = MAX_PAGE_SIZE
    """Videos that one request lists."""
    min_interval_s: float = 1.0
    """Between two requests to the API, whatever the number of lanes."""
    max_per_host: int = 4
    """Lanes that may ask the API at a time; the others wait."""
    settings: TikTokSettings = field(default_factory=TikTokSettings)

    def __post_init__(self) -> None:
        if self.settings.num_windows < 1 or not 1 <= self.page_size <= MAX_PAGE_SIZE:
            raise ValueError(f"source {self.name}: num_windows starts at 1, and page_size is from 1 to {MAX_PAGE_SIZE}")


def tiktok_address(environment: Mapping[str, str]) -> str:
    """Where the Research API is asked: TikTok's own address, or that of $H2A_TIKTOK_BASE_URL.

    ValueError for one that is not encrypted: key and secret go there. This machine's own may be plain.
    """
    address = environment.get(TIKTOK_ADDRESS) or TIKTOK
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")):
        raise ValueError(f"${TIKTOK_ADDRESS} is {address!r}: key and secret go there, so give an address of https://")
    return address
