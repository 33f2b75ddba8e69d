"""Count what the rows say of each listing that can be mined.

A listing, a hashtag of a source, is called an arm, as in a multi-armed bandit: each page asked for is a pull.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas import SETTLED

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Key = tuple[str, str]
"""Source and tag of an arm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One listing: a row of `arm_sql`."""

    source: str
    tag: str
    class_ids: Sequence[str]
    """Classes that the tag speaks for, sorted; empty for a listing that was asked for and that no class names now."""
    origin: str
    """`seed` (it stands in a class file) or `learnt`."""
    rank: int
    """Least place of the tag among the tags of a class, from 0: class files name the best first."""
    num_bytes: int
    """Bytes of its pages, and of the files of posts that it was the first to list; without those of later visits."""
    new_by_page: Sequence[int]
    """New posts of each page, in the order of pages: a post is new on the page that was the first to list it. A page
    that failed for good has none; a page that may be asked for again is left out. Pages of later visits are no deeper
    pages of the listing, and are counted apart."""
    judged_by_page: Sequence[int]
    """New posts of each page that are accepted or rejected by now."""
    valid_by_page: Sequence[int]
    """New posts of each page that are accepted for one class or more."""
    useful_by_page: Sequence[int]
    """New posts of each page that are accepted for a class that still wants clips."""
    shown_by_page: Sequence[int]
    """Posts on each page that are accepted, whichever listing was the first to list them."""
    round_by_page: Sequence[int]
    """Round in which each page was asked for."""
    num_valid_once: int
    """Accepted posts that this listing has listed once, and that no other has listed. Good and Turing estimate from it
    how much more is to come; the planner does not use it, its rival Good-UCB in `bench/mining_rivals.py` does."""
    num_tagged: int
    """Posts that carry the tag, wherever they were listed."""
    num_tagged_judged: int
    """Posts that carry the tag and are accepted or rejected by now."""
    tagged_valid_by_class: Sequence[int]
    """Posts that carry the tag and are accepted for each of `class_ids`, in its order."""
    num_views: int | None
    """Views of all posts seen that carry the tag, which is a lower bound of the tag's own; None if the source tells
    none."""
    is_dry: bool
    """The listing has ended, failed for good, or leads back to a page that was asked for."""
    next_cursor: str | None
    """Cursor of the page to ask for next, empty for the first page; None when dry."""
    num_visit_pages: int = 0
    """Pages of later visits."""
    num_visit_new: int = 0
    """New posts of all later visits; so of the three that follow."""
    num_visit_judged: int = 0
    num_visit_valid: int = 0
    num_visit_useful: int = 0

    @property
    def num_pages(self) -> int:
        """Pages asked for so far, without those of later visits."""
        return len(self.new_by_page)

    @property
    def num_tagged_valid(self) -> int:
        """Posts that carry the tag and are accepted for a class of it, counted for each."""
        return sum(self.tagged_valid_by_class)

    @property
    def num_posts_new(self) -> int:
        """Posts that this arm listed first."""
        return sum(self.new_by_page) + self.num_visit_new

    @property
    def num_valid_new(self) -> int:
        """Posts that this arm listed first and that are accepted."""
        return sum(self.valid_by_page) + self.num_visit_valid


@dataclass(frozen=True, kw_only=True, eq=False)
class Arms:
    """Many arms as columns, since a plan weighs fifty thousand at a time: row i of each column is arm i.

    A claim is one class of an arm. Arms differ in their number of pages and of claims, so these lie flat, one arm after
    the other: page p is of arm `arm_of_page[p]`, claim k of arm `arm_of_claim[k]`. Docstrings name the axis of each
    array: [arm], [page], [claim] or [class name].
    """

    table: pa.Table
    """The rows that `arm_sql` yields."""

    @classmethod
    def of(cls, rows: Sequence[Arm]) -> "Arms":
        """The same arms as columns."""
        return cls(table=pa.Table.from_pylist([asdict(row) for row in rows], _SCHEMA))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def rows(self) -> list[Arm]:
        """The same arms one by one."""
        return [Arm(**row) for row in self.table.to_pylist()]

    def keys(self) -> list[Key]:
        """Source and tag of each arm."""
        return list(zip(self.table["source"].to_pylist(), self.table["tag"].to_pylist(), strict=True))

    def ints(self, column: str) -> Ints:
        """[arm] A column that has a number an arm."""
        return np.asarray(self.table[column].cast(pa.int64()).to_numpy(), np.int64)

    def is_below(self, column: str, least: int) -> NDArray[np.bool_]:
        """[arm] Whether the column's number is known and less than `least`."""
        return np.asarray(pc.fill_null(pc.less(self.table[column], least), False).to_numpy(), np.bool_)

    def claims(self, column: str) -> Floats:
        """[claim] A column that has a number a class of the arm."""
        return np.asarray(pc.list_flatten(self.table[column]).to_numpy(), np.float64)

    def pages(self, column: str) -> Floats:
        """[page] A column that has a number a page."""
        return np.asarray(pc.list_flatten(self.table[column]).to_numpy(), np.float64)

    def sums(self, column: str) -> Floats:
        """[arm] Sums over the arm's pages of a column that has a number a page."""
        return np.bincount(self.arm_of_page, self.pages(column), len(self)).astype(np.float64)

    def totals(self, count: str) -> Floats:
        """[arm] What all its pages have shown, later visits included; `count`: new, judged, valid or useful."""
        return self.sums(f"{count}_by_page") + self.ints(f"num_visit_{count}")

    @property
    def num_spent(self) -> int:
        """Pages that all arms were asked for, later visits included."""
        return int(self.num_pages.sum() + self.ints("num_visit_pages").sum())

    @cached_property
    def num_pages(self) -> Ints:
        """[arm] Pages asked for so far, without those of later visits."""
        return _lengths(self.table["new_by_page"])

    @cached_property
    def arm_of_page(self) -> Ints:
        """[page] Arm that the page is of."""
        return np.repeat(np.arange(len(self)), self.num_pages)

    @cached_property
    def is_first_page(self) -> NDArray[np.bool_]:
        """[page] Whether the page is the first of its arm."""
        return np.asarray(np.diff(self.arm_of_page, prepend=-1) != 0, np.bool_)

    @cached_property
    def pages_after(self) -> Ints:
        """[page] Pages of the same arm that came after it."""
        ends = np.cumsum(self.num_pages)
        return ends[self.arm_of_page] - 1 - np.arange(len(self.arm_of_page))

    @cached_property
    def class_names(self) -> list[str]:
        """Ids of all classes that some arm speaks for, sorted."""
        return sorted(pc.unique(pc.list_flatten(self.table["class_ids"])).to_pylist())

    @cached_property
    def class_of_claim(self) -> Ints:
        """[claim] Place of the claimed class in `class_names`."""
        names = pa.array(self.class_names, pa.string())
        found = pc.index_in(pc.list_flatten(self.table["class_ids"]), names)
        return np.asarray(found.to_numpy(), np.int64)

    @cached_property
    def arm_of_claim(self) -> Ints:
        """[claim] Arm that the claim is of."""
        return np.repeat(np.arange(len(self)), self.num_claims)

    @cached_property
    def num_claims(self) -> Ints:
        """[arm] Number of classes that the arm speaks for."""
        return _lengths(self.table["class_ids"])

    @cached_property
    def is_learnt(self) -> NDArray[np.bool_]:
        """[arm] Whether the tag was learnt, and stands in no class file."""
        return np.asarray(pc.equal(self.table["origin"], "learnt").to_numpy(), np.bool_)

    @cached_property
    def is_dry(self) -> NDArray[np.bool_]:
        """[arm] Whether there is no further page to ask for."""
        return np.asarray(self.table["is_dry"].to_numpy(), np.bool_)


