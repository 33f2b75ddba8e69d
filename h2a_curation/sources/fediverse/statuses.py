"""What Mastodon says of a status: whether it is a post with a video, the post, and where its file is.

Fields are those of `Status`, `MediaAttachment` and `Account` at https://docs.joinmastodon.org/entities/Status/.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from h2a_curation.sources.fediverse import said
from h2a_curation.sources.fediverse.client import PROFILE_MARKS
from h2a_curation.sources.sanitise import MAX_CAPTION_CHARACTERS
from h2a_curation.taxonomy import hashtags
from schemas import Post

_VIDEOS = ("video", "gifv")
"""Mastodon makes a `gifv` of every video without sound: it may show an action as well as any. Short loops are for the
rules on length."""
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_PROXY = "/media_proxy/"
"""Folder from which an instance gives a file of another host's: 30 in 10 minutes, and its robots.txt forbids it."""


def odd_kind(status: Any, *, honours_opt_outs: bool) -> str:
    """Why an entry of a timeline is no post, as `request.odd` has it; empty for a post."""
    if not isinstance(status, dict):
        return "no_entry"
    if not _ID.fullmatch(said.text(status.get("id"))):
        return "no_id"
    if status.get("visibility") != "public":
        return "not_public"
    if not videos_of(status):
        return "no_video"
    return "opted_out" if honours_opt_outs and opt_out(status) else ""


def post_of(status: dict[str, Any], name: str, instance: str, now: datetime) -> Post:
    """The post of an entry that is none of the odd ones, with its first video.

    Its address is the API's: the page for people carries the creator's name.
    """
    user, _, host = said.text(said.record(status.get("account")).get("acct")).partition("@")
    creator, video = said.creator_of(user, host), videos_of(status)[0]
    original = said.record(said.record(video.get("meta")).get("original"))
    caption = said.joined([said.text(status.get("spoiler_text")), said.plain(status.get("content"))])
    caption = caption[:MAX_CAPTION_CHARACTERS]
    named = [said.text(tag.get("name")) for tag in said.records(status.get("tags"))]
    return Post(
        post_id=f"{name}:{status['id']}",
        source=name,
        url=f"{instance}/api/v1/statuses/{status['id']}",
        creator=creator.name,
        caption=caption,
        hashtags=hashtags.unique([*named, *hashtags.in_text(caption)]),
        posted_at=said.moment(status.get("created_at")),
        language=said.text(status.get("language")) or None,
        duration_s=said.number(original.get("duration")),
        width_px=said.whole(original.get("width")),
        height_px=said.whole(original.get("height")),
        num_views=None,
        num_likes=said.whole(status.get("favourites_count")),
        seen_at=now,
        handle=creator.handle,
        sensitive=said.flag(status.get("sensitive")),
    )


def videos_of(status: dict[str, Any]) -> list[dict[str, Any]]:
    """The attachments that are videos, in their order."""
    return [a for a in said.records(status.get("media_attachments")) if a.get("type") in _VIDEOS]


def file_of(video: dict[str, Any], may_ask: Callable[[str], bool]) -> str:
    """The address of an attachment's file, or nothing: the instance's own copy, else the file at its origin."""
    places = [said.text(video.get(place)) for place in ("url", "remote_url")]
    return next((url for url in places if may_ask(url) and _PROXY not in urlsplit(url).path), "")


def opt_out(status: dict[str, Any]) -> str:
    """What in the creator's profile asks to be left alone; empty where nothing does."""
    account = said.record(status.get("account"))
    if account.get("noindex") is True:
        return "the profile asks not to be indexed"
    fields = [said.text(part) for field in said.records(account.get("fields")) for part in field.values()]
    written = {tag for html in [account.get("note"), *fields] for tag in hashtags.in_text(said.plain(html))}
    marks = sorted(PROFILE_MARKS & written)
    return f"the profile is marked #{marks[0]}" if marks else ""
