"""What a lane does, a tag's pages or a post's file at a time, until it is through or something stops it.

What came before it stopped is committed all the same; what failed on the way to it is not.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from more_itertools import map_reduce

import schemas
from h2a_curation.acquire.breaker import KnownGood, Lane
from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.acquire.fetch import fetch_post, try_post
from h2a_curation.acquire.listing import Listed, Search, list_pages
from h2a_curation.acquire.retry import with_retries
from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.foundation.secret_text import shareable
from h2a_curation.lake import log
from h2a_curation.lake.lake import Lake
from h2a_curation.pipeline.items import asked
from h2a_curation.pipeline.known_posts import KnownFiles, KnownPosts
from h2a_curation.pipeline.unlisted import unlisted
from h2a_curation.recipes import Recipe
from h2a_curation.sources.base import Page
from h2a_curation.sources.guarded import GuardedSource
from schemas import SETTLED

_ERRORS_OF_A_PAGE = 3
"""Traces that are logged of one page: those of its other entries are likely the same."""
Committed = tuple[str, str, dict[str, pa.Table]]
"""Stage, fingerprint and tables of one commit."""


@dataclass(slots=True, kw_only=True)
class Listing:
    """How far a round has come with one visit of a listing that it was granted pages of."""

    granted: schemas.Allocation
    num_came: int = 0
    """How many of the granted pages came."""
    has_failed: bool = False
    """A page did not come in this round, and may come yet."""
    after: dict[str, str | None] = field(default_factory=dict)
    """The visit's pages that came in any round: the cursor of each, and the next page's cursor."""

    @property
    def tag(self) -> str:
        """The hashtag; empty where the source is one listing."""
        return self.granted.tag

    @property
    def num_left(self) -> int:
        """Granted pages that have not come."""
        return self.granted.num_pages - self.num_came

    @property
    def next_cursor(self) -> str | None:
        """The cursor of the first page that has not come; None where the listing has ended or leads back to itself."""
        return next_cursor(self.after)


def mine(lake: Lake, recipe: Recipe, source: GuardedSource, tags: Sequence[str], round_no: int) -> Iterator[Committed]:
    """List what is left of the pages that the round's plan grants to these tags; FetchError where the lane stopped."""
    lake.check_salt()  # or pages that came would be lost for want of a pseudonym
    facts = connect(lake.path)
    name = _attempt(facts, "request", "tag", tags, round_no)
    of_round = map_reduce(listings(facts, round_no), lambda listing: listing.tag)
    ask = asked(lake.path, "mine", _logging(lake, source), lambda tag, cursor: f"#{tag} {cursor}")
    search = KnownPosts(facts, source.name).search(ask)
    lane = Lane[Listed](source.listing_breaker, _listing_probe(facts, lake, recipe, source))
    stopped: FetchError | None = None
    try:
        with lane:
            for tag in lane.over(tags):
                for listing in of_round[tag]:
                    for page in _pages(listing, facts, search, recipe, round_no):
                        lane.add(page, page.request.outcome)
    except FetchError as error:
        stopped = error
    if lane.kept:
        yield "mine", name, _page_tables(lane.kept, lake)
    if stopped is not None:
        raise stopped


def fetch(
    lake: Lake, recipe: Recipe, source: GuardedSource, post_ids: Sequence[str], round_no: int
) -> Iterator[Committed]:
    """Fetch the files of these posts, but for those that have one; FetchError where the lane stopped."""
    lake.check_salt()
    facts = connect(lake.path)
    name = _attempt(facts, "media", "post_id", post_ids, round_no)
    lane = Lane[schemas.Media](source.file_breaker, _canary(lake, recipe, source))
    known = KnownFiles(facts, lake)
    get = _file_of(lake, source, known)
    stopped: FetchError | None = None
    try:
        with lane:
            for post in lane.over(_posts(facts, post_ids)):
                media = fetch_post(post, round_no, get, lake.path, clock=_now, sleep=time.sleep, rules=recipe.fetch)
                known.add(post.url, media)
                handle = None if media.handle is None else lake.pseudonym(media.handle)
                lane.add(replace(media, handle=handle, alias=shareable(media.alias)), media.outcome)
    except FetchError as error:
        stopped = error
    if lane.kept:
        tables = {"media": schemas.to_arrow(schemas.Media, lane.kept)}
        yield "fetch", name, tables
    if stopped is not None:
        raise stopped


def listings(facts: Catalog, round_no: int) -> list[Listing]:
    """All visits of listings that the round was granted pages of, by tag."""
    granted = facts.query(f"FROM allocation WHERE round = {round_no} ORDER BY tag, visit")
    found = {(a.tag, a.visit): Listing(granted=a) for a in schemas.from_arrow(schemas.Allocation, granted)}
    asked = facts.query(f"""
        SELECT tag, visit, cursor, next_cursor, round, outcome FROM request
        SEMI JOIN (FROM allocation WHERE round = {round_no}) USING (source, tag, visit)
    """)
    for row in asked.to_pylist():
        listing = found[row["tag"], row["visit"]]
        if row["outcome"] in SETTLED:
            listing.after[row["cursor"]] = row["next_cursor"]
            listing.num_came += row["round"] == round_no
        else:
            listing.has_failed |= row["round"] == round_no
    return list(found.values())


