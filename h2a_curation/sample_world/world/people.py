"""Who posted what, when, in which words and with what success."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from h2a_curation.sample_world.world.cast import Draft
from h2a_curation.sample_world.world.shifts import NEWEST, OLDEST, Shifts
from h2a_curation.sample_world.world.sizes import Role

_MOST_VIEWS = 9_000_000
_DRIFTED = (0.3, 1.0)
_SPAN_S = (NEWEST - OLDEST) // timedelta(seconds=1)
_LANGUAGES = {"en": 58, "es": 13, "pt": 9, "hi": 6, "fr": 5, "ja": 4, None: 5}
_CAPTIONS = (
    "trying this again today",
    "nobody asked but here you go",
    "rate this 1 to 10",
    "my best one so far",
    "day {n} of getting better",
    "slowly but surely 😅",
    "how do you do it?",
    "tell me what I did wrong",
    "weekend well spent",
    "still learning…",
    "that feeling 🔥",
    "for everyone who said I can't",
)
_FIRST = ("mira", "theo", "luz", "kai", "noor", "otto", "yuki", "ines", "samir", "ada", "bo", "zuri", "pavel", "lena")
_LAST = ("moves", "daily", "outside", "tries", "films", "again", "hq", "studio", "onfilm", "clips")


@dataclass(frozen=True, slots=True, kw_only=True)
class Social:
    """What a platform tells of a post besides the video."""

    creator: str
    caption: str
    language: str | None
    posted_at: datetime
    num_views: int
    num_likes: int


def socials(drafts: Sequence[Draft], tags: Sequence[tuple[str, ...]], shifts: Shifts, rng: Random) -> list[Social]:
    """One for each draft; creators keep to one class, few re-uploads are by the first author, views follow Zipf."""
    creators = _creators(drafts, rng)
    ranks = _popularity_ranks(drafts, rng)
    dates: list[datetime] = []
    num_right: Counter[str | None] = Counter()
    rows = []
    for i, draft in enumerate(drafts):
        from_, until = shifts.window(
            role=draft.role, topic=draft.topic, shift=draft.shift, tags=tags[i], number=num_right[draft.topic]
        )
        length_s = (until - from_) // timedelta(seconds=1)
        posted_at = until - timedelta(seconds=rng.randrange(_SPAN_S) * length_s // _SPAN_S)
        num_right[draft.topic] += draft.role is Role.RIGHT
        if draft.copy_of is not None:
            posted_at = dates[draft.copy_of] + timedelta(hours=rng.randint(2, 2_000))
        dates.append(posted_at)
        num_views = max(12, round(_MOST_VIEWS / (ranks[i] + 1) ** 1.05 * rng.uniform(0.8, 1.2)))
        rows.append(
            Social(
                creator=creators[i],
                caption=_caption(tags[i], rng),
                language=rng.choices(list(_LANGUAGES), list(_LANGUAGES.values()))[0],
                posted_at=posted_at,
                num_views=num_views,
                num_likes=round(num_views * rng.uniform(0.01, 0.12)),
            )
        )
    return rows


def _creators(drafts: Sequence[Draft], rng: Random) -> list[str]:
    handles = [f"{first}.{last}" for first in _FIRST for last in _LAST]
    rng.shuffle(handles)
    spammers, reposters, others = handles[:3], handles[3:8], handles[8:50]
    rest = iter(handles[50:])
    classes = dict.fromkeys(d.topic for d in drafts if d.topic)
    of_class = {c: [h for _, h in zip(range(3), rest, strict=False)] for c in classes}
    creators: list[str] = []
    for draft in drafts:
        if draft.role is Role.SPAM:
            creator = rng.choice(spammers)
        elif draft.copy_of is not None:
            creator = rng.choice(reposters) if rng.random() < 0.7 else creators[draft.copy_of]
        elif draft.topic is not None:
            creator = rng.choices(of_class[draft.topic], (3, 2, 1))[0]
        else:
            creator = rng.choice(others)
        creators.append(creator)
    return creators


def _popularity_ranks(drafts: Sequence[Draft], rng: Random) -> list[int]:
    """0 is the most popular.

    What keeps its tags' promise rises, and so does what a drifted tag has come to mean; spam fills the deep pages of
    many listings.
    """
    span = {Role.RIGHT: (0.4, 1.0), Role.WRONG_CLASS: (0.2, 1.0), Role.SPAM: (0.0, 0.15)}
    spans = [_DRIFTED if d.role is Role.OFF_TOPIC and d.shift else span.get(d.role, (0.0, 1.0)) for d in drafts]
    appeal = [rng.uniform(*span) for span in spans]
    order = sorted(range(len(drafts)), key=lambda i: -appeal[i])
    ranks = [0] * len(drafts)
    for rank, i in enumerate(order):
        ranks[i] = rank
    return ranks


def _caption(tags: Sequence[str], rng: Random) -> str:
    text = rng.choice(_CAPTIONS).format(n=rng.randint(2, 90))
    written = [f"#{tag.upper() if rng.random() < 0.1 else tag}" for tag in tags]
    return " ".join([text, *written])
