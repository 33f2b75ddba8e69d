"""Posts from a table of URLs: CSV, JSONL or Parquet, its columns mapped by name."""

import difflib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator

from h2a_curation.acquire.errors import ErrorKind, FetchError, Policy
from h2a_curation.sources.base import Cost, Page, Source, SourceContext
from h2a_curation.sources.content import of_table
from h2a_curation.sources.recipe_types import PlainName
from h2a_curation.sources.rows import Row, is_empty, read_rows
from h2a_curation.sources.ytdlp.recipe_options import DownloadOptions, ExtractorArguments, harmless_arguments
from h2a_curation.sources.ytdlp.rules import YtDlpRules
from h2a_curation.taxonomy import hashtags
from schemas import Post

COLUMNS = (
    "url", "post_id", "class", "caption", "hashtags", "creator", "duration_s", "width_px", "height_px", "num_views",
    "num_likes", "posted_at", "language",
)  # fmt: skip
"""What is read; only `url` must be there. Other columns are left alone."""


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
    joins its hashtags. A URL that comes twice counts once.
    """

    def __init__(self, rules: TableRules, context: SourceContext) -> None:
        """ValueError for a table that cannot be read."""
        self.name = rules.name
        if rules.file is None:
            raise ValueError(f"source {self.name} reads a table: name one, such as `h2a build posts.csv ...`")
        self._downloads = _downloads(rules, context)
        self._content = of_table(rules.file) if rules.file.is_file() else ""  # before it is read: see `search`
        rows = read_rows(rules.file)
        names = _names(rules.file, rows, rules.columns)
        posts = [_post(self.name, rules.file, row, names, context.clock()) for row in rows]
        by_url = {post.url: post for post in reversed(posts)}
        self._posts = [post for post in posts if by_url[post.url] is post]
        _refuse_shared_ids(rules.file, self._posts)

    def check(self) -> None:
        """ValueError where what downloads cannot work; the table was read when the source was made."""
        self._downloads.check()

    def search(self, tag: str, cursor: str) -> Page:
        """All rows in the table's order, at no cost: the table is in memory, so there is nothing to page.

        The page's fingerprint was taken before the rows were read: what is written meanwhile is read the next time.
        """
        assert not cursor, "a table has one page"
        listed = [post for post in self._posts if not tag or tag in post.hashtags]
        return Page(posts=listed, next_cursor=None, cost=Cost(num_requests=0, num_bytes=0), content=self._content)

    def fetch(self, post: Post, target: Path) -> None:
        """Copy a local file; all else is downloaded."""
        path = local_path(post.url)
        if path is None:
            self._download(post, target)
            return
        if not path.is_file():
            raise FetchError(ErrorKind.GONE, f"no file {path}")
        shutil.copyfile(path, target)

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


def _names(file: Path, rows: list[Row], columns: Mapping[str, str]) -> dict[str, str]:
    """Our name to the table's, of the columns that are there."""
    present = list(dict.fromkeys(name for row in rows for name in row.values))
    for ours, theirs in columns.items():
        if ours not in COLUMNS:
            raise ValueError(f"{file}: there is no column {ours!r} to map{_nearest(ours, COLUMNS)}")
        if theirs not in present:
            raise ValueError(f"{file}: no column {theirs!r} for {ours}{_nearest(theirs, present)}; it has {present}")
    names = {ours: columns.get(ours, ours) for ours in COLUMNS}
    if names["url"] not in present:
        raise ValueError(
            f"{file}: no column 'url'{_nearest('url', present)}; it has {present}."
            " Rename one, or map it: --column url=NAME"
        )
    return {ours: theirs for ours, theirs in names.items() if theirs in present}


def _nearest(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _post(name: str, file: Path, row: Row, names: Mapping[str, str], now: datetime) -> Post:
    values = {ours: row.values.get(theirs) for ours, theirs in names.items()}
    values = {ours: value for ours, value in values.items() if not is_empty(value)}
    where = f"{file}, line {row.line}"
    if "url" not in values:
        raise ValueError(f"{where}: the url is empty; give one, or remove the line")
    listed_url = str(values["url"]).strip()
    own_id = str(values.get("post_id") or blake2b(listed_url.encode(), digest_size=8).hexdigest())
    caption = str(values.get("caption", ""))
    tags = [*_tags(values.get("hashtags")), *hashtags.in_text(caption), str(values.get("class", ""))]
    return Post(
        post_id=f"{name}:{own_id.removeprefix(f'{name}:')}",
        source=name,
        url=_absolute(listed_url, file),
        creator=_text(values.get("creator")),
        caption=caption,
        hashtags=hashtags.unique(tags),
        posted_at=_moment(values.get("posted_at"), where),
        language=_text(values.get("language")),
        duration_s=_number(values, "duration_s", where),
        width_px=_whole(values, "width_px", where),
        height_px=_whole(values, "height_px", where),
        num_views=_whole(values, "num_views", where),
        num_likes=_whole(values, "num_likes", where),
        seen_at=now,
    )


def _absolute(url: str, file: Path) -> str:
    """A relative path is seen from the table's folder: the catalog's rows are read from anywhere."""
    has_scheme = ":" in url.split("/")[0]
    return url if has_scheme else str((file.absolute().parent / url).resolve())


def _tags(value: Any) -> list[str]:
    """From a list, or from text with `#`, spaces or commas between the tags."""
    if isinstance(value, list | tuple):
        return [str(tag) for tag in value]
    for mark in "#,;[]\"'":
        value = str(value or "").replace(mark, " ")
    return str(value).split()


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(values: Mapping[str, Any], column: str, where: str) -> float | None:
    if column not in values:
        return None
    try:
        return float(values[column])
    except (TypeError, ValueError):
        raise ValueError(f"{where}: {column} is {values[column]!r}; give a number, or leave it empty") from None


def _whole(values: Mapping[str, Any], column: str, where: str) -> int | None:
    number = _number(values, column, where)
    return None if number is None else int(number)


def _moment(value: Any, where: str) -> datetime | None:
    """From ISO 8601 (without a zone: UTC), seconds since 1970, or a Parquet timestamp."""
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else _parsed(str(value).strip())
    except (ValueError, OverflowError):
        raise ValueError(f"{where}: posted_at is {value!r}; give a date such as 2026-05-31T12:00:00Z") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parsed(text: str) -> datetime:
    whole = text.partition(".")[0]
    is_seconds = whole.isdecimal() and len(whole) > len("20260531")
    return datetime.fromtimestamp(float(text), UTC) if is_seconds else datetime.fromisoformat(text)


def _refuse_shared_ids(file: Path, posts: list[Post]) -> None:
    first: dict[str, Post] = {}
    for post in posts:
        if first.setdefault(post.post_id, post) is not post:
            raise ValueError(
                f"{file}: post_id {post.post_id!r} stands at {first[post.post_id].url} and at {post.url};"
                " ids must differ"
            )
