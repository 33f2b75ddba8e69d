"""Posts from a folder of downloads: video files, each with or without the sidecar that its downloader wrote.

yt-dlp, which takes a second to import, is imported when the folder is read: a recipe's rules need none of it.
"""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.foundation import json_file
from h2a_curation.foundation.files_below import copy, link
from h2a_curation.foundation.plain_text import encoding_of
from h2a_curation.sources.base import Cost, Page, SourceContext
from h2a_curation.sources.content import of_folder
from h2a_curation.sources.local_files import opened
from h2a_curation.sources.recipe_types import PlainName
from h2a_curation.sources.registry import KindSettings
from h2a_curation.sources.sidecars import endings, found
from h2a_curation.taxonomy import hashtags
from schemas import Post

_FEW = 3
_AUTHOR_KEYS = ("uniqueId", "username", "name", "nick", "id")
_GALLERY_DL = {
    "id": ("post_shortcode", "tweet_id", "post_id", "id"), "extractor_key": ("category",),
    "webpage_url": ("post_url", "page_url", "url"),
    "description": ("description", "desc", "content", "caption", "title"),
    "tags": ("tags", "hashtags"), "duration": ("duration",), "width": ("width",), "height": ("height",),
    "view_count": ("view_count",), "like_count": ("likes", "favorite_count", "like_count"), "language": ("lang",),
}  # fmt: skip
"""A field's name in yt-dlp, and those that gallery-dl's extractors give it."""
_MAX_SIDECAR_BYTES = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSettings(KindSettings):
    """What the kind `folder` alone takes."""

    NOT_HERE: ClassVar[dict[str, str]] = {"hard_link": "it is the command's option --hard-link"}
    """What a recipe, which may be anyone's, no longer decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRules:
    """What a recipe says to the kind `folder`."""

    name: PlainName = "folder"
    """Prefix of its posts' ids."""
    file: Path | None = None
    """The folder of downloads; the command line may name it in place of the recipe."""
    settings: FolderSettings = field(default_factory=FolderSettings)


class FolderOfFiles:
    """A folder as a source: the tag `""` lists all its videos, another those that carry it.

    Sidecars: yt-dlp's `NAME.info.json`; gallery-dl's `NAME.mp4.json`; `NAME.json` and `NAME.txt` as video2dataset
    writes them with `output_format: files`. They are read at a listing where the folder holds something else than
    before.
    """

    def __init__(self, rules: FolderRules, context: SourceContext) -> None:
        """ValueError where there is no such folder."""
        if rules.file is None or not rules.file.is_dir():
            said = rules.file or "nothing"
            raise ValueError(f"source {rules.name}: {said} is no folder; name the folder of downloads to read")
        self.name = rules.name
        self._folder = rules.file.absolute()
        self._folders = context.folders(self._folder)
        self._hard_link = context.permissions.hard_link
        self._clock = context.clock
        self._found: dict[str, tuple[Post, Path]] = {}
        self._content = ""
        self._odd: Counter[str] = Counter()
        self._errors: list[Exception] = []
        self._lock = threading.Lock()

    def check(self) -> None:
        """ValueError where the folder holds no video file."""
        if next(_videos(self._folder), None) is None:
            tars = " (tar shards are not read: unpack them)" if any(self._folder.rglob("*.tar")) else ""
            raise ValueError(f"{self._folder}: no video files in it{tars}; known endings are {' '.join(endings())}")

    def remarks(self) -> list[str]:
        """What lies there and is of no post, in words."""
        alone = [here.folder / name for here in found(self._folder) for name in here.alone]
        return [f"{len(alone)} .info.json without a video beside it: {_named_few(alone)}"] if alone else []

    def search(self, tag: str, cursor: str) -> Page:
        """All files by path, at no cost: there is nothing to page."""
        assert not cursor, "a folder has one page"
        content, found = self._index()
        posts = [post for post, _ in found.values() if not tag or tag in post.hashtags]
        cost = Cost(num_requests=0, num_bytes=0)
        return Page(posts=posts, next_cursor=None, cost=cost, odd=self._odd, errors=self._errors, content=content)

    def fetch(self, post: Post, target: Path) -> None:
        """Copy the post's file, or share its bytes where that is permitted and the file lies in the folder itself."""
        found = self._found if post.post_id in self._found else self._index()[1]
        _, path = found.get(post.post_id, (post, Path(post.url)))
        if not path.is_absolute():
            raise FetchError(ErrorKind.GONE, f"no file for {post.post_id} in {self._folder}")
        with opened(self._folders, path) as file:
            if not (self._hard_link and self._is_own(path) and link(file, target)):
                copy(file, target)

    def _is_own(self, file: Path) -> bool:
        """Whether the file lies in the folder itself, reached without a symlink."""
        if not file.is_relative_to(self._folder):
            return False
        return file.resolve() == self._folder.resolve() / file.relative_to(self._folder)

    def _index(self) -> tuple[str, dict[str, tuple[Post, Path]]]:
        """The folder's fingerprint, and posts and files by post id: read again where the fingerprint is another.

        Two formats of a video have one id: the first by path is taken.
        """
        with self._lock:
            content = of_folder(self._folder)
            if content != self._content:
                self._odd, self._errors = Counter(), []
                index: dict[str, tuple[Post, Path]] = {}
                for file, sidecar in _videos(self._folder):
                    post = self._post(file, sidecar)
                    index.setdefault(post.post_id, (post, file))
                self._content, self._found = content, index
            return self._content, self._found

    def _post(self, file: Path, sidecar: Path | None) -> Post:
        """The file's post; of a sidecar that cannot be made sense of, nothing is taken but that it is there."""
        try:
            info = _info(sidecar) if sidecar else {}
            if "entries" in info:  # of a playlist, which all its files share
                self._odd["playlist"] += 1
                info = {}
            return _post(self.name, file, info, self._folder, self._clock())
        except Exception as error:  # noqa: BLE001  # a sidecar may hold anything
            self._odd["unreadable"] += 1
            self._errors.append(error)
            return _post(self.name, file, {}, self._folder, self._clock())


