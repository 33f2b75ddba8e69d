"""What the rows say for tags that nobody claims yet: one query over all seen posts, and two over what it counts."""

from dataclasses import dataclass

CO_OCCURS, WORDS, SIMILAR = "co-occurs", "words", "similar"
"""The reasons of claims, the surest first."""
_MAX_LETTERS = 60
"""Of a tag that may be spelled out: a longer one is no name."""
_COMMON = 0.1
"""Share of a tag's accepted posts from which on a class counts among those that it is common in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnRules:
    """What a hashtag must show before it may speak for a class."""

    min_support: int = 2
    """Accepted posts of the class that carry the tag: one may be chance, or one creator's own tag."""
    min_lift: float = 3.0
    """Share of the class's accepted posts with the tag over its share of all seen posts: 1 is a tag like `#fyp`."""
    max_chance: float = 0.01
    """Probability of so much support if the tag fell on posts at random (hypergeometric)."""
    min_specificity: float = 0.3
    """Share of the accepted posts with the tag that belong to the class."""
    max_classes: int = 3
    """A tag that is common in more classes than this says nothing about one."""
    max_hashtags: int = 15
    """Posts with more are spam, and are not counted at all."""
    by_words: bool = True
    """Propose forms of a class's name and tags (`jumpingrope`, `ropejumper`) without waiting for co-occurrence."""
    min_seen: int = 2
    """Seen posts that carry a tag which is proposed by its words or its meaning: else nobody may be using it."""
    similar_tags: int = 200
    """Tags whose meaning is looked at in a round, the most carried first, and as many more in each round that follows;
    0 does without. Each is one pass of the text tower, some 0.1 s of ViT-L on a core, and is done once."""
    min_cosine: float = 0.5
    """Of a tag's meaning with its nearest class, both less what all classes have in common. This and the margin are
    guesses for a tower that reads English well; the sample world's small one names half of such tags wrongly."""
    min_margin: float = 0.15
    """By which the second class, and what no class is, must be further away."""
    max_claims_per_class: int = 6
    """In one round, the surest first."""

    def __post_init__(self) -> None:
        if min(self.min_support, self.max_classes, self.max_hashtags, self.max_claims_per_class) < 1:
            raise ValueError(f"min_support, max_classes, max_hashtags and max_claims_per_class start at 1: {self}")
        if self.min_lift < 0 or not 0 < self.max_chance <= 1 or not 0 <= self.min_specificity <= 1:
            raise ValueError(f"min_lift must be at least 0, max_chance and min_specificity shares: {self}")
        if self.min_seen < 1 or self.similar_tags < 0 or not 0 <= self.min_margin <= 2 or abs(self.min_cosine) > 1:
            raise ValueError(
                f"min_seen starts at 1, similar_tags at 0; min_cosine and min_margin lie in a cosine's range: {self}"
            )


def count_sql(rules: LearnRules) -> str:
    """SQL that counts what all seen posts show (DuckDB): of the queries here, the one that reads posts.

    Tables: `post(post_id, hashtags)`: all seen posts, a post's tags each once. `accepted(post_id, class_id)`.
    `known(tag, class_id)`: of the class files and of earlier claims. `excluded(tag, class_id)`: class '' excludes for
    all.

    Columns: `tag`; `is_free`, whether the tag may still be claimed: nobody claims it, and it is not common in too many
    classes; `class_id` and `support`: accepted posts of the class with the tag, a row each for tags that are free, and
    one row without a class for other tags; `num`: accepted posts with the tag, of all classes; `seen`: posts with it;
    `num_accepted` of the class; `num_posts`: all that count.
    """
    return f"""
    WITH honest AS (SELECT post_id, hashtags FROM post WHERE len(hashtags) <= {rules.max_hashtags}),
    kept AS MATERIALIZED (
        SELECT class_id, hashtags FROM (SELECT DISTINCT post_id, class_id FROM accepted) JOIN honest USING (post_id)
    ),
    supported AS MATERIALIZED (
        SELECT tag, class_id, count(*) AS support
        FROM (SELECT class_id, unnest(hashtags) AS tag FROM kept) GROUP BY tag, class_id
    ),
    of_tag AS (SELECT tag, sum(support)::BIGINT AS num FROM supported GROUP BY tag),
    spread AS (
        SELECT tag, num, count(*) FILTER (WHERE support >= {_COMMON}::DOUBLE * num) AS num_classes
        FROM supported JOIN of_tag USING (tag) GROUP BY tag, num
    ),
    barred AS (SELECT tag, true AS is_barred FROM known UNION SELECT tag, true FROM excluded WHERE class_id = ''),
    carried AS (
        SELECT tag, seen, coalesce(num, 0) AS num,
               coalesce(num_classes, 0) <= {rules.max_classes} AND is_barred IS NULL AS is_free
        FROM (SELECT tag, count(*) AS seen FROM (SELECT unnest(hashtags) AS tag FROM honest) GROUP BY tag)
        LEFT JOIN spread USING (tag) LEFT JOIN barred USING (tag)
    )
    SELECT tag, is_free, class_id, coalesce(support, 0) AS support, num, seen,
           coalesce(num_accepted, 0) AS num_accepted, (SELECT count(*) FROM honest) AS num_posts
    FROM carried LEFT JOIN (SELECT *, true AS is_free FROM supported) USING (tag, is_free)
    LEFT JOIN (SELECT class_id, count(*) AS num_accepted FROM kept GROUP BY class_id) USING (class_id)
    """


