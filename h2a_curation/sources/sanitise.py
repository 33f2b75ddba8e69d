"""What a site says of a post, cut down to what a row can hold and a reader can believe."""

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from schemas import Post

MAX_CAPTION_CHARACTERS = 20_000
"""YouTube's longest description has 5,000, TikTok's longest caption 4,000: more is noise."""
MAX_HASHTAGS = 200
_MAX_TAG_CHARACTERS = 150
_MAX_LANGUAGE_CHARACTERS = 35
"""The longest language tag that follows RFC 5646, in practice."""
_MAX_LICENCE_CHARACTERS = 100
_MAX_COUNT = 2**63 - 1
_EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
"""There was no video on the web before."""
_CLOCKS_DIFFER = timedelta(days=1)


def tidy(post: Post) -> Post:
    """The post with impossible values unknown, half characters replaced, and the endless cut off."""
    return replace(
        post,
        post_id=whole(post.post_id),
        url=whole(post.url),
        creator=None if post.creator is None else whole(post.creator),
        handle=None if post.handle is None else whole(post.handle),
        caption=whole(post.caption[:MAX_CAPTION_CHARACTERS]),
        hashtags=_tags(post.hashtags),
        licence=None if post.licence is None else whole(post.licence[:_MAX_LICENCE_CHARACTERS]),
        language=None if post.language is None else whole(post.language[:_MAX_LANGUAGE_CHARACTERS]),
        posted_at=_believable(post.posted_at, post.seen_at),
        duration_s=post.duration_s if post.duration_s is not None and _is_length(post.duration_s) else None,
        width_px=_count(post.width_px),
        height_px=_count(post.height_px),
        num_views=_count(post.num_views),
        num_likes=_count(post.num_likes),
    )


def whole(text: str) -> str:
    """Without halves of characters, which JSON can spell and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")


def moment(seconds: float | None) -> datetime | None:
    """The moment so many seconds after 1970 began; None beyond what a date can say."""
    if seconds is None or not math.isfinite(seconds):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _tags(tags: Iterable[str]) -> list[str]:
    """Each once: counting relies on it."""
    return list(dict.fromkeys(whole(tag) for tag in tags if len(tag) <= _MAX_TAG_CHARACTERS))[:MAX_HASHTAGS]


def _believable(moment: datetime | None, seen_at: datetime) -> datetime | None:
    return moment if moment is not None and _EARLIEST <= moment <= seen_at + _CLOCKS_DIFFER else None


def _is_length(seconds: float) -> bool:
    return math.isfinite(seconds) and seconds >= 0


def _count(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= _MAX_COUNT else None
