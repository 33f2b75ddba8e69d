"""Ask for the pages that a round granted to one listing, one after the other."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from h2a_curation.acquire.errors import FetchError, Policy
from h2a_curation.acquire.retry import RetryRules, with_retries
from schemas import Allocation, Hit, Post, Request


class PageCost(Protocol):
    """What a page cost."""

    @property
    def num_bytes(self) -> int:
        """That came."""
        ...


class ListedPage(Protocol):
    """What a source's `search` gives."""

    @property
    def posts(self) -> Sequence[Post]:
        """In the listing's order."""
        ...

    @property
    def next_cursor(self) -> str | None:
        """None at the listing's end."""
        ...

    @property
    def cost(self) -> PageCost:
        """Of this page."""
        ...


Search = Callable[[str, str], ListedPage]
"""`search(tag, cursor)`; raises FetchError."""


def list_pages(
    allocation: Allocation,
    cursor: str,
    search: Search,
    clock: Callable[[], datetime],
    round: int,
    *,
    sleep: Callable[[float], None],
    retry: RetryRules,
) -> tuple[list[Request], list[Post], list[Hit]]:
    """The pages from `cursor` on: a request row each, every post once, and which page listed which post.

    A page that does not come is a row with the error's kind and ends the listing, as a cursor does that was asked
    before (else it would never end). Raises FetchError when the lane must stop.
    """
    requests: list[Request] = []
    posts: dict[str, Post] = {}
    hits: list[Hit] = []
    asked = {cursor}
    next_cursor: str | None = cursor
    while next_cursor is not None and len(requests) < allocation.num_pages:
        cursor = next_cursor
        page = _ask(allocation, cursor, search, sleep, retry)
        if isinstance(page, FetchError):
            requests.append(_request(allocation, cursor, round, clock(), outcome=str(page.kind)))
            break
        listed = {post.post_id: post for post in page.posts}
        next_cursor = None if page.next_cursor in asked else page.next_cursor
        asked.add(page.next_cursor or "")
        requests.append(
            _request(
                allocation,
                cursor,
                round,
                clock(),
                next_cursor=next_cursor,
                num_posts=len(listed),
                num_bytes=page.cost.num_bytes,
            )
        )
        posts |= {post_id: post for post_id, post in listed.items() if post_id not in posts}
        hits += [
            Hit(source=allocation.source, tag=allocation.tag, cursor=cursor, post_id=post_id, rank=rank)
            for rank, post_id in enumerate(listed)
        ]
    return requests, list(posts.values()), hits


def _ask(
    allocation: Allocation, cursor: str, search: Search, sleep: Callable[[float], None], retry: RetryRules
) -> ListedPage | FetchError:
    key = f"{allocation.source} {allocation.tag} {cursor}"
    try:
        return with_retries(lambda: search(allocation.tag, cursor), key=key, rules=retry, sleep=sleep)
    except FetchError as error:
        if error.policy is Policy.STOP:
            raise
        return error


def _request(
    allocation: Allocation,
    cursor: str,
    round: int,
    now: datetime,
    *,
    outcome: str = "ok",
    next_cursor: str | None = None,
    num_posts: int = 0,
    num_bytes: int = 0,
) -> Request:
    return Request(
        source=allocation.source,
        tag=allocation.tag,
        cursor=cursor,
        round=round,
        next_cursor=next_cursor,
        num_posts=num_posts,
        num_bytes=num_bytes,
        outcome=outcome,
        requested_at=now,
    )
