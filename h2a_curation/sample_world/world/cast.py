"""What each post of a world shows and does, before it has a name, an author or hashtags."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import count, cycle, islice
from random import Random
from typing import Literal

from h2a_curation.sample_world.clip_spec import FILLERS, ClipSpec, Shot
from h2a_curation.sample_world.world.faults import PERMANENT, Fault
from h2a_curation.sample_world.world.shifts import Shifts
from h2a_curation.sample_world.world.sizes import Role, Size
from h2a_curation.sample_world.world.vocabulary import OFF_TOPIC

Reach = Literal["seed", "both", "synonym", "none"]
"""The tags of its class by which a post can be found: seed tags, synonyms, both or none."""
Damage = Literal["none", "truncated", "damaged", "no_video_stream", "html"]

_FRAMES_PX = ((360, 640), (360, 640), (360, 640), (320, 568), (640, 360), (640, 360), (480, 270))
_TINY_PX = ((108, 192), (144, 256), (192, 108))
_LIMITS = ("too_short", "too_long", "too_small")
_DAMAGES: tuple[Damage, ...] = ("truncated", "damaged", "no_video_stream", "html")
_SPAM_SHOWS = ("talking-head", "slides", "text-card", "scenery")
_WORDS = (
    "wait for it",
    "day 12",
    "POV",
    "no days off",
    "part 2",
    "how it started",
    "link in bio",
    "watch till the end",
)
_SECOND_SCENE_EVERY = 8
_ACTIONS_ELSEWHERE = 0.015
_GONE_ELSEWHERE = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    """How a post's file is made: equal plans are the same bytes."""

    spec: ClipSpec
    damage: Damage = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A post's role, file and faults."""

    role: Role
    topic: str | None
    """The class whose tags it carries, all of them: not so a post that carries a drifted tag alone."""
    reach: Reach
    file: FilePlan
    declared_s: float | None
    declared_px: tuple[int, int] | None
    """What the platform says of length and size; None where it says nothing."""
    defects: tuple[str, ...]
    fault: Fault | None = None
    copy_of: int | None = None
    """Place in the cast of the post whose file this is."""
    shift: str | None = None
    """The drifted or hijacked tag that it carries, as posts do since the tag's date."""


def cast(seed: int, size: Size, class_sizes: dict[str, int], shifts: Shifts, rng: Random) -> list[Draft]:
    """All drafts of a world, role by role; `class_sizes` counts the RIGHT posts of each class."""
    maker = _Maker(seed, size, class_sizes, rng)
    drafts = [
        *maker.right(),
        *maker.of(Role.WRONG_CLASS, maker.wrong_class),
        *maker.of(Role.SHORT_SCENE, maker.short_scene),
        *maker.off_topics(shifts),
    ]
    drafts += maker.copies(drafts)
    for role in (Role.DECLARED, Role.UNDECLARED):
        drafts += [maker.out_of_limits(role, limit) for limit in islice(cycle(_LIMITS), size.num_roles[role])]
    drafts += [maker.bad_file(damage) for damage in islice(cycle(_DAMAGES), size.num_roles[Role.BAD_FILE])]
    drafts += [maker.gone(fault) for fault in islice(cycle(PERMANENT), size.num_roles[Role.GONE])]
    drafts += maker.spams(shifts)
    return drafts + list(maker.elsewhere())


