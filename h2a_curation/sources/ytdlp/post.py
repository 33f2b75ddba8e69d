"""What yt-dlp says of one video as a Post; an extractor's mistakes become unknown values."""

from datetime import UTC, datetime
from typing import Any

from yt_dlp.utils import float_or_none, int_or_none

from h2a_curation.acquire.errors import SourceChanged
from h2a_curation.foundation.secret_text import hidden
from h2a_curation.sources import address
from h2a_curation.sources.sanitise import MAX_CAPTION_CHARACTERS, moment
from h2a_curation.taxonomy import hashtags
from schemas import Post


def post_of(entry: Any, source: str, post_url: str, now: datetime) -> Post | None:
    """None for an entry that is no post, such as a playlist within the listing. SourceChanged without id or address.

    `post_url` holds `{id}`, or is empty where the listed address is the one to fetch.
    """
    if not entry:
        return None
    if not isinstance(entry, dict):
        raise SourceChanged(f"{source}: a listed entry is no entry: {str(entry)[:100]}")
    if entry.get("_type") in ("playlist", "multi_video"):
        return None
    own_id, listed_url = entry.get("id"), entry.get("webpage_url") or entry.get("url")
    if not isinstance(own_id, str | int) or not own_id or not (listed_url or post_url):
        raise SourceChanged(f"{source}: a listed entry has no id or no address: {sorted(map(str, entry))}"[:300])
    listed = address.read(str(listed_url or ""))
    if hidden(str(own_id)) != str(own_id):  # an address's end, with its signature
        own_id = address.made_id(str(own_id))
    return Post(
        post_id=f"{source}:{own_id}",
        source=source,
        url=address.read(post_url.replace("{id}", str(own_id))).url or listed.url,
        creator=_first_text(entry, "uploader_id", "channel_id", "uploader", "channel"),
        caption=_first_text(entry, "description", "title") or "",
        hashtags=_hashtags(entry),
        posted_at=_posted_at(entry),
        language=_first_text(entry, "language"),
        duration_s=float_or_none(entry.get("duration")),
        width_px=int_or_none(entry.get("width")),
        height_px=int_or_none(entry.get("height")),
        num_views=int_or_none(entry.get("view_count")),
        num_likes=int_or_none(entry.get("like_count")),
        seen_at=now,
        handle=listed.handle,
    )


def _hashtags(entry: dict[str, Any]) -> list[str]:
    """The extractor's own tags first, then those in the text."""
    tags = entry.get("tags")
    given = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list | tuple) else []
    texts = [text for text in (entry.get("title"), entry.get("description")) if isinstance(text, str)]
    written = (tag for text in texts for tag in hashtags.in_text(text[:MAX_CAPTION_CHARACTERS]))
    return hashtags.unique([*given, *written])


def _posted_at(entry: dict[str, Any]) -> datetime | None:
    seconds = float_or_none(entry.get("timestamp"))
    if seconds is not None:
        return moment(seconds)
    day = entry.get("upload_date")
    if not isinstance(day, str):
        return None
    try:
        return datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _first_text(entry: dict[str, Any], *keys: str) -> str | None:
    return next((str(entry[key]) for key in keys if entry.get(key)), None)
