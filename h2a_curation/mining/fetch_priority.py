"""Order posts for fetching when not all can be fetched: first those whose hashtags promise most.

The promise of post x for class c is a naive Bayes score over its hashtags:

    promise = trust * sum over tags t of log( share(t, c) / rate )
    share(t, c) = (accepted for c with t + 2 * rate) / (judged with t + 2),    rate = (accepted + 1) / (judged + 2)

rate is the share of all judged posts that is accepted for any class. A tag that no judged post carries adds 0. Posts
are compared across classes without a prior for the class: how many clips a class wants is the planner's business.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b

from schemas import Candidate, Post

_PRIOR_POSTS = 2.0
"""Weight of the overall rate in a tag's share, in judged posts. A guess: a tag with one judged post tells little."""
_TRUST = 0.7
"""Factor on the sum over tags: naive Bayes takes tags as independent, but tags of one post repeat each other. It is the
same for all posts, so it changes the score and not the order. A guess."""


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
    """Ids of the posts that are worth fetching, each once, the most promising first.

    Only posts that are not judged, for classes that are still short of clips. A post has the promise of its best class.
    Of equal posts the one that is looked at for fewer classes comes first, then the one with more views, then by lot.
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
    """Promise of each candidate: the formula at the head of this module."""
    judged_with = Counter(tag for post_id in judged if post_id in posts for tag in set(posts[post_id].hashtags))
    accepted_with = Counter(
        (tag, c) for post_id, c in set(accepted) if post_id in posts for tag in set(posts[post_id].hashtags)
    )
    # One post of each kind more than there are, as Laplace counts: the log of 0 would bury a tag for ever.
    rate = (len({post_id for post_id, _ in accepted}) + 1) / (len(judged) + 2)

    def evidence(tag: str, class_id: str) -> float:
        share = (accepted_with[tag, class_id] + _PRIOR_POSTS * rate) / (judged_with[tag] + _PRIOR_POSTS)
        return math.log(share / rate)

    return [_TRUST * sum(evidence(tag, c.class_id) for tag in set(posts[c.post_id].hashtags)) for c in waiting]


def _lot(seed: int, round_no: int, post_id: str) -> bytes:
    """Place of a post among equal ones: a hash, so that two runs of a round fetch in the same order."""
    return blake2b(f"{seed} {round_no} {post_id}".encode(), digest_size=8).digest()
