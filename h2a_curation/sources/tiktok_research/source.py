"""TikTok's Research API: lists public videos by hashtag and region, and gives no files.

After developers.tiktok.com/doc: research-api-specs-query-videos, research-api-faq. Access is for approved research
only, and its terms forbid downloading through it: another source fetches (`fetch_with`), where you may.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from h2a_curation.acquire.errors import ErrorKind, FetchError, SourceChanged
from h2a_curation.sources.base import Cost, Page, SourceContext
from h2a_curation.sources.http import HttpClient
from h2a_curation.sources.sanitise import MAX_CAPTION_CHARACTERS, moment
from h2a_curation.sources.tiktok_research.api import Credentials, TikTokApi
from h2a_curation.sources.tiktok_research.quota import DailyQuota
from h2a_curation.sources.tiktok_research.rules import TIKTOK_ADDRESS, TikTokResearchRules, tiktok_address
from h2a_curation.taxonomy import hashtags
from schemas import Post

_FIELDS = "id,video_description,create_time,view_count,like_count,hashtag_names,username,video_duration"
"""No more than is kept: nothing is asked about a creator but the name, which becomes a pseudonym."""
_WINDOW_DAYS = 30
"""The API refuses a longer span between `start_date` and `end_date`."""
_NO_SUCH_SEARCH = re.compile(r"search.?id|cursor", re.IGNORECASE)


class TikTokResearch:
    """A tag's listing goes back in windows of 30 days; a cursor names window, offset and TikTok's cached search."""

    def __init__(self, rules: TikTokResearchRules, context: SourceContext) -> None:
        """Key, secret and the address that gets them are the environment's; ValueError where one is missing."""
        self.name = rules.name
        self._rules = rules
        self._clock = context.clock
        held = Credentials.of(context.environment)
        client = HttpClient(
            context.pace(rules.min_interval_s, rules.max_per_host),
            context.limits,
            context.reach.and_site(context.environment.get(TIKTOK_ADDRESS, "")),
            proxy=rules.settings.proxy,
        )
        per_day = rules.settings.requests_per_day
        quota = DailyQuota(per_day, account=held.key, folder=context.state, clock=context.clock, name=rules.name)
        self._api = TikTokApi(tiktok_address(context.environment), held, quota, client)

    def check(self) -> None:
        """The credentials were there when the source was made; whether they hold, only TikTok can say."""

    def search(self, tag: str, cursor: str) -> Page:
        """One request: at most 100 videos, fewer where TikTok has removed some since."""
        place = _Place.of(cursor) if cursor else _Place(self._newest_day())
        try:
            data, cost = self._api.post("/v2/research/video/query/", _FIELDS, self._body(tag, place))
        except FetchError as error:
            if not place.offset or error.kind is not ErrorKind.GONE or not _NO_SUCH_SEARCH.search(error.detail):
                raise
            return self._again(tag, place)
        posts, odd = self._posts(data)
        return replace(_page(posts, self._after(data, place), cost), odd=odd)

    def fetch(self, post: Post, target: Path) -> None:
        """Never: the API gives no files."""
        raise ValueError(f"the Research API gives no files: source {self.name} needs fetch_with in the recipe")

    def _again(self, tag: str, place: "_Place") -> Page:
        """TikTok forgets a search after a while: its window is asked from the start once, then left."""
        refused = Cost(num_requests=1, num_bytes=0)
        restart = replace(place, offset=0, search_id="", num_restarts=place.num_restarts + 1)
        other = restart if restart.num_restarts == 1 else self._older(place)
        if other is None:
            return _page([], None, refused)
        page = self.search(tag, str(other))
        cost = Cost(num_requests=page.cost.num_requests + 1, num_bytes=page.cost.num_bytes)
        return replace(page, cost=cost)

    def _newest_day(self) -> date:
        return self._rules.settings.until or self._clock().astimezone(UTC).date()

    def _body(self, tag: str, place: "_Place") -> dict[str, Any]:
        wanted = self._rules.settings
        conditions: list[tuple[str, str, list[str]]] = [("EQ", "hashtag_name", [tag])]
        if wanted.regions:
            conditions.append(("IN", "region_code", list(wanted.regions)))
        if wanted.video_lengths:
            conditions.append(("IN", "video_length", list(wanted.video_lengths)))
        query = [{"operation": o, "field_name": f, "field_values": v} for o, f, v in conditions]
        body = {
            "query": {"and": query},
            "start_date": f"{place.end - timedelta(days=_WINDOW_DAYS):%Y%m%d}",
            "end_date": f"{place.end:%Y%m%d}",
            "max_count": self._rules.page_size,
            "cursor": place.offset,
        }
        return body | ({"search_id": place.search_id} if place.search_id else {})

    def _posts(self, data: dict[str, Any]) -> tuple[list[Post], Counter[str]]:
        """The page's posts, and what else stands there, by kind."""
        videos = data.get("videos")
        if not isinstance(videos, list):
            raise SourceChanged(f"TikTok lists no videos: {sorted(data)}")
        odd = Counter(kind for kind in map(_odd_kind, videos) if kind)
        posts = [self._post(video) for video in videos if not _odd_kind(video)]
        if odd and not posts:
            raise SourceChanged(f"TikTok lists no videos with ids: {sorted(data)}")
        return list({post.post_id: post for post in posts}.values()), odd

    def _post(self, video: dict[str, Any]) -> Post:
        caption = video.get("video_description")
        caption = caption if isinstance(caption, str) else ""
        named = video.get("hashtag_names")
        tags = [tag for tag in named if isinstance(tag, str)] if isinstance(named, list) else []
        return Post(
            post_id=f"{self.name}:{video['id']}",
            source=self.name,
            url=f"https://www.tiktok.com/@_/video/{video['id']}",
            creator=str(video["username"]) if video.get("username") else None,
            caption=caption,
            hashtags=hashtags.unique([*tags, *hashtags.in_text(caption[:MAX_CAPTION_CHARACTERS])]),
            posted_at=moment(_number(video.get("create_time"))),
            language=None,
            duration_s=_number(video.get("video_duration")),
            width_px=None,
            height_px=None,
            num_views=_whole(video.get("view_count")),
            num_likes=_whole(video.get("like_count")),
            seen_at=self._clock(),
        )

    def _after(self, data: dict[str, Any], place: "_Place") -> "_Place | None":
        """The next page of this window; where it has none, or does not go forward, the window before."""
        offset, search_id = _whole(data.get("cursor")), data.get("search_id")
        if data.get("has_more") is True and offset is not None and offset > place.offset:
            return replace(place, offset=offset, search_id=str(search_id or ""))
        return self._older(place)

    def _older(self, place: "_Place") -> "_Place | None":
        """Windows share a day, since the documentation leaves open whether the last day is within."""
        if place.window + 1 >= self._rules.settings.num_windows:
            return None
        return _Place(place.end - timedelta(days=_WINDOW_DAYS), window=place.window + 1)


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in a tag's listing; as text, a cursor that another process can go on from on another day."""

    end: date
    """Last day of the window."""
    window: int = 0
    """How many windows lie before this one in the listing."""
    offset: int = 0
    num_restarts: int = 0
    search_id: str = ""

    def __str__(self) -> str:
        return f"{self.end:%Y%m%d}.{self.window}.{self.offset}.{self.num_restarts}.{self.search_id}"

    @classmethod
    def of(cls, cursor: str) -> "_Place":
        """The place that a cursor names; the cursor is one that this source gave."""
        end, window, offset, num_restarts, search_id = cursor.split(".", 4)
        day = datetime.strptime(end, "%Y%m%d").replace(tzinfo=UTC).date()
        return cls(day, int(window), int(offset), int(num_restarts), search_id)


def _odd_kind(video: Any) -> str:
    """Why an entry is no post, as `request.odd` has it; empty for a post."""
    if not isinstance(video, dict):
        return "no_entry" if video else "unavailable"
    own_id = video.get("id")
    return "" if isinstance(own_id, str | int) and not isinstance(own_id, bool) and own_id else "no_id"


def _page(posts: list[Post], place_after: _Place | None, cost: Cost) -> Page:
    return Page(posts=posts, next_cursor=None if place_after is None else str(place_after), cost=cost)


def _number(value: Any) -> float | None:
    """None for what is no number: the API's text is not ours to trust."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        return float(value) if is_number else None
    except OverflowError:
        return None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
