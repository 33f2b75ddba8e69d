"""What is true in a simulated world of hashtags: posts, their tags, what they show; drawn from a seed with numpy.

Where the numbers come from (S: a source says so; C: counted in this repo; A: assumed, and swept by
`python -m bench.mining --sweep`):

- Zipf's law of tag use, bursts, drift (S): Chen, Alexander, Oliveira, Altmann, "Scaling laws and dynamics of hashtags
  on Twitter", Chaos 30, 063112, 2020: the law holds with like exponents whenever one looks, the subjects change, there
  are bursts. Exponent 1 (A).
- 31.7 % of YouTube's videos are copies (S): Liu, Blasiak, Xiao, Li, Chen, "A quantitative study of video duplicate
  levels in YouTube", 2015.
- Tags are hijacked by those who post something else (S): Mousavi and Ouyang, "Detecting hashtag hijacking for hashtag
  activism", 2021; how many is assumed (A).
- 7 seed tags a class (C): data/classes has 6.96. Wanted clips a class (S): 283,582 / 386 = 734, the paper's.
- Purity of tags, what shares of posts and tags are what, the depth of listings (A).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSize:
    """How large a world is, and how hard. Shares lie between 0 and 1."""

    num_classes: int = 40
    num_tags: int = 5_200
    """50,000 for 386 classes."""
    num_posts: int = 2_000_000
    quota: int = 734
    """Clips wanted of each class."""
    action_share: float = 0.06
    """Of posts: those that show some class."""
    class_zipf: float = 0.8
    """Exponent of the sizes of classes."""
    tags_per_class: int = 60
    tag_zipf: float = 1.0
    purity: float = 0.35
    """Mean over a class's tags of the share of their posts that show the class, spam apart: Beta of weight 3."""
    homonym_share: float = 0.12
    """Of a class's tags: mostly used for something else (purity 0.04)."""
    seeds_per_class: int = 7
    unused_seeds: int = 2
    """Of them: words that nobody uses as a tag."""
    num_communities: int = 3
    """Of a class: groups (languages, scenes) that use other tags; seeds stem from the first, which is the largest."""
    stray: float = 0.15
    """Share of a post's tags that come from another community."""
    shared_share: float = 0.25
    """Of action posts: carry a tag that four classes share."""
    second_share: float = 0.03
    """Of action posts: show the next class too."""
    copy_share: float = 0.3
    """Of action posts: copies of others."""
    spam_share: float = 0.01
    """Of posts: carry many classes' tags and show none; about a fifth of what a class's tag lists."""
    drift_share: float = 0.1
    """Of class tags: from some date on they are used three times as much as before, for something else."""
    hijack_share: float = 0.05
    """Of class tags: the same, by posts that carry other class tags too."""
    burst_share: float = 0.1
    """Of class tags: from some date on half as many posts again, all of the class."""
    dated_within: int = 1_500
    """Requests within which drift, hijacking and bursts begin: the platform goes on while it is asked."""
    max_listed: int = 3_000
    """Posts after which a listing ends."""
    page_size: int = 30
    repeats: float = 0.02
    """Page by page, so much more of a listing's page are posts that it has shown before."""
    post_bytes: int = 2_000
    """Of a post in a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Posts are numbered from 0, and so are tags: those of classes first, then shared, general, and of other topics."""

    size: WorldSize
    first_class: Ints
    """[post] What it shows; -1: nothing that is wanted."""
    second_class: Ints
    original: Ints
    """[post] Of which it is a copy; itself where it is none."""
    starts_at: Ints
    """[post] Requests after which it is there; 0: from the beginning."""
    tags: Ints
    """Of all posts, one after the other; `tag_ends[post - 1]` is where a post's begin."""
    tag_ends: NDArray[np.int64]
    listed: Ints
    """Posts of all tags, one after the other, the most popular first."""
    listed_ends: NDArray[np.int64]
    seeds: tuple[tuple[int, ...], ...]
    """By class, the best known first; -1: a tag that nobody uses."""
    num_polls: NDArray[np.int8]
    """[post] How often one must ask before there is a verdict."""

    def tags_of(self, post: int) -> Ints:
        """A post's tags."""
        return self.tags[self.tag_ends[post - 1] if post else 0 : self.tag_ends[post]]

    def listing(self, tag: int) -> Ints:
        """A tag's posts, also those that are not there yet."""
        start = self.listed_ends[tag - 1] if tag else 0
        return self.listed[start : self.listed_ends[tag]]