def next_cursor(after: Mapping[str, str | None]) -> str | None:
    """The cursor at which a listing goes on, following its pages from the first: None where it does not.

    >>> next_cursor({}), next_cursor({"": "a"}), next_cursor({"": "a", "a": None}), next_cursor({"": "a", "a": ""})
    ('', 'a', None, None)
    """
    cursor: str | None = ""
    seen = set()
    while cursor is not None and cursor in after and cursor not in seen:
        seen.add(cursor)
        cursor = after[cursor]
    return None if cursor in seen else cursor


def _pages(listing: Listing, facts: Catalog, search: Search, recipe: Recipe, round_no: int) -> Iterable[Listed]:
    cursor = listing.next_cursor
    if cursor is None or listing.num_left <= 0:
        return ()
    pages = list_pages(
        replace(listing.granted, num_pages=listing.num_left),
        cursor,
        search,
        _now,
        round_no,
        sleep=time.sleep,
        retry=recipe.fetch,
        known=listing.after,
    )
    return unlisted(pages, facts) if listing.granted.visit else pages


def _logging(lake: Lake, source: GuardedSource) -> Callable[[str, str], Page]:
    """The source's search, which logs what arose at entries that nobody could read."""

    def search(tag: str, cursor: str) -> Page:
        page = source.search(tag, cursor)
        for error in page.errors[:_ERRORS_OF_A_PAGE]:
            log.note(lake.path, "mine", f"an entry of #{tag} {cursor}", error)
        return page

    return search


def _file_of(
    lake: Lake, source: GuardedSource, known: KnownFiles
) -> Callable[[schemas.Post, Path], schemas.Post | None]:
    """The way to a post's file, which raises FetchError alone. What came by a short link is not fetched again."""

    def get(post: schemas.Post, target: Path) -> schemas.Post | None:
        given = source.whole(post)
        found = source.resolved(given)
        if not known.copy(found.url, target):
            source.fetch(found, target)
        return None if found is given else found

    return asked(lake.path, "fetch", get, lambda post, _: f"{post.post_id} {post.url}")


def _page_tables(pages: Sequence[Listed], lake: Lake) -> dict[str, pa.Table]:
    posts = {post.post_id: post for page in pages for post in page.posts}
    rows = [pseudonymous(posts[post_id], lake) for post_id in sorted(posts)]
    return {
        "request": schemas.to_arrow(schemas.Request, [page.request for page in pages]),
        "post": schemas.to_arrow(schemas.Post, rows),
        "hit": schemas.to_arrow(schemas.Hit, [hit for page in pages for hit in page.hits]),
    }


def _attempt(facts: Catalog, table: str, key: str, keys: Sequence[str], round_no: int) -> str:
    """Names a commit with the keys: those that were asked for before may be asked for again, which is another part.

    Taken before anything is read or asked for, so that of two workers on one part the second to end drops its rows.
    """
    wanted = pa.table({key: pa.array(keys, pa.string())})
    sql = f"SELECT count(*) AS n FROM {table}_try SEMI JOIN wanted USING ({key}) WHERE round = {round_no}"
    num_tries = facts.query(sql, {"wanted": wanted})["n"][0].as_py()
    return f"{round_no} after {num_tries}" if num_tries else str(round_no)


def _posts(facts: Catalog, post_ids: Sequence[str]) -> list[schemas.Post]:
    """The posts with these ids, in the order of the ids."""
    wanted = pa.table({"post_id": pa.array(post_ids, pa.string())})
    sql = f"""
        FROM post SEMI JOIN wanted USING (post_id) ANTI JOIN (FROM media WHERE outcome IN {SETTLED}) USING (post_id)
    """
    by_id = {post.post_id: post for post in schemas.from_arrow(schemas.Post, facts.query(sql, {"wanted": wanted}))}
    return [by_id[post_id] for post_id in post_ids if post_id in by_id]


def _canary(lake: Lake, recipe: Recipe, source: GuardedSource) -> KnownGood | None:
    canary = source.canary()
    if canary is None:
        return None
    get = asked(lake.path, "fetch", source.fetch, lambda post, target: f"{post.post_id} {post.url}")
    return KnownGood("the canary", lambda: try_post(canary, get, lake.path, sleep=time.sleep, rules=recipe.fetch))


def _listing_probe(facts: Catalog, lake: Lake, recipe: Recipe, source: GuardedSource) -> KnownGood | None:
    """A listing that gave posts before. Until there is one, the canary: where it comes, it says little of listings."""
    sql = """
        SELECT min(tag) AS tag FROM request WHERE source = $source AND cursor = '' AND outcome = 'ok' AND num_posts > 0
    """
    tag = facts.query(sql, params={"source": source.name})["tag"][0].as_py()
    if tag is None:
        canary = _canary(lake, recipe, source)
        return canary and replace(canary, clears=False)

    def ask() -> FetchError | None:
        try:
            page = with_retries(lambda: source.search(tag, ""), key=tag, rules=recipe.fetch, sleep=time.sleep)
        except FetchError as error:
            return error
        return None if page.posts else FetchError(ErrorKind.EXTRACTOR_BROKEN, "it lists nothing any more")

    return KnownGood(f"the listing of #{tag}, which gave posts before,", ask)


def pseudonymous(post: schemas.Post, lake: Lake) -> schemas.Post:
    """The post as a row has it: who made it stands there by the lake's pseudonyms alone."""
    creator, handle = (None if name is None else lake.pseudonym(name) for name in (post.creator, post.handle))
    return replace(post, creator=creator, handle=handle)


def _now() -> datetime:
    return datetime.now(UTC)
