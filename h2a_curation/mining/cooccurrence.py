"""Count what speaks for tags that no class claims yet: one query over all seen posts, and two over its counts.

For a tag and a class the counts are

    support        accepted posts of the class that carry the tag
    num_accepted   accepted posts of the class
    seen           seen posts that carry the tag
    num_posts      seen posts
    num            support, summed over all classes

and a tag may be learnt by its company if all of this holds (the last two in propose_tags.py, which has SciPy):

    support >= min_support
    specificity = support / num >= min_specificity
    lift = (support / num_accepted) / (seen / num_posts) >= min_lift
    chance = P(X >= support) <= max_chance,    X hypergeometric: num_accepted posts drawn from num_posts, seen of which
                                               carry the tag

`chance` is the p-value of Fisher's exact test for more support than by chance. It is not corrected for the number of
tags that are tested: with 50,000 tags some pass by luck, and a page on probation then shows what they are worth.
"""

from dataclasses import dataclass

CO_OCCURS, WORDS, SIMILAR = "co-occurs", "words", "similar"
"""Reasons of claims, the surest first."""
_MAX_LETTERS = 60
"""Longest tag, in letters, whose meaning is looked at: a longer one is a sentence or spam. A guess."""
_COMMON = 0.1
"""Share of a tag's accepted posts from which on the tag is common in a class. A guess: fewer posts of a class may be
copies or wrong verdicts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnRules:
    """What a hashtag must show before it may speak for a class.

    The defaults are start values. `python -m bench.mining` measures the planner with the same ones, and none was
    searched for there.
    """

    min_support: int = 2
    """Least number of accepted posts of the class with the tag: one may be chance, or one creator's own tag."""
    min_lift: float = 3.0
    """Least share of the class's accepted posts with the tag, over the tag's share of all seen posts. A tag that says
    nothing, like `#fyp`, is near 1."""
    max_chance: float = 0.01
    """Largest probability of so much support if the tag fell on posts at random (hypergeometric)."""
    min_specificity: float = 0.3
    """Least share of the accepted posts with the tag that belong to the class."""
    max_classes: int = 3
    """A tag that is common in more classes than this says nothing about one."""
    max_hashtags: int = 15
    """Hashtags above which a post is spam: such posts are not counted at all."""
    by_words: bool = True
    """Propose forms of a class's name and tags (`jumpingrope`, `ropejumper`) without waiting for co-occurrence."""
    min_seen: int = 2
    """Least number of seen posts with a tag that is proposed by its words or meaning: else nobody may be using it."""
    similar_tags: int = 200
    """Tags whose meaning is looked at in the first round, the most carried first, and as many more in each round after
    it; 0 looks at none. Each tag takes one pass of the text tower, some 0.1 s of ViT-L on a core, and only once."""
    min_cosine: float = 0.5
    """Least cosine of a tag's meaning with its nearest class, after what all classes have in common is taken off both.
    This and the margin are guesses for a tower that reads English well. The sample world's small one names half of such
    tags wrongly."""
    min_margin: float = 0.15
    """Least difference of that cosine from the next one, be it of another class or of a negative."""
    max_claims_per_class: int = 6
    """Most tags that a class may claim in one round, the surest first."""

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
    """SQL that counts what all seen posts show (DuckDB): the one query here that reads posts.

    Tables: `post(post_id, hashtags)`: all seen posts, each tag of a post once. `accepted(post_id, class_id)`.
    `known(tag, class_id)`: tags of the class files and of earlier claims. `excluded(tag, class_id)`: tags that a class
    must not claim; class '' excludes for all.

    Columns: `tag`; `is_free`, whether the tag may still be claimed: nobody claims it, and it is not common in too many
    classes; `class_id`, `support`, `num_accepted`, `num`, `seen` and `num_posts` as at the head of this module. A tag
    that is free has a row for each class with support. Any other tag has one row without a class.
    """
    return f"""
    -- Posts of spam are left out of every count, so that all shares are of the same posts.
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
    """SQL that yields the free tags that most posts carry (`tag`, `seen`), over `counted`: the rows of `count_sql`."""
    return f"""
    SELECT DISTINCT tag, seen FROM counted
    WHERE is_free AND seen >= {rules.min_seen} AND length(tag) <= {_MAX_LETTERS}
    ORDER BY seen DESC, tag LIMIT {num_tags}
    """


def grounds_sql(rules: LearnRules) -> str:
    """SQL that yields what speaks for claims that are new, one row for each tag, class and reason.

    Tables: `counted`, the rows of `count_sql`; `known` and `excluded` as there; `request(tag)`: tags that were asked
    for; `proposal(reason, tag, class_id, rank)`: tags that may be claimed without support, the lowest rank first.

    Columns: `reason`, `tag`, `class_id`, `rank`, `support`, `seen`, `num_accepted`, `num_posts`.

    A proposed tag must be in use. If accepted posts carry it, `min_specificity` of them must be of the class. A tag
    that no seen post carries is proposed only for a class whose tags were all asked for and are all unused.
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
