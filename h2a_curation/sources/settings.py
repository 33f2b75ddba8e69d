"""What a recipe may say to one kind of source alone, with types: never an address, a key, a clock or a folder."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ValidationInfo

from h2a_curation.foundation import yaml_file
from h2a_curation.sources.ytdlp.recipe_options import proxy_address

TIKTOK = "https://open.tiktokapis.com"
TIKTOK_ADDRESS = "H2A_TIKTOK_BASE_URL"
"""The environment variable that names another address than TikTok's own, such as a test's."""
_BY_COMMAND = "it comes from the environment alone"


class KindSettings:
    """Settings of one kind of source."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSettings(KindSettings):
    """Of kinds that have no settings but those of every source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSettings(KindSettings):
    """Of the kind `folder`."""

    hard_link: bool = True
    """The lake shares a file's bytes where both are on one disk; else it gets a copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TikTokSettings(KindSettings):
    """Of the kind `tiktok_research`."""

    regions: tuple[str, ...] = ()
    """Two letters of the creators' countries; empty for all."""
    video_lengths: tuple[Literal["SHORT", "MID", "LONG", "EXTRA_LONG"], ...] = ()
    """Under 15 s, to 1 min, to 5 min, longer; empty for all."""
    until: date | None = None
    """The last day of the newest window; left out: today."""
    num_windows: int = 12
    """Windows of 30 days that a listing goes back."""
    requests_per_day: int = 1000
    """Requests that the project may make on one UTC day."""
    proxy: Annotated[str, AfterValidator(proxy_address)] | None = None
    """Address of a proxy for the API's requests, which are encrypted for TikTok."""

    NOT_HERE: ClassVar[dict[str, str]] = {
        "base_url": f"key and secret go there; set ${TIKTOK_ADDRESS}",
        "credentials": _BY_COMMAND,
        "client_key": _BY_COMMAND,
        "client_secret": _BY_COMMAND,
    }
    """What would send the key and secret elsewhere, or put them in a file."""


_OF_KIND: Mapping[str, type[KindSettings]] = {"folder": FolderSettings, "tiktok_research": TikTokSettings}


def of_kind(value: Any, info: ValidationInfo) -> KindSettings | None:
    """A recipe's `settings` as those of its `kind`, which stands before them; ValueError for what that does not take.

    A field's validator: by the time it runs, pydantic has checked the kind, and knows none where it was wrong.
    """
    kind = info.data.get("kind")
    if value is None or kind is None:
        return None
    return yaml_file.check(value, _OF_KIND.get(kind, NoSettings))


def tiktok_address(environment: Mapping[str, str] = os.environ) -> str:
    """Where the Research API is asked: TikTok's own address, or that of $H2A_TIKTOK_BASE_URL.

    ValueError for one that is not encrypted: key and secret go there. This machine's own may be plain.
    """
    address = environment.get(TIKTOK_ADDRESS) or TIKTOK
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")):
        raise ValueError(f"${TIKTOK_ADDRESS} is {address!r}: key and secret go there, so give an address of https://")
    return address


def as_parameters(settings: KindSettings | None) -> dict[str, Any]:
    """Parameters of the source's class, by name."""
    return {} if settings is None else asdict(settings)  # type: ignore[call-overload]  # a dataclass
