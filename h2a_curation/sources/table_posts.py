"""The posts of a user's table: its columns found by name, each row read, and rows of one address made one post."""

import difflib
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from h2a_curation.sources import address, cells
from h2a_curation.sources.rows import Row, open_rows
from h2a_curation.sources.sanitise import MAX_CAPTION_CHARACTERS
from h2a_curation.taxonomy import hashtags
from schemas import Post

COLUMNS = (
    "url", "post_id", "class", "caption", "hashtags", "creator", "duration_s", "width_px", "height_px", "num_views",
    "num_likes", "posted_at", "language",
)  # fmt: skip
"""What is read; only `url` must be there. Other columns are left alone."""
_READ_AS: dict[str, Callable[[Any], Any]] = {
    "url": cells.text, "post_id": cells.own_id, "class": cells.classes, "caption": cells.text,
    "hashtags": cells.tags, "creator": cells.creator, "duration_s": cells.number, "width_px": cells.number,
    "height_px": cells.number, "num_views": cells.number, "num_likes": cells.number, "posted_at": cells.moment,
    "language": cells.text,
}  # fmt: skip


def read_posts(file: Path, columns: Mapping[str, str], name: str, now: datetime) -> list[Post]:
    """All posts of the table, in its order; ValueError names file, line and column of what cannot be read.

    `columns` is our column's name to the table's, where they differ; `name` the source's.
    """
    table = open_rows(file)
    names = _names(file, table.columns, columns)
    posts: dict[str, Post] = {}
    for row in table.read(list(names.values())):
        post = _post(name, file, row, names, now)
        key = address.read(post.url).key
        known = posts.setdefault(key, post)
        if known is not post:
            posts[key] = _joined(known, post)
    _refuse_shared_ids(file, posts.values())
    return list(posts.values())


def _joined(first: Post, later: Post) -> Post:
    """One post of two rows with its address: all that both are tagged with, and whom either names."""
    tags = list(dict.fromkeys([*first.hashtags, *later.hashtags]))
    classes = list(dict.fromkeys([*(first.classes or []), *(later.classes or [])])) or None
    first = replace(first, hashtags=tags, classes=classes)
    return replace(first, creator=first.creator or later.creator, handle=first.handle or later.handle)


def _names(file: Path, present: list[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Our name to the table's, of the columns that are there."""
    for ours, theirs in columns.items():
        if ours not in COLUMNS:
            raise ValueError(f"{file}: there is no column {ours!r} to map{_nearest(ours, COLUMNS)}")
        if theirs not in present:
            raise ValueError(
                f"{file}: no column {theirs!r} for {ours}{_nearest(theirs, present)}; it has {present!s:.500}"
            )
    names = {ours: columns.get(ours, ours) for ours in COLUMNS}
    if names["url"] not in present:
        raise ValueError(
            f"{file}: no column 'url'{_nearest('url', present)}; it has {present!s:.500}."
            " Rename one, or map it: --column url=NAME"
        )
    for theirs in names.values():
        if present.count(theirs) > 1:
            raise ValueError(
                f"{file}, line 1: {present.count(theirs)} columns are named {theirs!r}; rename all but one"
            )
    return {ours: theirs for ours, theirs in names.items() if theirs in present}


def _nearest(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _post(name: str, file: Path, row: Row, names: Mapping[str, str], now: datetime) -> Post:
    values = {ours: _value(file, row, ours, theirs) for ours, theirs in names.items()}
    if not values["url"]:
        raise ValueError(f"{file}, {row.place}: the url is empty; give one, or remove the line")
    listed_url = values["url"].strip()
    given = address.read(listed_url)
    own_id = values.get("post_id") or address.made_id(listed_url)
    caption = (values.get("caption") or "")[:MAX_CAPTION_CHARACTERS]
    classes = values.get("class") or []
    tags = [*(values.get("hashtags") or []), *hashtags.in_text(caption), *classes]
    return Post(
        post_id=f"{name}:{own_id.removeprefix(f'{name}:')}",
        source=name,
        url=_absolute(given.url, file),
        creator=values.get("creator"),
        caption=caption,
        hashtags=hashtags.unique(tags),
        posted_at=values.get("posted_at"),
        language=values.get("language"),
        duration_s=values.get("duration_s"),
        width_px=_whole(values.get("width_px")),
        height_px=_whole(values.get("height_px")),
        num_views=_whole(values.get("num_views")),
        num_likes=_whole(values.get("num_likes")),
        seen_at=now,
        handle=given.handle,
        classes=hashtags.unique(classes) or None,
    )


def _value(file: Path, row: Row, ours: str, theirs: str) -> Any:
    """What the cell means; None or nothing where it says nothing."""
    try:
        return _READ_AS[ours](row.values.get(theirs))
    except ValueError as error:
        raise ValueError(f"{file}, {row.place}: {theirs} {error}") from None


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _absolute(url: str, file: Path) -> str:
    """A relative path is seen from the table's folder: the catalog's rows are read from anywhere."""
    has_scheme = ":" in url.split("/")[0]
    if has_scheme or "\0" in url:  # which no file's name can hold
        return url
    return os.path.realpath(file.absolute().parent / url)  # a link that leads to itself stays as it is


def _refuse_shared_ids(file: Path, posts: Collection[Post]) -> None:
    first: dict[str, Post] = {}
    for post in posts:
        if first.setdefault(post.post_id, post) is not post:
            raise ValueError(
                f"{file}: post_id {post.post_id!r} stands at {first[post.post_id].url} and at {post.url};"
                " ids must differ"
            )
