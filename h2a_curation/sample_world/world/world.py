"""A world of the sample platform: every post, file, listing and fault, as a pure function of a seed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from math import log10
from random import Random

from h2a_curation.sample_world.world.cast import Draft, FilePlan, cast
from h2a_curation.sample_world.world.faults import Fault, Throttle, temporary_faults
from h2a_curation.sample_world.world.people import Social, socials
from h2a_curation.sample_world.world.shifts import Shifts, make_shifts
from h2a_curation.sample_world.world.sizes import SIZES, Limits, Role, Size, SizeName
from h2a_curation.sample_world.world.tagging import hashtags
from h2a_curation.sample_world.world.vocabulary import ClassTags, Vocabulary, make_vocabulary

_TAG_FAULT_SHARE = 0.03
_PUSHED = 1.0
"""As if a hijacker's post had ten times the views under the hijacked tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldPost:
    """One post: what the platform says of it, how its file is made, and what is wrong with it."""

    post_id: str
    creator: str
    caption: str
    hashtags: tuple[str, ...]
    posted_at: datetime
    language: str | None
    declared_s: float | None
    declared_px: tuple[int, int] | None
    """Width and height."""
    num_views: int
    num_likes: int
    role: Role
    file: FilePlan
    fault: Fault | None
    defects: tuple[str, ...]
    copy_of: str | None
    """Id of the post that had the file first."""
    shift: str | None
    """The drifted or hijacked tag that it carries, as posts do since the tag's date."""

    @property
    def is_public(self) -> bool:
        """Whether it can be fetched within three tries."""
        return self.fault is None or not self.fault.is_permanent


@dataclass(frozen=True, kw_only=True)
class World:
    """All of one world; `posts` by id, in the order in which they were made."""

    seed: int
    size: SizeName
    limits: Limits
    page_size: int
    throttle: Throttle
    classes: tuple[str, ...]
    words: Vocabulary
    shifts: Shifts
    posts: dict[str, WorldPost]
    listings: dict[str, tuple[str, ...]]
    """Tag to ids of the posts that its pages list, most popular first; every tag of the world has one."""
    tag_faults: dict[tuple[str, int], Fault]
    """Temporary faults of listing pages, by tag and page number from 1."""

    @cached_property
    def num_listing_pages(self) -> int:
        """Requests that it takes to read every listing to its end."""
        return sum(max(1, -(-len(ids) // self.page_size)) for ids in self.listings.values())


def make_world(seed: int, size: SizeName, classes: Sequence[ClassTags]) -> World:
    """The world of a seed; `classes` gives each class's tags, best first. ValueError where one that is filmed lacks."""
    numbers = SIZES[size]
    missing = set(numbers.classes) - {class_id for class_id, _ in classes}
    if missing:
        raise ValueError(
            f"the sample world films {', '.join(sorted(missing))}, which the classes no longer name:"
            " give it the new name in h2a_curation/sample_world"
        )
    rng = Random(f"sample world {size} {seed}")
    class_sizes = _class_sizes(numbers, rng)
    words = make_vocabulary(classes, list(class_sizes), numbers.tags, rng)
    shifts = make_shifts(seed, numbers.shifts, words)
    drafts = cast(seed, numbers, class_sizes, shifts, rng)
    drafts = _with_temporary_faults(drafts, numbers, rng)
    tags = hashtags(drafts, words, shifts, rng)
    posts = _posts(seed, drafts, tags, socials(drafts, tags, shifts, rng), rng)
    listings = {tag: _listing(seed, tag, posts, words, shifts) for tag in words.all_tags()}
    return World(
        seed=seed,
        size=size,
        limits=numbers.limits,
        page_size=numbers.page_size,
        throttle=numbers.throttle,
        classes=numbers.classes,
        words=words,
        shifts=shifts,
        posts={p.post_id: p for p in posts},
        listings=listings,
        tag_faults=_tag_faults(listings, numbers, rng),
    )


def _class_sizes(size: Size, rng: Random) -> dict[str, int]:
    """Number of RIGHT posts of each class, falling like Zipf's law from the most popular class on."""
    classes = list(size.classes)
    rng.shuffle(classes)
    least = size.min_posts_of_class
    spare = size.num_roles[Role.RIGHT] - least * len(classes)
    weights = [1 / (rank + 3) for rank in range(len(classes))]
    extra = [int(spare * w / sum(weights)) for w in weights]
    for rank in range(spare - sum(extra)):
        extra[rank] += 1
    return {c: least + e for c, e in zip(classes, extra, strict=True)}


def _with_temporary_faults(drafts: list[Draft], size: Size, rng: Random) -> list[Draft]:
    kinds = temporary_faults(size.waits)
    sound = [i for i, d in enumerate(drafts) if d.fault is None]
    chosen = rng.sample(sound, round(len(drafts) * size.temporary_fault_share))
    for n, i in enumerate(chosen):
        drafts[i] = replace(drafts[i], fault=kinds[n % len(kinds)])
    return drafts


def _posts(
    seed: int, drafts: Sequence[Draft], tags: Sequence[tuple[str, ...]], told: Sequence[Social], rng: Random
) -> list[WorldPost]:
    """Ids tell nothing of the role, and no two worlds share one."""
    numbers = rng.sample(range(10_000, 100_000), len(drafts))
    ids = [f"{seed}w{number}" for number in numbers]
    return [
        WorldPost(
            post_id=ids[i],
            creator=social.creator,
            caption=social.caption,
            hashtags=tags[i],
            posted_at=social.posted_at,
            language=social.language,
            declared_s=draft.declared_s,
            declared_px=draft.declared_px,
            num_views=social.num_views,
            num_likes=social.num_likes,
            role=draft.role,
            file=draft.file,
            fault=draft.fault,
            defects=draft.defects,
            copy_of=None if draft.copy_of is None else ids[draft.copy_of],
            shift=draft.shift,
        )
        for i, (draft, social) in enumerate(zip(drafts, told, strict=True))
    ]


def _listing(seed: int, tag: str, posts: Sequence[WorldPost], words: Vocabulary, shifts: Shifts) -> tuple[str, ...]:
    """By views with some noise; hijackers push each other's posts where they gather.

    Of dead tags, every other one lists nothing, the rest only what is gone.
    """
    bearers = [p for p in posts if tag in p.hashtags]
    if tag in words.dead:
        is_hidden = list(words.dead).index(tag) % 2 == 0
        bearers = [] if is_hidden else [p for p in bearers if not p.is_public]
    noise = Random(f"listing {seed} {tag}")
    appeal = {p.post_id: log10(p.num_views) + noise.gauss(0, 0.1) for p in bearers}
    if tag in shifts.hijacks:
        appeal |= {p.post_id: appeal[p.post_id] + _PUSHED for p in bearers if p.shift == tag}
    return tuple(sorted(appeal, key=lambda post_id: -appeal[post_id]))


def _tag_faults(listings: dict[str, tuple[str, ...]], size: Size, rng: Random) -> dict[tuple[str, int], Fault]:
    kinds = [f for f in temporary_faults(size.waits) if f.route == "post"]
    pages = [(tag, page + 1) for tag, ids in listings.items() for page in range(-(-len(ids) // size.page_size))]
    chosen = rng.sample(pages, max(1, round(len(pages) * _TAG_FAULT_SHARE)))
    return {place: replace(kinds[n % len(kinds)], route="tag") for n, place in enumerate(chosen)}