def draw(size: WorldSize, seed: int) -> Truth:
    """A world. The same for the same size and seed."""
    return _Draw(size, np.random.default_rng(seed)).whole()


class _Draw:
    """Posts kind by kind: each adds its posts and (post, tag) pairs."""

    def __init__(self, size: WorldSize, rng: np.random.Generator) -> None:
        self.size, self.rng = size, rng
        self.num_posts = 0
        self.classes: list[Ints] = []
        self.starts: list[Ints] = []
        self.heat: list[NDArray[np.float32]] = []
        self.pair_posts: list[Ints] = []
        self.pair_tags: list[Ints] = []
        self.num_class_tags = size.num_classes * size.tags_per_class
        self.num_shared = max(1, size.num_classes // 2)
        self.num_general = 40
        self.first_topic_tag = self.num_class_tags + self.num_shared + self.num_general
        self.num_topics = max(1, (size.num_tags - self.first_topic_tag) // 20)

    def whole(self) -> Truth:
        size, rng = self.size, self.rng
        self._class_tags()
        num_action = int(size.action_share * size.num_posts)
        weights = _zipf(size.num_classes, size.class_zipf)[rng.permutation(size.num_classes)]
        of_class = rng.choice(size.num_classes, num_action, p=weights).astype(np.int32)
        action = self._posts(of_class)
        self._with_class_tags(action, of_class, self.use)
        shared = rng.random(num_action) < size.shared_share
        self._pairs(action[shared], self.num_class_tags + of_class[shared] % self.num_shared)
        shown = self._carried()
        self._near()
        self._floods(shown)
        self._spam(int(size.spam_share * size.num_posts))
        self._others(max(0, size.num_posts - self.num_posts))
        return self._truth(action)

    def _class_tags(self) -> None:
        """How much each class's communities use each of its tags: [class, community, tag], rows of sum 1."""
        size, rng = self.size, self.rng
        shape = (size.num_classes, size.tags_per_class)
        volume = _zipf(size.tags_per_class, size.tag_zipf)[
            rng.permuted(np.tile(np.arange(shape[1]), (shape[0], 1)), axis=1)
        ]
        self.community = rng.choice(size.num_communities, shape, p=_zipf(size.num_communities, 1.0))
        own = self.community[:, None, :] == np.arange(size.num_communities)[None, :, None]
        use = volume[:, None, :] * np.where(own, 1 - size.stray, size.stray)
        self.use = use / use.sum(2, keepdims=True)
        self.volume = volume
        self.is_homonym = rng.random(shape) < size.homonym_share
        self.purity = np.clip(rng.beta(3 * size.purity, 3 * (1 - size.purity), shape), 0.03, 0.97)

    def _near(self) -> None:
        """Posts about a class that do not show it, so many that tags have their purity; homonyms in other topics."""
        size, rng = self.size, self.rng
        carried = self._carried().reshape(self.purity.shape)
        excess = np.where(self.is_homonym, 0.0, carried * (1 - self.purity) / self.purity)
        room = 0.6 * size.num_posts
        excess *= min(1.0, room / excess.sum())
        num_posts = np.rint(excess.sum(1) / 2.5).astype(int)
        of_class = np.repeat(np.arange(size.num_classes, dtype=np.int32), num_posts)
        use = self.use * (excess / np.maximum(carried, 1))[:, None, :]
        use /= np.maximum(use.sum(2, keepdims=True), 1e-12)
        self._with_class_tags(self._posts(np.full(len(of_class), -1, np.int32)), of_class, use)
        num_other = np.where(self.is_homonym, carried * 24, 0).ravel()
        num_other = np.rint(num_other * min(1.0, 0.1 * size.num_posts / max(1, num_other.sum()))).astype(int)
        tags = np.repeat(np.arange(self.num_class_tags, dtype=np.int32), num_other)
        self._pairs(self._topical(rng.integers(0, self.num_topics, self.num_class_tags)[tags]), tags)

    def _floods(self, shown: Ints) -> None:
        """From a date on: drift, hijacking and bursts of class tags, which `shown` posts carry rightly."""
        size, rng = self.size, self.rng
        carried = self._carried()
        lot = rng.random(self.num_class_tags)
        ends = np.cumsum([size.drift_share, size.hijack_share, size.burst_share])
        begin = rng.integers(1, size.dated_within, self.num_class_tags)
        for kind, factor in enumerate((3.0, 3.0, 0.5)):
            chosen = np.flatnonzero((lot < ends[kind]) & (lot >= (ends[kind - 1] if kind else 0)))
            num = np.minimum(np.rint(factor * (shown if kind == 2 else carried)[chosen]), size.max_listed).astype(int)
            num = np.rint(num * min(1.0, 0.08 * size.num_posts / max(1, num.sum()))).astype(int)
            tags = np.repeat(chosen, num).astype(np.int32)
            starts = (begin[tags] + rng.exponential(size.dated_within / 10, len(tags))).astype(np.int32)
            of_class = (tags // size.tags_per_class).astype(np.int32)
            if kind == 0:
                posts = self._topical(rng.integers(0, self.num_topics, self.num_class_tags)[tags], starts, heat=0.5)
            else:
                posts = self._posts(of_class if kind == 2 else np.full(len(tags), -1, np.int32), starts, heat=0.5)
            self._pairs(posts, tags)
            if kind == 1:
                self._pairs(np.repeat(posts, 3), rng.integers(0, self.num_class_tags, 3 * len(posts)).astype(np.int32))

    def _spam(self, num: int) -> None:
        posts = self._posts(np.full(num, -1, np.int32))
        each = self.rng.integers(6, 16, num)
        weights = (self.volume / self.volume.sum()).ravel()
        tags = self.rng.choice(self.num_class_tags, each.sum(), p=weights).astype(np.int32)
        self._pairs(np.repeat(posts, each), tags)

    def _others(self, num: int) -> None:
        self._topical(self.rng.choice(self.num_topics, num, p=_zipf(self.num_topics, 0.7)))

    def _topical(self, topics: NDArray[np.int64], starts: Ints | None = None, heat: float = 0.0) -> Ints:
        posts = self._posts(np.full(len(topics), -1, np.int32), starts, heat)
        each = 1 + self.rng.poisson(1.2, len(posts))
        within = self.rng.choice(20, each.sum(), p=_zipf(20, self.size.tag_zipf))
        tags = self.first_topic_tag + np.repeat(topics, each) * 20 + within
        self._pairs(np.repeat(posts, each), np.minimum(tags, self.size.num_tags - 1).astype(np.int32))
        return posts

    def _carried(self) -> Ints:
        """Posts so far by class tag."""
        pairs = np.concatenate(self.pair_tags)
        return np.bincount(pairs, minlength=self.num_class_tags)[: self.num_class_tags].astype(np.int32)

    def _posts(self, shown: Ints, starts: Ints | None = None, heat: float = 0.0) -> Ints:
        """New posts, each with some tags that everybody uses."""
        posts = np.arange(self.num_posts, self.num_posts + len(shown), dtype=np.int32)
        self.num_posts += len(shown)
        self.classes.append(shown)
        self.starts.append(np.zeros(len(shown), np.int32) if starts is None else starts)
        self.heat.append(self.rng.standard_normal(len(shown), np.float32) + np.float32(heat))
        each = self.rng.poisson(1.5, len(shown))
        general = self.rng.choice(self.num_general, each.sum(), p=_zipf(self.num_general, 1.0))
        self._pairs(np.repeat(posts, each), (self.num_class_tags + self.num_shared + general).astype(np.int32))
        return posts

    def _with_class_tags(self, posts: Ints, of_class: Ints, use: NDArray[np.float64]) -> None:
        """One to several tags of the class, as the post's community uses them."""
        size, rng = self.size, self.rng
        community = rng.choice(size.num_communities, len(posts), p=_zipf(size.num_communities, 1.0))
        each = 1 + rng.poisson(1.5, len(posts))
        group = np.repeat(of_class * size.num_communities + community, each)
        steps = np.cumsum(use.reshape(-1, size.tags_per_class), 1)
        lot = group + np.minimum(rng.random(len(group)), 0.999_999)
        bounds = (np.minimum(steps, 1.0) + np.arange(len(steps))[:, None]).ravel()
        tags = np.searchsorted(bounds, lot, side="right") - group * size.tags_per_class
        tags = np.clip(tags, 0, size.tags_per_class - 1) + np.repeat(of_class, each) * size.tags_per_class
        self._pairs(np.repeat(posts, each), tags.astype(np.int32))

    def _pairs(self, posts: Ints, tags: Ints) -> None:
        self.pair_posts.append(posts.astype(np.int32))
        self.pair_tags.append(tags)

    def _truth(self, action: Ints) -> Truth:
        size, rng = self.size, self.rng
        num_tags = size.num_tags
        pairs = np.concatenate(self.pair_posts).astype(np.int64) * num_tags + np.concatenate(self.pair_tags)
        self.pair_posts, self.pair_tags = [], []
        pairs.sort()
        pairs = pairs[np.concatenate([[True], pairs[1:] != pairs[:-1]])]
        posts, tags = (pairs // num_tags).astype(np.int32), (pairs % num_tags).astype(np.int32)
        del pairs
        hottest = np.argsort(-np.concatenate(self.heat)).astype(np.int32)
        place = np.empty(self.num_posts, np.int32)
        place[hottest] = np.arange(self.num_posts, dtype=np.int32)
        places = tags.astype(np.int64) * self.num_posts + place[posts]
        places.sort()
        first = np.concatenate(self.classes)
        second = np.full(len(first), -1, np.int32)
        two = action[rng.random(len(action)) < size.second_share]
        second[two] = (first[two] + 1) % size.num_classes
        return Truth(
            size=size,
            first_class=first,
            second_class=second,
            original=self._originals(first, action),
            starts_at=np.concatenate(self.starts),
            tags=tags,
            tag_ends=np.cumsum(np.bincount(posts, minlength=self.num_posts)),
            listed=hottest[places % self.num_posts],
            listed_ends=np.cumsum(np.bincount(tags, minlength=num_tags)),
            seeds=tuple(self._seeds(c) for c in range(size.num_classes)),
            num_polls=rng.choice(3, self.num_posts, p=(0.7, 0.2, 0.1)).astype(np.int8),
        )

    def _originals(self, first: Ints, action: Ints) -> Ints:
        """Copies are of posts of the same class."""
        original = np.arange(len(first), dtype=np.int32)
        ordered = action[np.argsort(first[action], kind="stable")]
        copies = np.flatnonzero(self.rng.random(len(ordered)) < self.size.copy_share)
        back = np.maximum(0, copies - 1 - self.rng.geometric(0.01, len(copies)))
        same = first[ordered[back]] == first[ordered[copies]]
        original[ordered[copies[same]]] = ordered[back[same]]
        for _ in range(20):
            original = original[original]
        return original

    def _seeds(self, class_id: int) -> tuple[int, ...]:
        """Well-known tags of the first community, at random by how much they are used, and words that nobody uses."""
        size = self.size
        weights = self.volume[class_id] * (self.community[class_id] == 0)
        num_used = min(size.seeds_per_class - size.unused_seeds, int((weights > 0).sum()))
        used = self.rng.choice(size.tags_per_class, num_used, replace=False, p=weights / weights.sum())
        return (*(int(class_id * size.tags_per_class + t) for t in used), *[-1] * size.unused_seeds)


def _zipf(num: int, exponent: float) -> NDArray[np.float64]:
    weights = 1 / np.arange(1, num + 1) ** exponent
    return np.asarray(weights / weights.sum())
