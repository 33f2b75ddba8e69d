"""Which posts to fetch first when not all can be: those whose hashtags have been kept before."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b

from schemas import Candidate, Post

_PRIOR_POSTS = 2.0
"""Judged posts of a tag that weigh as much as the share of all."""
_TRUST = 0.7
"""Tags of one post repeat each other: each counts less than if it stood alone."""


def fetch_order(
    candidates: Sequence[Candidate],
    posts: Mapping[str, Post],
    *,
    accepted: Collection[tuple[str, str]],
    judged: Collection[str],
    short: Mapping[str, int],
    round_no: int,
    seed: int,
) -> list[str]:
    """Post ids, each once, the most promising first; only of posts that are not judged and of classes that are short.

    A post's promise for a class is the share of judged posts that was accepted for it, raised or lowered by each of its
    hashtags (naive Bayes, shrunk); then the number of classes it is looked at for, and its views.
    """
    waiting = [c for c in candidates if c.post_id not in judged and short.get(c.class_id, 0) > 0]
    promise = _promise(waiting, posts, accepted, judged)
    best: dict[str, float] = {}
    for candidate, value in zip(waiting, promise, strict=True):
        best[candidate.post_id] = max(value, best.get(candidate.post_id, -math.inf))
    num_classes = Counter(post_id for post_id, _ in {(c.post_id, c.class_id) for c in waiting})
    return sorted(
        best,
        key=lambda p: (-best[p], num_classes[p], -(posts[p].num_views or 0), _lot(seed, round_no, p)),
    )


def _promise(
    waiting: Sequence[Candidate],
    posts: Mapping[str, Post],
    accepted: Collection[tuple[str, str]],
    judged: Collection[str],
) -> list[float]:
    """Log of the expected share accepted, up to a constant, of each candidate."""
    of_tag = Counter(tag for post_id in judged if post_id in posts for tag in set(posts[post_id].hashtags))
    valid = Counter(
        (tag, c) for post_id, c in set(accepted) if post_id in posts for tag in set(posts[post_id].hashtags)
    )
    rate = (len({post_id for post_id, _ in accepted}) + 1) / (len(judged) + 2)

    def evidence(tag: str, class_id: str) -> float:
        share = (valid[tag, class_id] + _PRIOR_POSTS * rate) / (of_tag[tag] + _PRIOR_POSTS)
        return math.log(share / rate)

    return [_TRUST * sum(evidence(tag, c.class_id) for tag in set(posts[c.post_id].hashtags)) for c in waiting]


def _lot(seed: int, round_no: int, post_id: str) -> bytes:
    return blake2b(f"{seed} {round_no} {post_id}".encode(), digest_size=8).digest()
