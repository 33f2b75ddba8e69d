"""Mastodon: public posts with a video, by hashtag, as one instance shows them to strangers.

Documented at https://docs.joinmastodon.org/methods/timelines/#tag and https://docs.joinmastodon.org/api/rate-limits/.
Programs that speak the same API (GoToSocial, Pleroma, Pixelfed) answer in these words too.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from h2a_curation.acquire.errors import ErrorKind, FetchError, SourceChanged
from h2a_curation.sources.base import Cost, Page, SourceContext
from h2a_curation.sources.fediverse import said
from h2a_curation.sources.fediverse.client import PublicClient, json_of, listing_of, place_of
from h2a_curation.sources.fediverse.rules import MASTODON_ADDRESS, MastodonRules, check_instance, instance_of
from h2a_curation.sources.fediverse.statuses import file_of, odd_kind, opt_out, post_of, videos_of
from h2a_curation.sources.http import Answer
from schemas import Post

_NEXT = re.compile(r'<([^<>]{1,2000})>\s*;\s*rel="?next"?')
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


class Mastodon:
    """A tag's listing is its posts, the newest first; a cursor is the id below which the next page begins."""

    def __init__(self, rules: MastodonRules, context: SourceContext) -> None:
        """ValueError for an instance in the environment that is no address."""
        self.name = rules.name
        self._rules = rules
        self._context = context
        instance = instance_of(rules.settings.instance, MASTODON_ADDRESS, context.environment)
        own_address = context.environment.get(MASTODON_ADDRESS, "")
        pace = context.pace(rules.min_interval_s, rules.max_per_host)
        self._client = PublicClient(instance, own_address, pace, context)

    def check(self) -> None:
        """ValueError where no instance is named."""
        check_instance(self.name, self._client.instance, MASTODON_ADDRESS)

    def search(self, tag: str, cursor: str) -> Page:
        """One request: a page of the tag's public timeline, of which the posts with a video are posts."""
        query: dict[str, Any] = {"only_media": "true", "limit": self._rules.page_size}
        query |= {"local": "true"} if self._rules.settings.only_local else {}
        query |= {"max_id": cursor} if cursor else {}
        place = f"{self._client.instance}/api/v1/timelines/tag/{quote(tag, safe='')}"
        answer = self._client.ask(f"{place}?{urlencode(query)}")
        statuses = [] if _is_unknown_tag(answer) else listing_of(answer, "Mastodon")
        if not isinstance(statuses, list):
            raise SourceChanged(f"{self.name} lists no posts: {str(statuses)[:100]}")
        kinds = [odd_kind(status, honours_opt_outs=self._client.honours_opt_outs) for status in statuses]
        if kinds and not set(kinds) - {"no_entry", "no_id"}:
            raise SourceChanged(f"{self.name}: no listed entry has an id: {dict(Counter(kinds))}")
        fine = [status for status, kind in zip(statuses, kinds, strict=True) if not kind]
        posts = [post_of(status, self.name, self._client.instance, self._context.clock()) for status in fine]
        num_further = sum(len(videos_of(status)) - 1 for status in fine)
        return Page(
            posts=list({post.post_id: post for post in posts}.values()),
            next_cursor=_next_cursor(answer, statuses),
            cost=Cost(num_requests=answer.num_requests, num_bytes=answer.num_bytes),
            odd=+Counter({**Counter(kind for kind in kinds if kind), "further_video": num_further}),
        )

    def fetch(self, post: Post, target: Path) -> None:
        """Two requests: the post as the instance has it now, and the file of its first video."""
        home, own_id = place_of(post.url)
        url = f"{home}/api/v1/statuses/{quote(own_id, safe='')}"
        status = json_of(self._client.ask(url).raise_for_status())
        if not isinstance(status, dict) or "media_attachments" not in status:
            raise SourceChanged(f"{url} describes no post")
        if status.get("visibility") != "public":
            raise FetchError(ErrorKind.PRIVATE, "the post is not public")
        if self._client.honours_opt_outs and (reason := opt_out(status)):
            raise FetchError(ErrorKind.OPT_OUT, reason)
        file = next((file_of(video, self._client.may_ask) for video in videos_of(status)), "")
        if not file:
            raise FetchError(ErrorKind.NO_VIDEO, "the post has no video, or no public host has its file")
        self._client.save(file, target)


def _is_unknown_tag(answer: Answer) -> bool:
    """Whether the instance says, in its API's words, that nobody has used the tag there."""
    return answer.status == 404 and b'"error"' in answer.body and isinstance(json_of(answer), dict)


def _next_cursor(answer: Answer, statuses: list[Any]) -> str | None:
    """From the header Link where there is one, of which the id alone is taken; else the id of the last entry."""
    if link := answer.headers.get("Link"):
        found = _NEXT.search(link)
        try:
            said_id = parse_qs(urlsplit(found[1]).query).get("max_id", [""])[0] if found else ""
        except ValueError:
            said_id = ""
    else:
        said_id = said.text(said.record(statuses[-1]).get("id")) if statuses else ""
    return said_id if statuses and _ID.fullmatch(said_id) else None
