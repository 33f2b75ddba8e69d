"""What a recipe says to the kind `ytdlp`."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator

from h2a_curation.sources.recipe_types import PlainName, SiteAddress
from h2a_curation.sources.ytdlp.recipe_options import DownloadOptions, ExtractorArguments, harmless_arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class YtDlpRules:
    """A platform that yt-dlp can read: its addresses, and how it is asked."""

    name: PlainName = "ytdlp"
    """Prefix of its posts' ids."""
    listing_url: SiteAddress = ""
    """With `{tag}` where the hashtag belongs; empty for a source that only fetches."""
    post_url: SiteAddress = ""
    """With `{id}`; empty where the listed address is the one to fetch."""
    page_size: int = 30
    """Posts that one request lists."""
    min_interval_s: float = 1.0
    """Between two requests to one host, whatever the number of lanes."""
    max_per_host: int = 4
    """Lanes that may ask one host at a time; the others wait."""
    extractor_args: Annotated[ExtractorArguments, AfterValidator(harmless_arguments)] = field(default_factory=dict)
    """As yt-dlp's --extractor-args; from a recipe, those alone that name no address, path or login."""
    options: DownloadOptions = field(default_factory=DownloadOptions)
    """Those of yt-dlp's options that a recipe may set: cookiefile, proxy, impersonate, ..."""

    def __post_init__(self) -> None:
        if self.page_size < 1:
            raise ValueError(f"source {self.name}: page_size must be above 0, and is {self.page_size}")
        if self.listing_url and "{tag}" not in self.listing_url:
            raise ValueError(
                f"source {self.name}: listing_url needs {{tag}} where the hashtag belongs: {self.listing_url}"
            )
