"""What PeerTube says of a video: whether it is a post, the post, and which of its files to take.

Fields are those of `Video` and `VideoDetails` at https://docs.joinpeertube.org/api-rest-reference.html.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.sources.base import PREFERRED_LINES
from h2a_curation.sources.fediverse import said
from h2a_curation.sources.fediverse.client import PROFILE_MARKS
from h2a_curation.sources.politeness.opt_out import MARKS
from h2a_curation.sources.sanitise import MAX_CAPTION_CHARACTERS
from h2a_curation.taxonomy import hashtags
from schemas import Post

_PUBLIC, _PUBLISHED = 1, 1
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
LICENCES = {
    1: "CC-BY", 2: "CC-BY-SA", 3: "CC-BY-ND", 4: "CC-BY-NC", 5: "CC-BY-NC-SA", 6: "CC-BY-NC-ND", 7: "CC0",
}  # fmt: skip
"""PeerTube's numbers of licences; an instance's plugins may add others, which keep the name that they have there."""


def odd_kind(video: Any, may_ask: Callable[[str], bool]) -> str:
    """Why an entry of a listing is no post, as `request.odd` has it; empty for a post."""
    if not isinstance(video, dict):
        return "no_entry"
    if not _ID.fullmatch(said.text(video.get("uuid"))):
        return "no_id"
    if not may_ask(said.text(video.get("url"))):
        return "no_address"
    if video.get("isLive") is True:
        return "live"
    if _number_of(video, "state") not in (None, _PUBLISHED) or said.record(video.get("scheduledUpdate")):
        return "scheduled"
    if video.get("blacklisted") is True:
        return "unavailable"
    return "" if _number_of(video, "privacy") in (None, _PUBLIC) else "not_public"


def post_of(video: dict[str, Any], name: str, tag: str, is_own: Callable[[str], bool], now: datetime) -> Post:
    """The post of an entry that is none of the odd ones; `tag` is the listing's, which entries need not repeat."""
    parts, account = urlsplit(video["url"]), said.record(video.get("account"))
    host = said.text(account.get("host"))
    creator = said.creator_of(account.get("name"), "" if is_own(host) else host)
    about = said.text(video.get("description")) or said.text(video.get("truncatedDescription"))
    caption = said.joined([said.text(video.get("name")), about])[:MAX_CAPTION_CHARACTERS]
    return Post(
        post_id=f"{name}:{video['uuid']}",
        source=name,
        url=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/videos/watch/{video['uuid']}",
        creator=creator.name,
        caption=caption,
        hashtags=hashtags.unique([*said.words(video.get("tags")), tag, *hashtags.in_text(caption)]),
        posted_at=said.moment(video.get("publishedAt")),
        language=said.text(said.record(video.get("language")).get("id")) or None,
        duration_s=said.number(video.get("duration")),
        width_px=None,
        height_px=None,
        num_views=said.whole(video.get("views")),
        num_likes=said.whole(video.get("likes")),
        seen_at=now,
        handle=creator.handle,
        licence=_licence(said.record(video.get("licence"))),
        sensitive=said.flag(video.get("nsfw")),
    )


def refuse_what_is_not_offered(video: dict[str, Any], *, honours_opt_outs: bool) -> None:
    """FetchError where the video, as its own instance has it now, is not public, not there yet, live, or reserved."""
    if _number_of(video, "privacy") not in (None, _PUBLIC):
        raise FetchError(ErrorKind.PRIVATE, "the video is not public")
    if video.get("isLive") is True:
        raise FetchError(ErrorKind.NO_VIDEO, "a live stream has no end")
    if _number_of(video, "state") not in (None, _PUBLISHED):
        raise FetchError(ErrorKind.NOT_YET, "the video is announced, or being made ready")
    if honours_opt_outs and (reason := _opt_out(video)):
        raise FetchError(ErrorKind.OPT_OUT, reason)


def file_of(video: dict[str, Any], max_file_bytes: int) -> str:
    """The address of the file nearest to PREFERRED_LINES: the highest picture up to it, else the lowest above it.

    Larger files than the limit are passed over. FetchError where no file is left.
    """
    playlists = said.records(video.get("streamingPlaylists"))
    lists = [video.get("files"), *(playlist.get("files") for playlist in playlists)]
    files = [
        file for files in lists for file in said.records(files) if _lines(file) and file.get("hasVideo") is not False
    ]
    files = [file for file in files if said.text(file.get("fileUrl"))]
    if not files:
        raise FetchError(ErrorKind.NO_VIDEO, "the video has no file with pictures")
    fit = [file for file in files if (said.whole(file.get("size")) or 0) <= max_file_bytes]
    if not fit:
        raise FetchError(ErrorKind.TOO_LARGE, f"each of its {len(files)} files has more than {max_file_bytes} bytes")
    return said.text(min(fit, key=_farness).get("fileUrl"))


def _farness(file: dict[str, Any]) -> tuple[bool, int]:
    lines = _lines(file)
    return lines > PREFERRED_LINES, abs(lines - PREFERRED_LINES)


def _lines(file: dict[str, Any]) -> int:
    """Lines of the picture; 0 for sound alone."""
    return _number_of(file, "resolution") or 0


def _number_of(thing: dict[str, Any], key: str) -> int | None:
    return said.whole(said.record(thing.get(key)).get("id"))


def _licence(licence: dict[str, Any]) -> str | None:
    known = LICENCES.get(said.whole(licence.get("id")) or 0)
    return known or said.text(licence.get("label")) or None if licence.get("id") is not None else None


def _opt_out(video: dict[str, Any]) -> str:
    """What in the video or its creator's profile asks to be left alone; a listing has none of this."""
    if video.get("downloadEnabled") is False:
        return "its creator has switched downloads off"
    marks = sorted(MARKS & set(hashtags.unique(said.words(video.get("tags")))))
    about = [said.text(said.record(video.get(by)).get("description")) for by in ("account", "channel")]
    marks += sorted(PROFILE_MARKS & {tag for text in about for tag in hashtags.in_text(text[:MAX_CAPTION_CHARACTERS])})
    return f"marked #{marks[0]}" if marks else ""
