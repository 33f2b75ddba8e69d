"""What a recipe says of its source, whatever its kind; each kind's own rules are the part of it that the kind takes.

`open_source` makes the source of it.
"""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, PlainValidator, ValidationInfo

from h2a_curation.foundation import yaml_file
from h2a_curation.sources.recipe_types import PlainName, SiteAddress
from h2a_curation.sources.registry import KINDS, KindSettings, NoSettings, known, nearest, rules_of, settings_of
from h2a_curation.sources.ytdlp.recipe_options import DownloadOptions, ExtractorArguments, harmless_arguments

_FOR_ALL = frozenset({"kind", "fetch_with", "canary", "canary_after", "opt_out", "honour_opt_out", "world"})
"""What is the same for every kind: `open_source`, GuardedSource or the command sees to it, and no source's class."""

_SAMPLE_WORLD = "h2a-sample:"
"""The scheme of the sample site, which yt-dlp's plugin of ours reads and no other."""


def _settings(value: Any, info: ValidationInfo) -> KindSettings | None:
    """A recipe's `settings` as those of its `kind`, which stands before them; ValueError for what that does not take.

    A field's validator: by the time it runs, pydantic has checked the kind, and knows none where it was wrong.
    """
    kind = info.data.get("kind")
    if value is None or kind is None:
        return None
    return yaml_file.check(value, settings_of(kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRules:
    """A recipe's `source`: its keys for all kinds, of which each kind takes some."""

    kind: Annotated[str, AfterValidator(known)] = "ytdlp"
    """`ytdlp`: listings that yt-dlp can read. `table`: a file of URLs. `folder`: files with yt-dlp's sidecars.
    `tiktok_research`: the TikTok Research API. `peertube`: an instance of PeerTube, or an index of many. `mastodon`: an
    instance of Mastodon."""
    name: PlainName = "ytdlp"
    """Prefix of its posts' ids."""
    listing_url: SiteAddress = ""
    """With `{tag}` where the hashtag belongs."""
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
    file: Path | None = None
    """The table, or the folder."""
    columns: dict[str, str] = field(default_factory=dict)
    """Our column's name to the table's, where they differ."""
    settings: Annotated[KindSettings | None, PlainValidator(_settings)] = None
    """What this kind alone takes."""
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
        if not KINDS[known(self.kind)].fetches and self.fetch_with is None:
            raise ValueError(f"source kind {self.kind} gives no files: name another source in fetch_with")
        if self.max_per_host < 1 or self.canary_after < 1:
            raise ValueError("max_per_host and canary_after start at 1")
        if self.fetch_with is not None and self.fetch_with.fetch_with is not None:
            raise ValueError("fetch_with names the source that fetches: it has no fetch_with of its own")
        if self.fetch_with is not None and not KINDS[self.fetch_with.kind].fetches_for_others:
            raise ValueError(
                f"fetch_with downloads by address, and kind {self.fetch_with.kind} does not: name ytdlp there"
            )

    @property
    def by_tag(self) -> bool:
        """Whether it lists posts by hashtag; a table or a folder is one listing."""
        return KINDS[self.kind].by_tag

    @property
    def grows(self) -> bool:
        """Whether posts may come to a hashtag's listing that was read."""
        return self.by_tag and (self.settings is None or self.settings.grows)

    @property
    def is_invented(self) -> bool:
        """Whether all that it lists and fetches is of a sample world, so that its creators are invented."""
        own = [self.listing_url, self.post_url]
        return bool(self.world) and self.fetch_with is None and all(url.startswith(_SAMPLE_WORLD) for url in own)

    def of_kind(self) -> Any:
        """The rules of the kind's own class. ValueError for what was set and is not taken, with the nearest that is."""
        into, plain = rules_of(self.kind), SourceRules()
        taken = {f.name for f in fields(into)}
        said = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _FOR_ALL}
        if said["settings"] is None or type(said["settings"]) is NoSettings:
            said.pop("settings")  # the kind's own defaults hold
        if unused := [name for name, value in said.items() if name not in taken and value != getattr(plain, name)]:
            raise ValueError(f"source kind {self.kind} has no setting {unused[0]!r}{nearest(unused[0], sorted(taken))}")
        return into(**{name: value for name, value in said.items() if name in taken})

    @property
    def opt_outs(self) -> list[Path]:
        """All lists of whom to leave alone, that of `fetch_with` among them."""
        return [said.opt_out for said in (self, self.fetch_with) if said and said.opt_out]

    def beside(self, recipe: Path) -> "SourceRules":
        """With paths as seen from the recipe's file."""

        def seen(path: Path | None) -> Path | None:
            return None if path is None else yaml_file.beside(recipe, path)

        options = replace(self.options, cookiefile=seen(self.options.cookiefile))
        other = self.fetch_with and self.fetch_with.beside(recipe)
        return replace(self, file=seen(self.file), opt_out=seen(self.opt_out), options=options, fetch_with=other)