def _lengths(lists: pa.ChunkedArray) -> Ints:
    return np.asarray(pc.list_value_length(lists).to_numpy(), np.int64)


_TEXT, _NUMBER, _NUMBERS = pa.string(), pa.int64(), pa.list_(pa.int64())
_SCHEMA = pa.schema(
    [
        *((name, _TEXT) for name in ("source", "tag")),
        ("class_ids", pa.list_(_TEXT)),
        ("origin", _TEXT),
        *((name, _NUMBER) for name in ("rank", "num_bytes")),
        *((f"{name}_by_page", _NUMBERS) for name in ("new", "judged", "valid", "useful", "shown", "round")),
        *((name, _NUMBER) for name in ("num_valid_once", "num_tagged", "num_tagged_judged")),
        ("tagged_valid_by_class", _NUMBERS),
        ("num_views", _NUMBER),
        ("is_dry", pa.bool_()),
        ("next_cursor", _TEXT),
        *((f"num_visit_{name}", _NUMBER) for name in ("pages", "new", "judged", "valid", "useful")),
    ]
)


def arm_sql() -> str:
    """SQL that yields one Arm a row, sorted by source and tag, over these tables (DuckDB).

    `request`, `hit`, `post`, `media`: as in `schemas`, one row a key. `accepted(post_id, class_id)`. `judged(post_id)`:
    posts about which no stage has still to decide, accepted or not. `wanted(class_id)`: classes below their quota.
    `arm_tag(source, tag, class_id, origin, rank)`: what may be mined.

    Pages are ordered by following cursors: clocks of several workers may disagree. A post listed by several pages is
    credited to the page of the earliest round, then the earliest page of its listing. Where several listings are equal
    in both, a hash picks one, so that no listing is favoured for its name. A page of a later visit takes its posts'
    credit like another; it stands in no listing's order of pages.
    """
    return f"""
    WITH RECURSIVE
    arrived AS MATERIALIZED (FROM request WHERE outcome IN {SETTLED}),
    settled AS (FROM arrived WHERE visit = 0),
    -- Each listing's pages from its first one on. A listing may lead back to a page that it has shown: the number of
    -- its pages ends the walk then.
    chain AS (
        SELECT source, tag, cursor, next_cursor, round, num_bytes, 0 AS page FROM settled WHERE cursor = ''
        UNION ALL
        SELECT r.source, r.tag, r.cursor, r.next_cursor, r.round, r.num_bytes, c.page + 1
        FROM chain c
        JOIN settled r ON r.source = c.source AND r.tag = c.tag AND r.cursor = c.next_cursor
        JOIN (SELECT source, tag, count(*) AS num_pages FROM settled GROUP BY ALL) n
          ON n.source = c.source AND n.tag = c.tag
        WHERE c.page + 1 < n.num_pages
    ),
    visited AS (
        SELECT source, tag, visit, cursor, next_cursor, round, num_bytes,
               row_number() OVER (PARTITION BY source, tag, visit ORDER BY round, cursor) - 1 AS page
        FROM arrived WHERE visit > 0
    ),
    -- A number stands for (source, tag, visit, cursor): joins by it are much faster than by all four.
    page AS MATERIALIZED (
        SELECT row_number() OVER () AS page_id, *
        FROM (SELECT source, tag, 0 AS visit, * EXCLUDE (source, tag) FROM chain UNION ALL BY NAME FROM visited)
    ),
    -- The one page that each post counts for, and the number of pages that list it.
    credit AS (
        SELECT post_id, count(*) AS num_hits,
               arg_min(page_id, (round, page, md5(post_id || tag || source))) AS page_id
        FROM hit JOIN page USING (source, tag, visit, cursor) GROUP BY post_id
    ),
    done AS MATERIALIZED (SELECT DISTINCT post_id, true AS is_judged FROM judged),
    valid AS (SELECT post_id, bool_or(class_id IN (FROM wanted)) AS is_useful FROM accepted GROUP BY post_id),
    file AS (SELECT post_id, sum(num_bytes) AS num_bytes FROM media GROUP BY post_id),
    counted AS (
        SELECT page_id, count(*) AS num_new, count(is_judged) AS num_judged, count(v.post_id) AS num_valid,
               count(*) FILTER (v.is_useful) AS num_useful, count(v.post_id) FILTER (num_hits = 1) AS num_once,
               coalesce(sum(f.num_bytes), 0) AS num_bytes
        FROM credit LEFT JOIN done USING (post_id) LEFT JOIN valid v USING (post_id) LEFT JOIN file f USING (post_id)
        GROUP BY page_id
    ),
    shown AS (
        SELECT page_id, count(*) AS num_shown
        FROM hit JOIN page USING (source, tag, visit, cursor) SEMI JOIN valid USING (post_id) GROUP BY page_id
    ),
    listing AS (
        SELECT source, tag, sum(p.num_bytes + coalesce(n.num_bytes, 0))::BIGINT AS num_bytes,
               list(coalesce(num_new, 0) ORDER BY page) AS new_by_page,
               list(coalesce(num_judged, 0) ORDER BY page) AS judged_by_page,
               list(coalesce(num_valid, 0) ORDER BY page) AS valid_by_page,
               list(coalesce(num_useful, 0) ORDER BY page) AS useful_by_page,
               list(coalesce(num_shown, 0) ORDER BY page) AS shown_by_page,
               list(round::BIGINT ORDER BY page) AS round_by_page,
               coalesce(sum(num_once), 0)::BIGINT AS num_once,
               arg_max(coalesce(next_cursor, ''), page) AS last_cursor, list(cursor) AS cursors
        FROM page p LEFT JOIN counted n USING (page_id) LEFT JOIN shown USING (page_id)
        WHERE visit = 0 GROUP BY source, tag
    ),
    visits AS (
        SELECT source, tag, count(*) AS num_visit_pages, sum(coalesce(num_new, 0))::BIGINT AS num_visit_new,
               sum(coalesce(num_judged, 0))::BIGINT AS num_visit_judged,
               sum(coalesce(num_valid, 0))::BIGINT AS num_visit_valid,
               sum(coalesce(num_useful, 0))::BIGINT AS num_visit_useful
        FROM page LEFT JOIN counted USING (page_id) WHERE visit > 0 GROUP BY source, tag
    ),
    claim AS MATERIALIZED (
        SELECT source, tag, class_id, bool_or(origin = 'seed') AS is_seed, min(rank) AS rank FROM arm_tag GROUP BY ALL
    ),
    -- Accepted posts that carry a tag, for the classes that it speaks for. A post counts once a class.
    carried_valid AS (
        SELECT tag, class_id, count(*) AS num_valid
        FROM (SELECT DISTINCT post_id, class_id, unnest(hashtags) AS tag FROM accepted JOIN post USING (post_id))
        SEMI JOIN claim USING (tag, class_id)
        GROUP BY tag, class_id
    ),
    -- The full join below keeps listings that were asked for and that nobody claims any more: their pages are spent.
    mined AS (
        SELECT source, tag, list(class_id ORDER BY class_id) AS class_ids,
               list(coalesce(num_valid, 0) ORDER BY class_id) AS tagged_valid_by_class,
               CASE WHEN bool_or(is_seed) THEN 'seed' ELSE 'learnt' END AS origin, min(rank) AS rank
        FROM claim LEFT JOIN carried_valid USING (tag, class_id) GROUP BY source, tag
    ),
    carried AS (
        SELECT tag, count(*) AS num_posts, count(is_judged) AS num_judged, sum(num_views)::BIGINT AS num_views
        FROM (SELECT unnest(hashtags) AS tag, is_judged, num_views FROM post LEFT JOIN done USING (post_id))
        GROUP BY tag
    )
    SELECT source, tag, coalesce(class_ids, []) AS class_ids, coalesce(origin, 'learnt') AS origin,
           coalesce(rank, 0) AS rank,
           coalesce(num_bytes, 0) AS num_bytes, coalesce(new_by_page, []) AS new_by_page,
           coalesce(judged_by_page, []) AS judged_by_page, coalesce(valid_by_page, []) AS valid_by_page,
           coalesce(useful_by_page, []) AS useful_by_page, coalesce(shown_by_page, []) AS shown_by_page,
           coalesce(round_by_page, []) AS round_by_page,
           coalesce(num_once, 0) AS num_valid_once,
           coalesce(carried.num_posts, 0) AS num_tagged, coalesce(carried.num_judged, 0) AS num_tagged_judged,
           coalesce(tagged_valid_by_class, []) AS tagged_valid_by_class,
           carried.num_views AS num_views,
           coalesce(last_cursor = '' OR list_contains(cursors, last_cursor), false) AS is_dry,
           CASE WHEN cursors IS NULL THEN '' WHEN is_dry THEN NULL ELSE last_cursor END AS next_cursor,
           coalesce(num_visit_pages, 0) AS num_visit_pages, coalesce(num_visit_new, 0) AS num_visit_new,
           coalesce(num_visit_judged, 0) AS num_visit_judged, coalesce(num_visit_valid, 0) AS num_visit_valid,
           coalesce(num_visit_useful, 0) AS num_visit_useful
    FROM mined FULL JOIN listing USING (source, tag) LEFT JOIN carried USING (tag) LEFT JOIN visits USING (source, tag)
    ORDER BY source, tag
    """
