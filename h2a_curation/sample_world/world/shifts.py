"""What changes on the platform with time: tags that drift, tags that are hijacked, and bursts of one class's posts.

`posted_at` is all that tells of it: listings go by popularity, so that old and new posts stand side by side.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from h2a_curation.sample_world.world.sizes import Role, ShiftCounts
from h2a_curation.sample_world.world.vocabulary import Vocabulary

Window = tuple[datetime, datetime]
"""From, until."""

NEWEST = datetime(2026, 6, 30, tzinfo=UTC)
OLDEST = NEWEST - timedelta(days=2 * 365)
_SUBJECTS = ("pet", "food", "talking-head", "scenery", "walking")
_BURST = timedelta(days=3)
_IN_BURST = (True, True, True, False)
_STAYS_EVERY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A tag of a class that has come to mean something else."""

    class_id: str
    subject: str
    """What the posts that carry it show since."""
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifts:
    """All that changes in one world; no class is in two of these."""

    drifts: dict[str, Drift]
    """By tag. Before, it stood on right posts of its class; since, on few of them and on many others."""
    hijacks: dict[str, datetime]
    """Tag to the date from which a few creators write it, with many others, on spam; no spam has it before."""
    bursts: dict[str, Window]
    """Class to the few days in which three quarters of its right posts were made."""

    def window(self, *, role: Role, topic: str | None, shift: str | None, tags: tuple[str, ...], number: int) -> Window:
        """When a post was made; `number` counts the right posts of its class from 0."""
        if shift is not None:
            return (self.drifts[shift].since if shift in self.drifts else self.hijacks[shift]), NEWEST
        if role is not Role.RIGHT:
            return OLDEST, NEWEST
        if topic in self.bursts and _IN_BURST[number % len(_IN_BURST)]:
            return self.bursts[topic]
        for tag, drift in self.drifts.items():
            if drift.class_id == topic and tag in tags:
                stays = number % _STAYS_EVERY == _STAYS_EVERY - 1
                return (drift.since, NEWEST) if stays else (OLDEST, drift.since)
        return OLDEST, NEWEST


def make_shifts(seed: int, counts: ShiftCounts, words: Vocabulary) -> Shifts:
    """Popular classes are struck: their tags stand on enough posts to tell before from after."""
    rng = Random(f"shifts {seed}")
    num_struck = counts.drifted_tags + counts.hijacked_tags + counts.bursts
    struck = list(words.seeds)[:num_struck]
    rng.shuffle(struck)
    drifting, others = struck[: counts.drifted_tags], struck[counts.drifted_tags :]
    subjects = rng.sample(_SUBJECTS, counts.drifted_tags)
    drifts = {
        (words.seeds if n % 2 else words.synonyms)[class_id][0]: Drift(
            class_id=class_id, subject=subject, since=_date(rng)
        )
        for n, (class_id, subject) in enumerate(zip(drifting, subjects, strict=True))
    }
    hijacks = {
        (words.synonyms if n % 2 else words.seeds)[class_id][0]: _date(rng)
        for n, class_id in enumerate(others[: counts.hijacked_tags])
    }
    starts = {class_id: _date(rng) for class_id in others[counts.hijacked_tags :]}
    bursts = {class_id: (start, start + _BURST) for class_id, start in starts.items()}
    return Shifts(drifts=drifts, hijacks=hijacks, bursts=bursts)


def _date(rng: Random) -> datetime:
    """Past the middle of the world's two years, on a full hour."""
    num_hours = (NEWEST - OLDEST) // timedelta(hours=1)
    return OLDEST + timedelta(hours=round(num_hours * rng.uniform(0.5, 0.7)))
