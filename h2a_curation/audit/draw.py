"""Which posts are fetched and judged without regard to what is believed of them: an audit's sample.

Every post is put up for one draw only, the first after it was listed. It is drawn with the probability num / N, where N
posts were put up with it, so rounds are strata, and within each the sample is a simple random one without replacement:
the posts with the lowest hashes. Was a post that is not drawn put up again, how likely it was to be drawn at all would
depend on what was believed of it meanwhile (the promising ones are fetched, and leave), and no weight would mend that.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b

from schemas import AuditDraw

ALWAYS_LEFT = ("minor", "opt_out")
"""Reasons that stand for a duty, should a recipe's own rules give them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRules:
    """How much of mining is spent on knowing how well it goes."""

    share: float = 0.05
    """Of the files that a round may fetch: drawn by lot, first of all. 0 for none, and then nothing says how precise
    and how complete a decision is."""
    leave_alone: tuple[str, ...] = ALWAYS_LEFT
    """Reasons of `decide.post` whose posts are not drawn either, and of which audits then say nothing: rules of your
    own that stand for a duty and not for a taste; or `too_long`, where such files cost too much."""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"audit.share is a share from 0 to 1, not {self.share}")


def num_draws(rules: AuditRules, num_files: int, num_posts: int) -> int:
    """Posts to draw where a round is about to fetch `num_files` files and `num_posts` posts are put up."""
    return min(num_posts, math.ceil(rules.share * num_files))


def draw(put_up: Collection[str], num: int, *, seed: int, round_no: int) -> list[AuditDraw]:
    """Draw `num` of the post ids, all equally likely, whatever order they come in."""
    posts = sorted(set(put_up))
    assert num <= len(posts), "more draws than posts"
    chosen = sorted(posts, key=lambda post_id: _lot(seed, round_no, post_id))[:num]
    return [AuditDraw(round=round_no, post_id=post_id, probability=num / len(posts)) for post_id in sorted(chosen)]


def _lot(seed: int, round_no: int, post_id: str) -> bytes:
    return blake2b(f"{seed} {round_no} {post_id}".encode(), digest_size=16, person=b"audit").digest()
