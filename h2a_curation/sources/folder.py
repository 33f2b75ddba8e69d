"""Posts from a folder of downloads: video files, each with or without the sidecar that its downloader wrote.

yt-dlp, which takes a second to import, is imported when the folder is read: a recipe's rules need none of it.
"""

import errno
import functools
import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.sources.base import Cost, Page, SourceContext
from h2a_curation.sources.content import of_folder
from h2a_curation.sources.recipe_types import PlainName
from h2a_curation.sources.registry import KindSettings
from h2a_curation.taxonomy import hashtags
from schemas import Post

_MAX_SIDECAR_BYTES = 64_000_000
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSettings(KindSettings):
    """What this kind alone takes."""

    hard_link: bool = True
    """The lake shares a file's bytes where both are on one disk; else it gets a copy."""


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

    Sidecars: yt-dlp's `NAME.info.json`; `NAME.json` and `NAME.txt` as video2dataset writes them with
    `output_format: files`. They are read at a listing where the folder holds something else than before.
    """

    def __init__(self, rules: FolderRules, context: SourceContext) -> None:
        """ValueError where there is no such folder."""
        if rules.file is None or not rules.file.is_dir():
            said = rules.file or "nothing"
            raise ValueError(f"source {rules.name}: {said} is no folder; name the folder of downloads to read")
        self.name = rules.name
        self._folder = rules.file.absolute()
        self._hard_link = rules.settings.hard_link
        self._clock = context.clock
        self._found: dict[str, tuple[Post, Path]] = {}
        self._content = ""
        self._lock = threading.Lock()

    def check(self) -> None:
        """ValueError where the folder holds no video file."""
        if next(_videos(self._folder), None) is None:
            tars = " (tar shards are not read: unpack them)" if any(self._folder.rglob("*.tar")) else ""
            raise ValueError(f"{self._folder}: no video files in it{tars}; known endings are {' '.join(_endings())}")

    def search(self, tag: str, cursor: str) -> Page:
        """All files by path, at no cost: there is nothing to page."""
        assert not cursor, "a folder has one page"
        content, found = self._index()
        posts = [post for post, _ in found.values() if not tag or tag in post.hashtags]
        return Page(posts=posts, next_cursor=None, cost=Cost(num_requests=0, num_bytes=0), content=content)

    def fetch(self, post: Post, target: Path) -> None:
        """Hard-link or copy the post's file. What a symlink leads to is copied: its owner may not know of the lake."""
        found = self._found if post.post_id in self._found else self._index()[1]
        _, file = found.get(post.post_id, (post, Path(post.url)))
        if not file.is_file() or not file.is_absolute():
            raise FetchError(ErrorKind.GONE, f"no file for {post.post_id} in {self._folder}")
        if not self._hard_link or not self._is_own(file):
            shutil.copyfile(file, target)
            return
        try:
            os.link(file, target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            shutil.copyfile(file, target)

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
                found: dict[str, tuple[Post, Path]] = {}
                for file in _videos(self._folder):
                    post = _post(self.name, file, self._folder, self._clock())
                    found.setdefault(post.post_id, (post, file))
                self._content, self._found = content, found
            return self._content, self._found


@functools.cache
def _endings() -> tuple[str, ...]:
    """Endings of file names by which yt-dlp knows a video."""
    from yt_dlp.utils import MEDIA_EXTENSIONS

    return tuple(f".{ending}" for ending in MEDIA_EXTENSIONS.video)


def _videos(folder: Path) -> Iterator[Path]:
    """All video files by path; what a downloader left half done (`.part`, hidden) is none."""
    for path, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if not name.startswith(".") and name.lower().endswith(_endings()) and ".temp." not in name:
                yield Path(path, name)


def _post(name: str, file: Path, folder: Path, now: datetime) -> Post:
    """From what its sidecar says; without one, what the path tells: an id of its own, and nothing of the content."""
    from h2a_curation.sources.ytdlp.post import post_of

    info = _info(file)
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


def _info(file: Path) -> dict[str, Any]:
    """The sidecar's fields by yt-dlp's names; empty where there is none or it is no such file."""
    stem = file.with_suffix("")
    without_format = stem.with_suffix("") if stem.suffix[1:2] == "f" and stem.suffix[2:].isdecimal() else stem
    for sidecar in (Path(f"{stem}.info.json"), Path(f"{without_format}.info.json"), Path(f"{stem}.json")):
        if not sidecar.is_file():
            continue
        try:
            said = json.loads(_read(sidecar))
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict):
            return _by_ytdlp_names(said)
    return {}


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
        return opened.read(_MAX_SIDECAR_BYTES).decode("utf-8-sig", "replace")
