"""Learn tags from the company they keep: those that stand on a class's accepted posts far more often than elsewhere."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from scipy.stats import hypergeom

from schemas import TagClaim


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
    max_claims_per_class: int = 6
    """In one round, the surest first."""

    def __post_init__(self) -> None:
        if min(self.min_support, self.max_classes, self.max_hashtags, self.max_claims_per_class) < 1:
            raise ValueError(f"min_support, max_classes, max_hashtags and max_claims_per_class start at 1: {self}")
        if self.min_lift < 0 or not 0 < self.max_chance <= 1 or not 0 <= self.min_specificity <= 1:
            raise ValueError(f"min_lift must be at least 0, max_chance and min_specificity shares: {self}")


def learn_tags(
    hashtags: Mapping[str, Sequence[str]],
    accepted: Collection[tuple[str, str]],
    *,
    known: Collection[tuple[str, str]],
    excluded: Mapping[str, Collection[str]],
    round: int,
    rules: LearnRules,
) -> list[TagClaim]:
    """Claims that are new, sorted by class and by how unlikely they are to be chance.

    `hashtags` by post id, of all seen posts; `accepted` (post id, class id); `known` (tag, class id) of the class files
    and of earlier claims; `excluded` tags by class id, `""` for all classes. A tag that a class file gives to one class
    is not claimed for another, and `round` is the one from which on the claims may be mined.
    """
    honest = {post_id: tags for post_id, tags in hashtags.items() if len(tags) <= rules.max_hashtags}
    seen = Counter(chain.from_iterable(map(set, honest.values())))
    num_accepted: Counter[str] = Counter()
    support: Counter[tuple[str, str]] = Counter()
    for post_id, class_id in set(accepted):
        if post_id in honest:
            num_accepted[class_id] += 1
            support.update((tag, class_id) for tag in set(honest[post_id]))
    of_tag = Counter({tag: 0 for tag, _ in support})
    for (tag, _), num in support.items():
        of_tag[tag] += num
    num_classes = Counter(tag for (tag, _), num in support.items() if num >= 0.1 * of_tag[tag])
    taken = {tag for tag, _ in known}

    claims = [
        (chance, TagClaim(round=round, tag=tag, class_id=class_id, lift=lift, support=num, reason="co-occurs"))
        for (tag, class_id), num in support.items()
        if num >= rules.min_support
        and tag not in taken
        and tag not in excluded.get(class_id, ())
        and tag not in excluded.get("", ())
        and num_classes[tag] <= rules.max_classes
        and num >= rules.min_specificity * of_tag[tag]
        and (lift := num / num_accepted[class_id] * len(honest) / seen[tag]) >= rules.min_lift
        and (chance := _chance(num, seen[tag], num_accepted[class_id], len(honest))) <= rules.max_chance
    ]
    return _surest(claims, rules.max_claims_per_class)


def _chance(support: int, num_tagged: int, num_accepted: int, num_posts: int) -> float:
    return float(hypergeom.sf(support - 1, num_posts, num_tagged, min(num_accepted, num_posts)))


def _surest(claims: Iterable[tuple[float, TagClaim]], most: int) -> list[TagClaim]:
    kept: list[TagClaim] = []
    num: Counter[str] = Counter()
    for _, claim in sorted(claims, key=lambda c: (c[1].class_id, c[0], -c[1].support, c[1].tag)):
        num[claim.class_id] += 1
        if num[claim.class_id] <= most:
            kept.append(claim)
    return kept
