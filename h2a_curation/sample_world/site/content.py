"""What the site serves: posts, listings, files and faults; a generated world, or a folder of real clips."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

from h2a_curation.sample_world.site.files import cached_file, make_file
from h2a_curation.sample_world.site.parent import end_with_parent
from h2a_curation.sample_world.site.real_clips import LabelledClip, clip_id, listings_of
from h2a_curation.sample_world.world.cast import FilePlan
from h2a_curation.sample_world.world.faults import Fault, Throttle
from h2a_curation.sample_world.world.world import World, WorldPost

FILES_ADDRESS = "/media"
"""Address of the posts' files on the site, before their names."""
Answer = dict[str, Any]
MakeFile = Callable[[FilePlan, Path], Path]


class Platform(Protocol):
    """The content behind the site's routes."""

    @property
    def page_size(self) -> int:
        """Posts a page where the client asks for no other number."""

    @property
    def throttle(self) -> Throttle | None:
        """How fast listings may be asked for; None: as fast as anybody likes."""

    def listing(self, tag: str) -> tuple[str, ...]:
        """Ids of the posts under a tag; none for a tag that does not exist."""

    def post(self, post_id: str) -> Answer | None:
        """What the platform says of a post; None for an id that never existed."""

    def fault(self, route: str, key: str) -> Fault | None:
        """What is wrong with a post's page (`post`), its file (`media`), or a listing page (`tag`, key `tag/page`)."""

    async def file(self, name: str) -> Path | None:
        """The file of a media path."""

    def close(self) -> None:
        """Give back what serving took."""


class SamplePlatform:
    """A generated world; files are made in two processes, each once, however many ask."""

    def __init__(
        self,
        world: World,
        cache: Path,
        make: MakeFile = make_file,
        pool: Executor | None = None,
        as_of: datetime | None = None,
    ) -> None:
        """`as_of`: a moment of the world's clock, after which no post is there yet; left out, all are."""
        self._as_of = as_of
        self._world = world
        self._cache = cache
        self._make = make
        self._pool = pool
        self._making: dict[Path, asyncio.Future[Path]] = {}

    @property
    def page_size(self) -> int:
        """As the world says."""
        return self._world.page_size

    @property
    def throttle(self) -> Throttle:
        """As the world says."""
        return self._world.throttle

    def listing(self, tag: str) -> tuple[str, ...]:
        """Most popular first; at a moment of the world's clock, newest first, so that what comes stands in front."""
        ids = self._world.listings.get(tag, ())
        if self._as_of is None:
            return ids
        posts = [post for post in (self._there(post_id) for post_id in ids) if post is not None]
        return tuple(p.post_id for p in sorted(posts, key=lambda p: (p.posted_at, p.post_id), reverse=True))

    def post(self, post_id: str) -> Answer | None:
        """The declared facts, which may be wrong."""
        post = self._there(post_id)
        if post is None:
            return None
        width_px, height_px = post.declared_px or (None, None)
        return {
            "id": post.post_id,
            "caption": post.caption,
            "tags": list(post.hashtags),
            "creator": post.creator,
            "posted_at": int(post.posted_at.timestamp()),
            "language": post.language,
            "duration_s": post.declared_s,
            "width_px": width_px,
            "height_px": height_px,
            "num_views": post.num_views,
            "num_likes": post.num_likes,
            "media": f"{FILES_ADDRESS}/{post.post_id}.mp4",
        }

    def _there(self, post_id: str) -> WorldPost | None:
        """The post, if it was posted by then."""
        post = self._world.posts.get(post_id)
        return None if post is None or (self._as_of and post.posted_at > self._as_of) else post

    def fault(self, route: str, key: str) -> Fault | None:
        """The fault that answers this request, if any: drawn from the post or the page alone, so that a repetition
        meets it again.
        """
        if route == "tag":
            tag, _, page = key.rpartition("/")
            return self._world.tag_faults.get((tag, int(page)))
        post = self._world.posts.get(key)
        return post.fault if post and post.fault and post.fault.route == route else None

    async def file(self, name: str) -> Path | None:
        """Made when first asked for; one that is being made is waited for."""
        post = self._there(name.removesuffix(".mp4"))
        if post is None:
            return None
        target = cached_file(post.file, self._cache)
        if target.exists():
            return target
        if target not in self._making:
            self._pool = self._pool or ProcessPoolExecutor(
                2, mp_context=get_context("spawn"), initializer=end_with_parent
            )
            loop = asyncio.get_running_loop()
            self._making[target] = loop.run_in_executor(self._pool, self._make, post.file, self._cache)
        try:
            return await self._making[target]
        finally:
            self._making.pop(target, None)

    def close(self) -> None:
        """Ends the processes, once they have finished the file at hand."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)


class ClipPlatform:
    """A folder of real clips: no faults, and no metadata beyond what the labels say."""

    page_size = 10
    throttle = None

    def __init__(self, folder: Path, labels: list[LabelledClip]) -> None:
        self._files = {clip_id(label.file): folder / label.file for label in labels}
        self._listings = listings_of(labels)

    def listing(self, tag: str) -> tuple[str, ...]:
        """The clips of a tag, in the order of labels.csv."""
        return self._listings.get(tag, ())

    def post(self, post_id: str) -> Answer | None:
        """The file name is the caption; length and size are not told."""
        file = self._files.get(post_id)
        if file is None:
            return None
        return {
            "id": post_id,
            "caption": file.name,
            "tags": [tag for tag, ids in self._listings.items() if post_id in ids],
            "creator": post_id,
            "media": f"{FILES_ADDRESS}/{post_id}{file.suffix}",
        }

    def fault(self, route: str, key: str) -> Fault | None:
        """None, ever."""
        return None

    async def file(self, name: str) -> Path | None:
        """The clip where it lies."""
        return self._files.get(name.rpartition(".")[0])

    def close(self) -> None:
        """Nothing to end."""
