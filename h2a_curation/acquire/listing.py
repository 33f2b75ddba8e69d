"""Ask for the pages that a round granted to one listing, one after the other."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Listed:
    """One page that was asked for, whether or not it came."""

    request: Request
    posts: list[Post]
    """In the page's order, each once."""
    hits: list[Hit]


def list_pages(
    allocation: Allocation,
    cursor: str,
    search: Search,
    clock: Callable[[], datetime],
    round_no: int,
    *,
    sleep: Callable[[float], None],
    retry: RetryRules,
    known: Collection[str] = (),
) -> Iterator[Listed]:
    """The granted pages from `cursor` on, one by one, so that those that came are the caller's when one fails.

    A page that does not come is a row with the error's kind and ends the listing for this time, as a cursor does that
    was asked before (else it would never end): in this call, or as `known` says, in earlier ones. Raises FetchError
    when the lane must stop.
    """
    asked = {cursor, *known}
    for _ in range(allocation.num_pages):
        page = _ask(allocation, cursor, search, sleep, retry)
        if isinstance(page, FetchError):
            yield Listed(_request(allocation, cursor, round_no, clock(), outcome=str(page.kind)), [], [])
            return
        next_cursor = None if page.next_cursor in asked else page.next_cursor
        yield _listed(allocation, cursor, round_no, clock(), page, next_cursor)
        if next_cursor is None:
            return
        cursor = next_cursor
        asked.add(cursor)


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


def _listed(
    allocation: Allocation, cursor: str, round_no: int, now: datetime, page: ListedPage, next_cursor: str | None
) -> Listed:
    posts = list({post.post_id: post for post in page.posts}.values())
    request = _request(
        allocation, cursor, round_no, now,
        next_cursor=next_cursor, num_posts=len(posts), num_bytes=page.cost.num_bytes,
    )  # fmt: skip
    hits = [
        Hit(source=allocation.source, tag=allocation.tag, cursor=cursor, post_id=post.post_id, rank=rank)
        for rank, post in enumerate(posts)
    ]
    return Listed(request, posts, hits)


def _request(
    allocation: Allocation,
    cursor: str,
    round_no: int,
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
        round=round_no,
        next_cursor=next_cursor,
        num_posts=num_posts,
        num_bytes=num_bytes,
        outcome=outcome,
        requested_at=now,
    )