def unclaimed_sql(rules: LearnRules, num_tags: int) -> str:
    """SQL over `counted`, which `count_sql` yields: the most carried tags that are free (`tag`, `seen`)."""
    return f"""
    SELECT DISTINCT tag, seen FROM counted
    WHERE is_free AND seen >= {rules.min_seen} AND length(tag) <= {_MAX_LETTERS}
    ORDER BY seen DESC, tag LIMIT {num_tags}
    """


def grounds_sql(rules: LearnRules) -> str:
    """SQL that yields what speaks for claims that are new, one row for each tag, class and reason.

    Tables: `counted`, which `count_sql` yields; `known` and `excluded` as there; `request(tag)`: what was asked for;
    `proposal(reason, tag, class_id, rank)`: tags that may be claimed without company, the lowest rank first.

    Columns: `reason`, `tag`, `class_id`, `rank`, `support`, `seen`, `num_accepted`, `num_posts`.

    A proposed tag must be in use, and the accepted posts with it, where there are any, not mostly of others. Only for a
    class of whose tags all were asked for and none is in use, tags are proposed that nobody was seen to use.
    """
    return f"""
    WITH used AS (SELECT DISTINCT tag, is_free, num, seen, num_posts FROM counted),
    beside AS (
        SELECT '{CO_OCCURS}' AS reason, tag, class_id, 0 AS rank, support, seen, num_accepted, num_posts
        FROM counted
        WHERE support >= {rules.min_support} AND support >= {rules.min_specificity}::DOUBLE * num
    ),
    proposed AS (
        SELECT reason, tag, class_id, rank, coalesce(support, 0) AS support, u.seen,
               coalesce(num_accepted, 0) AS num_accepted, u.num_posts
        FROM proposal JOIN used u USING (tag)
        LEFT JOIN (SELECT tag, class_id, support, num_accepted FROM counted) USING (tag, class_id)
        WHERE is_free AND u.seen >= {rules.min_seen}
          AND coalesce(support, 0) >= {rules.min_specificity}::DOUBLE * u.num
    ),
    silent AS (
        SELECT class_id FROM known LEFT JOIN used USING (tag)
        LEFT JOIN (SELECT DISTINCT tag AS asked FROM request) ON asked = tag
        GROUP BY class_id HAVING count(seen) = 0 AND count(asked) = count(*)
    ),
    unseen AS (
        SELECT reason, tag, class_id, rank, 0 AS support, 0 AS seen, 0 AS num_accepted, 0 AS num_posts
        FROM proposal SEMI JOIN silent USING (class_id) ANTI JOIN used USING (tag) ANTI JOIN known USING (tag)
        ANTI JOIN (FROM excluded WHERE class_id = '') USING (tag)
    )
    FROM (FROM beside UNION ALL FROM proposed UNION ALL FROM unseen) ANTI JOIN excluded USING (tag, class_id)
    """
