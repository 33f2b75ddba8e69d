"""Draw the sample of an audit: posts that are fetched and judged whatever their expected quality.

Every post takes part in one draw only, the first one after it was listed. If N posts take part in a draw of num, each
is drawn with probability num / N. So the sample is stratified by rounds, and within a round it is a simple random
sample without replacement: the posts with the lowest hashes.

A post that is not drawn does not take part again. Promising posts are fetched and leave, so in later draws others would
be left over. Whether a post is drawn at all would then depend on what was believed of it, by an amount that nobody
knows, and no weight could correct the estimates. A simulation was wrong by more than 5 points.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b

from schemas import AuditDraw

ALWAYS_LEFT = ("minor", "opt_out", "sensitive")
"""Reasons of a rejection that stand for a duty to people: the default of `leave_alone`. A recipe may name them even if
none of its rules gives them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRules:
    """How many of the fetched files serve the audit, and which posts it leaves alone."""

    share: float = 0.05
    """Share of the files of a round that are drawn by lot; they are fetched first. At 0 nothing tells how precise and
    how complete a decision is. The default is a guess: a run of some thousand files then has labels for all classes
    together, and hardly for single ones (docs/audit.md)."""
    leave_alone: tuple[str, ...] = ALWAYS_LEFT
    """Reasons of `decide.post` whose posts are not drawn. Audits say nothing of such posts. Name rules of your own that
    stand for a duty to people, or `too_long` if such files cost too much."""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"audit.share is a share from 0 to 1, not {self.share}")


def num_draws(rules: AuditRules, num_files: int, num_posts: int) -> int:
    """Number of posts to draw if a round fetches `num_files` files and `num_posts` posts take part."""
    return min(num_posts, math.ceil(rules.share * num_files))


def draw(post_ids: Collection[str], num: int, *, seed: int, round_no: int) -> list[AuditDraw]:
    """Draw `num` of the post ids, all equally likely, whatever their order."""
    posts = sorted(set(post_ids))
    assert num <= len(posts), "more draws than posts"
    chosen = sorted(posts, key=lambda post_id: _lot(seed, round_no, post_id))[:num]
    return [AuditDraw(round=round_no, post_id=post_id, probability=num / len(posts)) for post_id in sorted(chosen)]


def _lot(seed: int, round_no: int, post_id: str) -> bytes:
    """A hash that ranks posts at random; its `person` keeps it apart from the lots that mining draws."""
    return blake2b(f"{seed} {round_no} {post_id}".encode(), digest_size=16, person=b"audit").digest()
