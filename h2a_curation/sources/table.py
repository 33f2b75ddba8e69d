"""Posts from a table of URLs: CSV, JSONL or Parquet, its columns mapped by name."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator

from h2a_curation.acquire.errors import ErrorKind, FetchError, Policy
from h2a_curation.foundation.files_below import copy
from h2a_curation.foundation.secret_text import shareable
from h2a_curation.sources.base import Cost, Page, Source, SourceContext
from h2a_curation.sources.content import of_table
from h2a_curation.sources.local_files import opened
from h2a_curation.sources.recipe_types import PlainName
from h2a_curation.sources.table_posts import read_posts
from h2a_curation.sources.ytdlp.recipe_options import DownloadOptions, ExtractorArguments, harmless_arguments
from h2a_curation.sources.ytdlp.rules import YtDlpRules
from schemas import Post


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRules:
    """What a recipe says to the kind `table`."""

    name: PlainName = "table"
    """Prefix of its posts' ids."""
    file: Path | None = None
    """The table; the command line may name it in place of the recipe."""
    columns: dict[str, str] = field(default_factory=dict)
    """Our column's name to the table's, where they differ, such as `{"url": "link"}`."""
    min_interval_s: float = 1.0
    """Between two downloads from one host, whatever the number of lanes."""
    max_per_host: int = 4
    """Lanes that may download from one host at a time; the others wait."""
    extractor_args: Annotated[ExtractorArguments, AfterValidator(harmless_arguments)] = field(default_factory=dict)
    """As yt-dlp's --extractor-args, for the downloads."""
    options: DownloadOptions = field(default_factory=DownloadOptions)
    """Those of yt-dlp's options that a recipe may set, for the downloads."""

    @property
    def downloads(self) -> YtDlpRules:
        """The rules of the source that downloads what is not a local file."""
        return YtDlpRules(
            name=self.name,
            min_interval_s=self.min_interval_s,
            max_per_host=self.max_per_host,
            extractor_args=self.extractor_args,
            options=self.options,
        )


class TableOfUrls:
    """A file of posts as a source: the tag `""` lists all rows, another those that carry it.

    The URL may be anything that yt-dlp can fetch, a path (seen from the table's folder) or `file://`. A row's class
    joins its hashtags. A URL that comes twice is one post, with the classes and hashtags of all its rows.
    """

    def __init__(self, rules: TableRules, context: SourceContext) -> None:
        """ValueError for a table that cannot be read."""
        self.name = rules.name
        if rules.file is None:
            raise ValueError(f"source {self.name} reads a table: name one, such as `h2a build posts.csv ...`")
        self._downloads = _downloads(rules, context)
        self._folders = context.folders(rules.file.absolute().parent)
        self._content = of_table(rules.file) if rules.file.is_file() else ""  # before it is read: see `search`
        self._posts = read_posts(rules.file, rules.columns, self.name, context.clock())
        self._with_secrets = {post.post_id: post.url for post in self._posts if shareable(post.url) != post.url}

    def listed_url(self, post_id: str) -> str | None:
        """The address of a post as the table has it, where that holds a login, token or signature."""
        return self._with_secrets.get(post_id)

    def check(self) -> None:
        """ValueError where what downloads cannot work; the table was read when the source was made."""
        self._downloads.check()

    def named_classes(self) -> Counter[str]:
        """Number of posts that the table names each class for, by the class's normalised name."""
        return Counter(name for post in self._posts for name in post.classes or [])

    def search(self, tag: str, cursor: str) -> Page:
        """All rows in the table's order, at no cost: the table is in memory, so there is nothing to page.

        The page's fingerprint was taken before the rows were read: what is written meanwhile is read the next time.
        """
        assert not cursor, "a table has one page"
        listed = [post for post in self._posts if not tag or tag in post.hashtags]
        return Page(posts=listed, next_cursor=None, cost=Cost(num_requests=0, num_bytes=0), content=self._content)

    def fetch(self, post: Post, target: Path) -> None:
        """Copy a file below the table's folder, or below the one that is permitted; all else is downloaded."""
        path = local_path(post.url)
        if path is None:
            self._download(post, target)
            return
        with opened(self._folders, path) as file:
            copy(file, target)

    def _download(self, post: Post, target: Path) -> None:
        """A table names many sites: one that cannot be reached or read is its posts' fault, and stops no others."""
        try:
            self._downloads.fetch(post, target)
        except FetchError as error:
            if error.policy is not Policy.STOP and error.kind is not ErrorKind.EXTRACTOR_BROKEN:
                raise
            raise FetchError(ErrorKind.SERVER_ERROR, f"{error.kind}: {error.detail}") from error


def _downloads(rules: TableRules, context: SourceContext) -> Source:
    """Imported here: yt-dlp takes a second, and reading a recipe needs none of it."""
    from h2a_curation.sources.ytdlp.source import YtDlp

    # A table's canary is one more address to fetch, and may be a plain file, which no extractor needs to know.
    return YtDlp(rules.downloads, replace(context, canary_url=""))


def local_path(url: str) -> Path | None:
    """The file that a path or a `file://` address names; None for anything else."""
    if url.startswith("/"):
        return Path(url)
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None