class _Maker:
    def __init__(self, seed: int, size: Size, class_sizes: dict[str, int], rng: Random) -> None:
        self.seed = seed
        self.size = size
        self.class_sizes = class_sizes
        self.rng = rng
        self.num_clips = 0

    def of(self, role: Role, make: Callable[[], Draft]) -> list[Draft]:
        return [make() for _ in range(self.size.num_roles[role])]

    def right(self) -> Iterator[Draft]:
        """Half of a class's posts can only be found by its synonyms; most of the others lead to these."""
        numbers = count(1)
        for class_id, num in self.class_sizes.items():
            num_synonym = num // 2 if num < 7 else (num + 1) // 2
            reaches: list[Reach] = ["both", "synonym"]
            for reach in [r for r, n in zip(reaches, (num - num_synonym, num_synonym), strict=True) for _ in range(n)]:
                shots = [class_id] if next(numbers) % _SECOND_SCENE_EVERY else [class_id, self.filler()]
                yield self.whole(Role.RIGHT, class_id, reach, self.clip(shots))

    def wrong_class(self) -> Draft:
        topic = self.topic()
        shown = self.rng.choice([c for c in self.size.classes if c != topic])
        return self.whole(Role.WRONG_CLASS, topic, self.reach(), self.clip([shown]), "wrong_class")

    def short_scene(self) -> Draft:
        topic = self.topic()
        return self.whole(Role.SHORT_SCENE, topic, self.reach(), self.clip([self.filler(), topic]), "short_scene")

    def off_topics(self, shifts: Shifts) -> list[Draft]:
        """First those under a tag that has drifted to what they show."""
        num = self.size.shifts.posts_a_tag
        drifted = [self.drifted(tag, drift.subject) for tag, drift in shifts.drifts.items() for _ in range(num)]
        return drifted + [self.off_topic() for _ in range(self.size.num_roles[Role.OFF_TOPIC] - len(drifted))]

    def drifted(self, tag: str, subject: str) -> Draft:
        draft = self.whole(Role.OFF_TOPIC, None, "none", self.clip([subject]), "off_topic", "drifted_tag")
        return replace(draft, shift=tag)

    def off_topic(self) -> Draft:
        return self.whole(Role.OFF_TOPIC, self.topic(), self.reach(), self.clip([self.filler()]), "off_topic")

    def spams(self, shifts: Shifts) -> list[Draft]:
        """First those under a hijacked tag."""
        hijacks = [tag for tag in shifts.hijacks for _ in range(self.size.shifts.posts_a_tag)]
        drafts = self.of(Role.SPAM, self.spam)
        told = zip(drafts, hijacks, strict=False)
        return [replace(d, shift=t, defects=(*d.defects, "hijacked_tag")) for d, t in told] + drafts[len(hijacks) :]

    def spam(self) -> Draft:
        spec = self.clip([self.rng.choice(_SPAM_SHOWS)])
        return self.whole(Role.SPAM, None, "none", spec, "spam", "off_topic")

    def copies(self, drafts: Sequence[Draft]) -> list[Draft]:
        """Copies of distinct RIGHT posts, half of them encoded anew; every tenth is of a post copied already."""
        num = self.size.num_roles[Role.COPY]
        right = [i for i, d in enumerate(drafts) if d.role is Role.RIGHT]
        originals = self.rng.sample(right, num)
        originals[9::10] = originals[: len(originals[9::10])]
        return [self.copy(place, drafts[place], i % 2 == 1) for i, place in enumerate(originals)]

    def copy(self, place: int, original: Draft, is_reencoded: bool) -> Draft:
        spec = replace(original.file.spec, encoding="reencoded" if is_reencoded else "upload")
        return replace(
            original,
            role=Role.COPY,
            file=FilePlan(spec=spec),
            defects=("reencoded_copy" if is_reencoded else "exact_copy",),
            copy_of=place,
        )

    def out_of_limits(self, role: Role, limit: str) -> Draft:
        topic, size = self.topic(), self.size
        spec = self.clip([topic])
        if limit == "too_small":
            width_px, height_px = self.rng.choice(_TINY_PX)
            spec = replace(spec, width_px=width_px, height_px=height_px)
        elif limit == "too_short":
            spec = replace(spec, shots=(Shot(subject=topic, duration_s=size.too_short_s),))
        else:
            long = Shot(subject=topic, duration_s=size.too_long_s)
            spec = replace(spec, shots=(long,), fps=size.too_long_fps)
        draft = self.whole(role, topic, self.reach(), spec, limit)
        if role is Role.DECLARED:
            return replace(draft, declared_s=spec.duration_s, declared_px=(spec.width_px, spec.height_px))
        says_nothing = self.rng.random() < 0.5
        usual_s = 2 * size.limits.min_duration_s
        return replace(
            draft,
            declared_s=None if says_nothing else usual_s,
            declared_px=None if says_nothing else _FRAMES_PX[0],
            defects=(limit, "says_nothing" if says_nothing else "says_otherwise"),
        )

    def bad_file(self, damage: Damage) -> Draft:
        topic = self.topic()
        draft = self.whole(Role.BAD_FILE, topic, self.reach(), self.clip([topic]), damage)
        return replace(draft, file=replace(draft.file, damage=damage))

    def gone(self, fault: Fault) -> Draft:
        topic = self.topic()
        draft = self.whole(Role.GONE, topic, self.reach(), self.clip([topic]), fault.kind)
        return replace(draft, fault=fault)

    def elsewhere(self) -> Iterator[Draft]:
        num = self.size.num_roles[Role.ELSEWHERE]
        subjects = list(islice(cycle(self.size.classes), round(num * _ACTIONS_ELSEWHERE)))
        subjects += [self.rng.choice((*FILLERS, *OFF_TOPIC.values())) for _ in range(num - len(subjects))]
        num_gone = max(3, round(num * _GONE_ELSEWHERE))
        for i, subject in enumerate(subjects):
            defects = () if subject in self.size.classes else ("off_topic",)
            draft = self.whole(Role.ELSEWHERE, None, "none", self.clip([subject]), *defects)
            fault = PERMANENT[i % len(PERMANENT)] if i >= num - num_gone else None
            yield replace(draft, fault=fault, defects=(*defects, fault.kind) if fault else defects)

    def whole(self, role: Role, topic: str | None, reach: Reach, spec: ClipSpec, *defects: str) -> Draft:
        """A draft whose file is in order and whose metadata says the truth, where it says anything."""
        says_nothing = self.rng.random() < 0.05
        return Draft(
            role=role,
            topic=topic,
            reach=reach,
            file=FilePlan(spec=spec),
            declared_s=None if says_nothing else round(spec.duration_s, 2),
            declared_px=None if says_nothing else (spec.width_px, spec.height_px),
            defects=defects,
        )

    def clip(self, subjects: Sequence[str]) -> ClipSpec:
        """The first subject has the longest scene, which need not come first; a look of its own."""
        fps = self.rng.choice(list(self.size.clip_frames))
        num_frames = self.rng.randint(*self.size.clip_frames[fps])
        shots = [Shot(subject=subjects[0], duration_s=num_frames / fps)]
        shots += [Shot(subject=s, duration_s=round(self.size.second_scene_s * fps) / fps) for s in subjects[1:]]
        self.rng.shuffle(shots)
        width_px, height_px = self.rng.choice(_FRAMES_PX)
        has_text = self.rng.random() < 0.35
        self.num_clips += 1
        return ClipSpec(
            seed=_clip_seed(self.seed, self.num_clips),
            shots=tuple(shots),
            width_px=width_px,
            height_px=height_px,
            fps=fps,
            overlay_text=self.rng.choice(_WORDS) if has_text else "",
        )

    def topic(self) -> str:
        """Popular classes draw more of what is not theirs."""
        return self.rng.choices(list(self.class_sizes), list(self.class_sizes.values()))[0]

    def reach(self) -> Reach:
        """Noise gathers under the well-known tags: the synonyms are the better ones."""
        reaches: tuple[Reach, ...] = ("seed", "both", "synonym")
        return self.rng.choices(reaches, (0.5, 0.2, 0.3))[0]

    def filler(self) -> str:
        return self.rng.choice(FILLERS)


def _clip_seed(seed: int, number: int) -> int:
    """Outside the range that the model is trained on, and another one for each clip of each world."""
    digest = blake2b(f"{seed}/{number}".encode(), digest_size=8).digest()
    return 100_000_000 + int.from_bytes(digest, "big") % 1_900_000_000
