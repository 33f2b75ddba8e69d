"""Which hashtags the posts of a world carry."""

from collections.abc import Sequence
from random import Random

from h2a_curation.sample_world.world.cast import Draft
from h2a_curation.sample_world.world.shifts import Shifts
from h2a_curation.sample_world.world.sizes import Role
from h2a_curation.sample_world.world.vocabulary import GENERAL, OFF_TOPIC, Vocabulary

_SPAM_HASHTAGS = (16, 40)
_BROAD_SHARE = 0.2
_OFF_TOPIC_SHARE = 0.6


def hashtags(drafts: Sequence[Draft], words: Vocabulary, shifts: Shifts, rng: Random) -> list[tuple[str, ...]]:
    """The tags of each draft, in the order in which they stand in the post; a copy keeps most of its original's."""
    tags = [_own(draft, words, shifts, rng) for draft in drafts]
    _place_homonyms(tags, drafts, words, rng)
    _place_dead(tags, drafts, words, rng)
    _lead_on(tags, drafts, words)
    _place_shifts(tags, drafts, shifts)
    for draft, own in zip(drafts, tags, strict=True):
        if draft.copy_of is not None:
            own[:] = [t for t in tags[draft.copy_of] if t not in GENERAL] + [t for t in own if t in GENERAL]
        elif draft.role is not Role.SPAM:
            rng.shuffle(own)
    return [tuple(dict.fromkeys(own)) for own in tags]


def _own(draft: Draft, words: Vocabulary, shifts: Shifts, rng: Random) -> list[str]:
    if draft.role is Role.SPAM:
        known = [t for t in words.all_tags() if t not in words.dead and t not in shifts.hijacks]
        return rng.sample(known, min(rng.randint(*_SPAM_HASHTAGS), len(known)))
    tags = [tag for tag, share in GENERAL.items() if rng.random() < share]
    if draft.topic is None:
        shown = draft.file.spec.shots[0].subject
        tags += [t for t, subject in OFF_TOPIC.items() if subject == shown and rng.random() < _OFF_TOPIC_SHARE]
        return tags or ["fyp"]
    if draft.reach in ("seed", "both"):
        seeds = words.seeds[draft.topic]
        tags += seeds if rng.random() < 0.5 else [rng.choice(seeds)]
    if draft.reach in ("both", "synonym"):
        tags += words.synonyms[draft.topic][:1]
    tags += [t for t, classes in words.broad.items() if draft.topic in classes and rng.random() < _BROAD_SHARE]
    return tags


def _lead_on(tags: list[list[str]], drafts: Sequence[Draft], words: Vocabulary) -> None:
    """The second synonym of a class: three posts have it beside the first, the rest of the unseeded only it."""
    for class_id, (first, *second) in words.synonyms.items():
        unseeded = [i for i, d in enumerate(drafts) if (d.role, d.topic, d.reach) == (Role.RIGHT, class_id, "synonym")]
        for n, i in enumerate(unseeded if second else []):
            tags[i] += second
            if n >= 3:
                tags[i].remove(first)


def _place_shifts(tags: list[list[str]], drafts: Sequence[Draft], shifts: Shifts) -> None:
    """A tag that drifts was in everybody's mouth: what can be found by the class's seeds carries it."""
    for own, draft in zip(tags, drafts, strict=True):
        if draft.shift is not None:
            own.insert(len(own) // 2, draft.shift)
        elif (draft.role, draft.reach) == (Role.RIGHT, "both"):
            own += [tag for tag, drift in shifts.drifts.items() if drift.class_id == draft.topic]


def _place_homonyms(tags: list[list[str]], drafts: Sequence[Draft], words: Vocabulary, rng: Random) -> None:
    elsewhere = [i for i, d in enumerate(drafts) if d.role is Role.ELSEWHERE]
    for tag, classes in words.homonyms.items():
        for class_id in classes:
            right = [i for i, d in enumerate(drafts) if d.role is Role.RIGHT and d.topic == class_id]
            for i in rng.sample(right, rng.choice((1, 1, 2))):
                tags[i].append(tag)
        for i in rng.sample(elsewhere, min(len(elsewhere) // 3, rng.randint(13, 18))):
            tags[i].append(tag)


def _place_dead(tags: list[list[str]], drafts: Sequence[Draft], words: Vocabulary, rng: Random) -> None:
    """Some posts of a class carry it, as a synonym would be carried; else only posts that are gone."""
    gone = [i for i, d in enumerate(drafts) if d.role is Role.ELSEWHERE and d.fault]
    for tag, class_id in words.dead.items():
        seeded = [i for i, d in enumerate(drafts) if (d.role, d.topic) == (Role.RIGHT, class_id) and d.reach == "both"]
        for i in [*seeded[:3], *rng.sample(gone, 3)]:
            tags[i].append(tag)
