"""PeerTube: videos of an instance, or of an index of many instances, by tag.

Documented at https://docs.joinpeertube.org/api-rest-reference.html#operation/searchVideos; an index such as
https://sepiasearch.org answers in the same words. What it lists lies on other instances: each is asked for its own
video, so what was deleted or made private there is not taken from elsewhere.
"""

from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from h2a_curation.acquire.errors import ErrorKind, FetchError, SourceChanged
from h2a_curation.sources.base import Cost, Page, SourceContext
from h2a_curation.sources.fediverse import said
from h2a_curation.sources.fediverse.client import PublicClient, json_of, listing_of, place_of
from h2a_curation.sources.fediverse.rules import PEERTUBE_ADDRESS, PeerTubeRules, check_instance, instance_of
from h2a_curation.sources.fediverse.videos import file_of, odd_kind, post_of, refuse_what_is_not_offered
from schemas import Post

_PASSWORD_CODES = ("video_requires_password", "incorrect_video_password")
_SAY_NOTHING = frozenset({"no_entry", "no_id", "no_address"})
"""Kinds of which a whole page says that this is no PeerTube."""


class PeerTube:
    """A tag's listing is its videos, the newest first; cursors are offsets."""

    def __init__(self, rules: PeerTubeRules, context: SourceContext) -> None:
        """ValueError for an instance in the environment that is no address."""
        self.name = rules.name
        self._rules = rules
        self._context = context
        instance = instance_of(rules.settings.instance, PEERTUBE_ADDRESS, context.environment)
        own_address = context.environment.get(PEERTUBE_ADDRESS, "")
        pace = context.pace(rules.min_interval_s, rules.max_per_host)
        self._client = PublicClient(instance, own_address, pace, context)

    def check(self) -> None:
        """ValueError where no instance is named."""
        check_instance(self.name, self._client.instance, PEERTUBE_ADDRESS)

    def search(self, tag: str, cursor: str) -> Page:
        """One request. Sensitive videos are listed too, since the rule `sensitive` is to say what becomes of them."""
        start, count = int(cursor or 0), self._rules.page_size
        query = {"tagsOneOf": tag, "start": start, "count": count, "sort": "-publishedAt", "nsfw": "both"}
        answer = self._client.ask(f"{self._client.instance}/api/v1/search/videos?{urlencode(query)}")
        listed = said.record(listing_of(answer, "PeerTube"))
        videos, total = listed.get("data"), said.whole(listed.get("total"))
        if not isinstance(videos, list):
            raise SourceChanged(f"{self.name} lists no videos: {sorted(map(str, listed))}")
        kinds = [odd_kind(video, self._client.may_ask) for video in videos]
        odd = Counter(kind for kind in kinds if kind)
        if odd and not set(kinds) - _SAY_NOTHING:
            raise SourceChanged(f"{self.name}: no listed entry has an id and an address: {dict(odd)}")
        fine = [video for video, kind in zip(videos, kinds, strict=True) if not kind]
        posts = [post_of(video, self.name, tag, self._client.is_own, self._context.clock()) for video in fine]
        is_end = not videos or (total is not None and start + count >= total)
        return Page(
            posts=list({post.post_id: post for post in posts}.values()),
            next_cursor=None if is_end else str(start + count),
            cost=Cost(num_requests=answer.num_requests, num_bytes=answer.num_bytes),
            odd=odd,
        )

    def fetch(self, post: Post, target: Path) -> None:
        """Two requests: the video as its own instance has it now, and one of its files."""
        home, own_id = place_of(post.url)
        video = self._video(f"{home}/api/v1/videos/{quote(own_id, safe='')}")
        refuse_what_is_not_offered(video, honours_opt_outs=self._client.honours_opt_outs)
        self._client.save(file_of(video, self._context.limits.max_file_bytes), target)

    def _video(self, url: str) -> dict[str, Any]:
        answer = self._client.ask(url)
        if answer.status == 403 and said.record(json_of(answer)).get("code") in _PASSWORD_CODES:
            raise FetchError(ErrorKind.PRIVATE, "the video has a password")
        video = json_of(answer.raise_for_status())
        if not isinstance(video, dict):
            raise SourceChanged(f"{url} describes no video")
        return video
