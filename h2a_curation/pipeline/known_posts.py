"""Posts that the lake has under another spelling of their address: they are listed with the id that they have there.

A table's posts have ids made of their addresses. Lakes of before have some that were made of the address as it was
written, and a post that is known by one must neither be lost from sight nor fetched anew.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from h2a_curation.catalog.views import Catalog
from h2a_curation.lake.lake import Lake
from h2a_curation.sources import address
from h2a_curation.sources.base import Page
from schemas import Media, Post

_BY_ADDRESS = """
    SELECT post_id, url FROM post LEFT JOIN media USING (post_id) WHERE source = $source
    ORDER BY coalesce(outcome = 'ok', false) DESC, seen_at, post_id
"""
"""A post with a file first, so that of two rows of one address that one goes on."""


_FILE_OF = """
    SELECT media_id FROM media JOIN post USING (post_id) WHERE media.outcome = 'ok' AND $url IN (post.url, alias)
    ORDER BY fetched_at LIMIT 1
"""


class KnownPosts:
    """The ids by which a lake knows the addresses of one source."""

    def __init__(self, facts: Catalog, source: str) -> None:
        self._facts = facts
        self._source = source

    def search(self, search: Callable[[str, str], Page]) -> Callable[[str, str], Page]:
        """A search whose posts have the lake's ids."""

        def known(tag: str, cursor: str) -> Page:
            page = search(tag, cursor)
            return replace(page, posts=[self.known(post) for post in page.posts])

        return known

    def known(self, post: Post) -> Post:
        """The post with the lake's id, if its own is made of its address: an id that a site or a user gave stays."""
        if post.post_id != f"{post.source}:{address.made_id(post.url)}":
            return post
        return replace(post, post_id=self._ids.get(address.read(post.url).key, post.post_id))

    @cached_property
    def _ids(self) -> dict[str, str]:
        """The post's id by its address's key; read once, at the first post that asks."""
        rows = self._facts.query(_BY_ADDRESS, params={"source": self._source}).to_pylist()
        return {address.read(row["url"]).key: row["post_id"] for row in reversed(rows)}


class KnownFiles:
    """Files that came by short links: another spelling of such an address needs no fetching.

    Without short links each address is one post's, and there is nothing to look for.
    """

    def __init__(self, facts: Catalog, lake: Lake) -> None:
        self._facts = facts
        self._lake = lake
        self._of_part: dict[str, str] = {}

    def add(self, url: str, media: Media) -> None:
        """The file of this post has come, or failed: then nothing is kept of it."""
        if media.media_id is not None:
            self._of_part[media.alias or url] = media.media_id

    def copy(self, url: str, target: Path) -> bool:
        """Copy the file of this address to `target`; False where none is here."""
        media_id = self._of_part.get(url) or (self._before(url) if self._has_aliases else None)
        if media_id is None or not (file := self._lake.media_file(media_id)).is_file():
            return False
        shutil.copyfile(file, target)
        return True

    @cached_property
    def _has_aliases(self) -> bool:
        return bool(self._facts.query("SELECT 1 FROM media WHERE alias <> '' LIMIT 1").num_rows)

    def _before(self, url: str) -> str | None:
        rows = self._facts.query(_FILE_OF, params={"url": url}).to_pylist()
        return rows[0]["media_id"] if rows else None
