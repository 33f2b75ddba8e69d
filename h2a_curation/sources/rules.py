"""What a recipe says of its source; `open_source` makes the source of it."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from h2a_curation.sources.kinds import KINDS, nearest


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"unknown source kind {kind!r}{nearest(kind, KINDS)}")
    return kind


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRules:
    """Where posts come from."""

    kind: Annotated[str, AfterValidator(_known)] = "ytdlp"
    """`ytdlp`: listings that yt-dlp can read. `table`: a file of URLs. `folder`: files with yt-dlp's sidecars.
    `tiktok_research`: the TikTok Research API."""
    name: str = "ytdlp"
    """Prefix of its posts' ids."""
    listing_url: str = ""
    """With `{tag}` where the hashtag belongs."""
    post_url: str = ""
    """With `{id}`; empty where the listed address is the one to fetch."""
    page_size: int = 30
    """Posts that one request lists."""
    min_interval_s: float = 1.0
    """Between two requests to one host, whatever the number of lanes."""
    max_per_host: int = 4
    """Lanes that may ask one host at a time; the others wait."""
    extractor_args: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """As yt-dlp's --extractor-args."""
    options: dict[str, Any] = field(default_factory=dict)
    """yt-dlp's own options: cookiefile, proxy, impersonate, ..."""
    file: Path | None = None
    """The table, or the folder."""
    columns: dict[str, str] = field(default_factory=dict)
    """Our column's name to the table's, where they differ."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What this kind alone takes: the parameters of its class."""
    fetch_with: "SourceRules | None" = None
    """Another source that fetches what this one lists."""
    canary: str = ""
    """Address of a post known to be good: while it cannot be fetched either, the site is at fault, not the post."""
    canary_after: int = 5
    """Failures in a row that call for the canary where they could be the site's fault; four times as many that look
    like the posts' own."""
    opt_out: Path | None = None
    """A file of posts, creators and hosts to leave alone, one address, id, name or host a line. It is read anew for
    every decision, and is the first rule of each."""
    honour_opt_out: bool = True
    """Leave alone what creators mark as not to be downloaded, and what a plain web host's robots.txt or headers
    forbid. The file `opt_out` counts in any case."""
    world: Literal["", "full", "mini"] = ""
    """Serve the built-in sample world of this size while the build runs, and mine that."""

    def __post_init__(self) -> None:
        if not KINDS[_known(self.kind)].fetches and self.fetch_with is None:
            raise ValueError(f"source kind {self.kind} gives no files: name another source in fetch_with")
        if self.max_per_host < 1 or self.canary_after < 1:
            raise ValueError("max_per_host and canary_after start at 1")
        if self.fetch_with is not None and self.fetch_with.fetch_with is not None:
            raise ValueError("fetch_with names the source that fetches: it has no fetch_with of its own")

    @property
    def by_tag(self) -> bool:
        """Whether it lists posts by hashtag; a table or a folder is one listing."""
        return KINDS[self.kind].by_tag

    @property
    def opt_outs(self) -> list[Path]:
        """All lists of whom to leave alone, that of `fetch_with` among them."""
        return [said.opt_out for said in (self, self.fetch_with) if said and said.opt_out]

    def beside(self, recipe: Path) -> "SourceRules":
        """With paths as seen from the recipe's file."""

        def seen(path: Path | None) -> Path | None:
            return None if path is None else recipe.parent / path

        options = dict(self.options)
        if "cookiefile" in options:
            options["cookiefile"] = str(recipe.parent / str(options["cookiefile"]))
        other = self.fetch_with and self.fetch_with.beside(recipe)
        return replace(self, file=seen(self.file), opt_out=seen(self.opt_out), options=options, fetch_with=other)