def _named_few(names: list[Path]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(map(str, names[:_FEW])) + more


def _videos(folder: Path) -> Iterator[tuple[Path, Path | None]]:
    """All video files by path, each with the file that describes it."""
    for here in found(folder):
        for name, sidecar in here.sidecars.items():
            yield here.folder / name, here.folder / sidecar if sidecar else None


def _post(name: str, file: Path, info: dict[str, Any], folder: Path, now: datetime) -> Post:
    """From what its sidecar says; without one, what the path tells: an id of its own, and nothing of the content."""
    from h2a_curation.sources.ytdlp.post import post_of

    info = dict(info)
    own_id = info.get("id")
    if isinstance(own_id, str | int) and own_id:
        site = str(info.get("extractor_key") or "file").lower()
        info["id"] = f"{site}-{own_id}"
    else:
        relative = file.relative_to(folder).as_posix()
        info["id"] = blake2b(relative.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    info["webpage_url"] = info.get("webpage_url") or info.get("original_url") or str(file)
    post = post_of(info, name, "", now)
    assert post is not None, "it has an id and an address"
    caption = file.with_suffix(".txt")
    if post.caption or not caption.is_file():
        return post
    text = _read(caption).strip()
    return replace(post, caption=text, hashtags=hashtags.unique([*post.hashtags, *hashtags.in_text(text)]))


def _info(sidecar: Path) -> dict[str, Any]:
    """The sidecar's fields by yt-dlp's names; empty where it is no such file."""
    try:
        said = json_file.parse(_read(sidecar))
    except ValueError:
        return {}
    if not isinstance(said, dict):
        return {}
    return (
        _by_names_of_gallery_dl(said) if "category" in said and "extractor_key" not in said else _by_ytdlp_names(said)
    )


def _by_names_of_gallery_dl(said: dict[str, Any]) -> dict[str, Any]:
    """gallery-dl writes what the site says, under the site's own names, and its own name of the site."""
    author = said.get("author") or said.get("user") or said.get("owner")
    creator = (
        next((author[key] for key in _AUTHOR_KEYS if author.get(key)), None) if isinstance(author, dict) else author
    )
    info = {ours: next((said[key] for key in keys if said.get(key)), None) for ours, keys in _GALLERY_DL.items()}
    tags = [tag.removeprefix("#") for tag in info.pop("tags") or [] if isinstance(tag, str)]
    day = re.sub(r"\D", "", str(said.get("date", ""))[:10])
    kept = {key: value for key, value in info.items() if value is not None}
    return kept | {"tags": tags, "upload_date": day, "uploader_id": said.get("username") or creator}


def _by_ytdlp_names(said: dict[str, Any]) -> dict[str, Any]:
    """video2dataset keeps yt-dlp's own fields one level down, beside the table's url and caption."""
    inner = said.get("yt_meta_dict")
    info = dict(inner["info"]) if isinstance(inner, dict) and isinstance(inner.get("info"), dict) else dict(said)
    info.pop("_type", None)
    info.setdefault("webpage_url", said.get("url"))
    info.setdefault("description", said.get("caption"))
    return info


def _read(file: Path) -> str:
    with file.open("rb") as opened:
        content = opened.read(_MAX_SIDECAR_BYTES)
    return content.decode(encoding_of(content), "replace")
