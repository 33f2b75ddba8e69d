"""Ask for the pages that a round granted to one listing, one after the other."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from h2a_curation.acquire.errors import FetchError, Policy
from h2a_curation.acquire.retry import RetryRules, with_retries
from schemas import Allocation, Hit, Post, Request


class PageCost(Protocol):
    """Cost of a page."""

    @property
    def num_bytes(self) -> int:
        """Bytes that arrived."""
        ...


class ListedPage(Protocol):
    """One page of a listing, as a source's `search` returns it."""

    @property
    def posts(self) -> Sequence[Post]:
        """Posts of the page, in the listing's order."""
        ...

    @property
    def next_cursor(self) -> str | None:
        """Cursor of the page after this one; None at the end of the listing."""
        ...

    @property
    def content(self) -> str:
        """Fingerprint of the table or folder that the page is of; empty for a page of a site."""
        ...

    @property
    def cost(self) -> PageCost:
        """Cost of this page."""
        ...

    @property
    def odd(self) -> Mapping[str, int]:
        """Number of entries of the page that are no posts, by kind."""
        ...


Search = Callable[[str, str], ListedPage]
"""`search(tag, cursor)` returns one page of a tag's listing or raises FetchError. An empty cursor is the first page."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One page that was asked for, whether or not it arrived."""

    request: Request
    posts: list[Post]
    """Posts of the page in its order, each once; none if the page failed."""
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
    """Yield the granted pages from `cursor` on, one by one, so that the caller has those before a failure.

    A page that fails is a row with the error's kind, and the last one of this call. `known` are cursors that earlier
    calls asked for. A page that leads to a cursor which was asked for is the end of the listing: some sites lead in a
    circle. Raises FetchError if the lane must stop.
    """
    asked = {cursor, *known}
    for _ in range(allocation.num_pages):
        page = _page_or_error(allocation, cursor, search, sleep, retry)
        if isinstance(page, FetchError):
            yield Listed(_request(allocation, cursor, round_no, clock(), outcome=str(page.kind)), [], [])
            return
        next_cursor = None if page.next_cursor in asked else page.next_cursor
        yield _listed(allocation, cursor, round_no, clock(), page, next_cursor)
        if next_cursor is None:
            return
        cursor = next_cursor
        asked.add(cursor)


def _page_or_error(
    allocation: Allocation, cursor: str, search: Search, sleep: Callable[[float], None], retry: RetryRules
) -> ListedPage | FetchError:
    """The page, or the error that is this page's own; raises an error that stops the lane."""
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
    # Some sites repeat a post within a page: it is listed once, at its last content and its first place.
    posts = list({post.post_id: post for post in page.posts}.values())
    request = _request(
        allocation, cursor, round_no, now,
        next_cursor=next_cursor, num_posts=len(posts), num_bytes=page.cost.num_bytes,
    )  # fmt: skip
    request = replace(request, odd=_in_words(page.odd) or None)
    hits = [
        Hit(
            source=allocation.source,
            tag=allocation.tag,
            cursor=cursor,
            post_id=post.post_id,
            rank=rank,
            visit=allocation.visit,
        )
        for rank, post in enumerate(posts)
    ]
    return Listed(replace(request, content=page.content), posts, hits)


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
        visit=allocation.visit,
    )


def _in_words(odd: Mapping[str, int]) -> str:
    """Kinds with their numbers, most first: `playlist 2, no_id 1`."""
    return ", ".join(f"{kind} {num}" for kind, num in sorted(odd.items(), key=lambda item: (-item[1], item[0])))
