"""What the rows say of each listing that can be mined: an arm."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One listing: a row of `arm_sql`."""

    source: str
    tag: str
    class_ids: Sequence[str]
    """That the tag speaks for, sorted; empty for a listing that was asked for and no longer counts."""
    origin: str
    """`seed` (it stands in a class file) or `learnt`."""
    rank: int
    """Its least place among the tags of a class, from 0: class files name the best first."""
    num_bytes: int
    """That came with its pages."""
    new_by_page: Sequence[int]
    """Posts that each page was the first to list, in the order of pages; a failed page listed none."""
    judged_by_page: Sequence[int]
    """Those of them that are accepted or rejected by now."""
    valid_by_page: Sequence[int]
    """Those of them that are accepted for one class or more."""
    num_valid_once: int
    """Accepted posts that this listing has listed, once, and no other has: Good and Turing's sign of more to come."""
    num_tagged: int
    """Posts that carry the tag, wherever they were listed."""
    num_tagged_judged: int
    """Those of them that are accepted or rejected by now."""
    num_tagged_valid: int
    """Those of them that are accepted for one of the tag's classes."""
    is_dry: bool
    """The listing has ended, failed for good, or leads back to a page that was asked for."""
    next_cursor: str | None
    """Of the page to ask for next; None when dry."""

    @property
    def num_pages(self) -> int:
        """Pages asked for so far."""
        return len(self.new_by_page)

    @property
    def num_posts_new(self) -> int:
        """Posts that this arm listed first."""
        return sum(self.new_by_page)

    @property
    def num_valid_new(self) -> int:
        """Posts that this arm listed first and that are accepted."""
        return sum(self.valid_by_page)


def arm_sql() -> str:
    """SQL that yields one Arm a row, sorted by source and tag, over these tables (DuckDB).

    `request`, `hit`, `post`: as in `schemas`, one row a key. `accepted(post_id, class_id)`. `judged(post_id)`: posts
    that no stage has still to decide, accepted or not. `arm_tag(source, tag, class_id, origin, rank)`: what may be
    mined.

    Pages are ordered by following cursors, not by the clock. A post listed by several pages is credited to the one of
    the earliest round, then the earliest page; among listings that were read side by side, to one picked by hash.
    """
    return """
    WITH RECURSIVE
    chain AS (
        SELECT source, tag, cursor, next_cursor, 0 AS page FROM request WHERE cursor = ''
        UNION ALL
        SELECT r.source, r.tag, r.cursor, r.next_cursor, c.page + 1
        FROM chain c
        JOIN request r ON r.source = c.source AND r.tag = c.tag AND r.cursor = c.next_cursor
        JOIN (SELECT source, tag, count(*) AS num_pages FROM request GROUP BY ALL) n
          ON n.source = c.source AND n.tag = c.tag
        WHERE c.page + 1 < n.num_pages
    ),
    credit AS (
        SELECT h.post_id, arg_min({'source': h.source, 'tag': h.tag, 'page': c.page},
                                  (r.round, c.page, md5(h.post_id || h.tag || h.source))) AS first
        FROM hit h JOIN chain c USING (source, tag, cursor) JOIN request r USING (source, tag, cursor)
        GROUP BY h.post_id
    ),
    valid AS (SELECT DISTINCT post_id FROM accepted),
    counted AS (
        SELECT first.source AS source, first.tag AS tag, first.page AS page, count(*) AS num_new,
               count(j.post_id) AS num_judged, count(v.post_id) AS num_valid
        FROM credit LEFT JOIN (SELECT DISTINCT post_id FROM judged) j USING (post_id) LEFT JOIN valid v USING (post_id)
        GROUP BY ALL
    ),
    listing AS (
        SELECT c.source, c.tag, sum(r.num_bytes)::BIGINT AS num_bytes,
               list(coalesce(n.num_new, 0) ORDER BY c.page) AS new_by_page,
               list(coalesce(n.num_judged, 0) ORDER BY c.page) AS judged_by_page,
               list(coalesce(n.num_valid, 0) ORDER BY c.page) AS valid_by_page,
               arg_max(coalesce(c.next_cursor, ''), c.page) AS last_cursor, list(c.cursor) AS cursors
        FROM chain c JOIN request r USING (source, tag, cursor) LEFT JOIN counted n USING (source, tag, page)
        GROUP BY c.source, c.tag
    ),
    once AS (
        SELECT source, tag, count(*) AS num_valid
        FROM (SELECT any_value(source) AS source, any_value(tag) AS tag, post_id FROM hit
              GROUP BY post_id HAVING count(*) = 1)
        SEMI JOIN valid USING (post_id) GROUP BY ALL
    ),
    mined AS (
        SELECT source, tag, list_sort(list(DISTINCT class_id)) AS class_ids,
               CASE WHEN bool_or(origin = 'seed') THEN 'seed' ELSE 'learnt' END AS origin, min(rank) AS rank
        FROM arm_tag GROUP BY source, tag
    ),
    tagged AS MATERIALIZED (
        SELECT post_id, unnest(list_distinct(hashtags)) AS tag FROM post
    ),
    carried AS (
        SELECT t.tag, count(*) AS num_posts, count(j.post_id) AS num_judged
        FROM tagged t LEFT JOIN (SELECT DISTINCT post_id FROM judged) j USING (post_id) GROUP BY t.tag
    ),
    carried_valid AS (
        SELECT t.source, t.tag, count(DISTINCT a.post_id) AS num_valid
        FROM accepted a JOIN tagged USING (post_id)
        JOIN arm_tag t ON t.tag = tagged.tag AND t.class_id = a.class_id
        GROUP BY t.source, t.tag
    )
    SELECT source, tag, coalesce(class_ids, []) AS class_ids, coalesce(origin, 'learnt') AS origin,
           coalesce(rank, 0) AS rank,
           coalesce(num_bytes, 0) AS num_bytes, coalesce(new_by_page, []) AS new_by_page,
           coalesce(judged_by_page, []) AS judged_by_page, coalesce(valid_by_page, []) AS valid_by_page,
           coalesce(once.num_valid, 0) AS num_valid_once,
           coalesce(carried.num_posts, 0) AS num_tagged, coalesce(carried.num_judged, 0) AS num_tagged_judged,
           coalesce(carried_valid.num_valid, 0) AS num_tagged_valid,
           coalesce(last_cursor = '' OR list_contains(cursors, last_cursor), false) AS is_dry,
           CASE WHEN cursors IS NULL THEN '' WHEN is_dry THEN NULL ELSE last_cursor END AS next_cursor
    FROM mined FULL JOIN listing USING (source, tag) LEFT JOIN once USING (source, tag) LEFT JOIN carried USING (tag)
    LEFT JOIN carried_valid USING (source, tag)
    ORDER BY source, tag
    """
