"""The sample platform's hashtags: which there are, what they mean, and which classes' posts carry them."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from h2a_curation.taxonomy.hashtags import normalise

ClassTags = tuple[str, Sequence[str]]
"""Class id and the tags that its class file gives, best first."""

GENERAL = {"fyp": 0.6, "viral": 0.5, "foryou": 0.4, "explore": 0.3, "trending": 0.3}
"""Tags that mean nothing, and the share of all posts that carry each."""
OFF_TOPIC = {"storytime": "talking-head", "motivationquotes": "text-card", "foodie": "food", "petsoftoday": "pet"}
"""Tags of what no class is, and what their posts show."""

_SLANG: dict[str, tuple[str, str]] = {
    "archery": ("arrowtok", "bullseyeclub"),
    "ball-juggling": ("threeballs", "jugglegang"),
    "baseball-swing": ("dingertok", "cagework"),
    "basketball-shot": ("buckettok", "shooterstouch"),
    "bowling": ("turkeyclub", "pinaction"),
    "clean-and-jerk": ("olyliftlife", "barpath"),
    "cycling": ("rideordie", "pedaltok"),
    "deadlift": ("pullday", "hingeclub"),
    "drumming": ("stickfamily", "groovetok"),
    "golf-swing": ("fairwaytok", "teeboxlife"),
    "guitar-playing": ("sixstringlife", "rifftok"),
    "handstand": ("upsidedownclub", "handbalancer"),
    "horse-riding": ("barnlife", "saddletok"),
    "hula-hoop": ("hooplife", "flowarts"),
    "jump-rope": ("ropeflow", "skiptok"),
    "kayaking": ("paddletok", "whitewaterlife"),
    "pull-ups": ("barstarzz", "chinoverbar"),
    "punching-bag": ("heavybagwork", "padtok"),
    "push-ups": ("floorpress", "hundredaday"),
    "rock-climbing": ("sendtok", "crimpclub"),
    "skateboarding": ("sk8tok", "kickflipclub"),
    "skiing": ("powdertok", "pistelife"),
    "soccer-juggling": ("keepyuppy", "ballmastery"),
    "surfing": ("lineuplife", "barreltok"),
    "tennis-serve": ("acetok", "baselineclub"),
    "violin-playing": ("fiddletok", "bowarm"),
}
"""What people who do it call it: tags that no class file names, to be learnt."""
_HOMONYMS: dict[str, tuple[str, str]] = {
    "bow": ("archery", "violin-playing"),
    "swing": ("golf-swing", "baseball-swing"),
    "strike": ("bowling", "punching-bag"),
    "reps": ("pull-ups", "push-ups"),
    "board": ("skateboarding", "surfing"),
    "hoops": ("basketball-shot", "hula-hoop"),
    "pedal": ("cycling", "guitar-playing"),
    "rope": ("jump-rope", "rock-climbing"),
}
"""Tags that some posts of two classes carry, and that mean something else in most posts that have them."""
_BROAD: dict[str, tuple[str, ...]] = {
    "gymlife": ("clean-and-jerk", "deadlift", "jump-rope", "pull-ups", "punching-bag", "push-ups", "handstand"),
    "outdoorlife": ("cycling", "horse-riding", "kayaking", "rock-climbing", "skiing", "surfing", "skateboarding"),
    "ballsports": ("baseball-swing", "basketball-shot", "golf-swing", "soccer-juggling", "tennis-serve", "bowling"),
}
"""True of several classes at once: a weak hint."""
_DEAD = ("oldtrend", "challengeover", "hiddentag", "bannedsound")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The tags of one world, each in exactly one of these fields."""

    seeds: dict[str, tuple[str, ...]]
    """The class file's tags that are in use here, by class; the other tags of the file list nothing."""
    synonyms: dict[str, tuple[str, ...]]
    """Tags that only co-occurrence tells, by class; the second one co-occurs with the first, not with a seed."""
    homonyms: dict[str, tuple[str, ...]]
    broad: dict[str, tuple[str, ...]]
    dead: dict[str, str]
    """Tag to the class whose posts carry it; its listing is empty or holds only posts that are gone."""
    general: tuple[str, ...] = tuple(GENERAL)
    off_topic: tuple[str, ...] = tuple(OFF_TOPIC)

    def all_tags(self) -> list[str]:
        """Every hashtag of the world, sorted."""
        by_class = [t for tags in (*self.seeds.values(), *self.synonyms.values()) for t in tags]
        return sorted([*by_class, *self.homonyms, *self.broad, *self.dead, *self.general, *self.off_topic])


def make_vocabulary(classes: Sequence[ClassTags], used: Sequence[str], counts: "TagCounts", rng: Random) -> Vocabulary:
    """Tags for the classes `used`, popular ones first; none but the seeds stands in any of the class files."""
    taken = {tag for _, tags in classes for tag in tags} | {normalise(class_id) for class_id, _ in classes}
    named = dict(classes)
    offered = {c: [t for t in named[c] if named[c]] or [normalise(c)] for c in used}
    seeds = {c: tuple(offered[c][:1]) for c in used}
    for class_id in [c for c in used if len(offered[c]) > 1][: counts.second_seeds]:
        seeds[class_id] = tuple(offered[class_id][:2])
    synonyms = {c: _free(_SLANG[c], normalise(c), taken)[:1] for c in used}
    num_second = counts.second_synonyms + counts.second_seeds - sum(len(s) - 1 for s in seeds.values())
    for class_id in used[:num_second]:
        synonyms[class_id] = _free(_SLANG[class_id], normalise(class_id), taken)[:2]
    homonyms = {t: tuple(c for c in cs if c in used) for t, cs in _HOMONYMS.items() if t not in taken}
    broad = {t: tuple(c for c in cs if c in used) for t, cs in _BROAD.items() if t not in taken}
    bearers = rng.sample(list(used), counts.dead)
    return Vocabulary(
        seeds=seeds,
        synonyms=synonyms,
        homonyms=dict(rng.sample([(t, cs) for t, cs in homonyms.items() if cs], counts.homonyms)),
        broad=dict([(t, cs) for t, cs in broad.items() if cs][: counts.broad]),
        dead=dict(zip(_DEAD, bearers, strict=False)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TagCounts:
    """How many tags of each kind a world has, beside one seed and one synonym a class."""

    second_seeds: int
    """For the most popular classes that have two; what they lack goes to second synonyms."""
    second_synonyms: int
    homonyms: int
    broad: int
    dead: int


def _free(slang: tuple[str, str], stem: str, taken: set[str]) -> tuple[str, ...]:
    made = (f"{stem}tok", f"{stem}club", f"team{stem}", f"{stem}oftheday")
    return tuple(t for t in (*slang, *made) if t not in taken)
