"""The arms of the experiment on curation: which clips each is pretrained on. Pure: functions of pools and a seed.

A pool is a set of clips that a lake gives by some rule. An arm takes a pool whole, a share of it, or as many clips of
it as another pool has. What is drawn follows from the seed, so that a run's clips are the same whenever it is made;
shares of one seed are nested: the tenth lies in the quarter, and that in the half.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

CURATED, RAW = "curated", "raw"
NO_MINING, NO_SCREEN, NO_VALIDATION = "no-mining", "no-screen", "no-validation"
SCRATCH = "scratch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A clip as an example of a class."""

    clip_id: str
    class_id: str
    post_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentArm:
    """What one arm is pretrained on."""

    name: str
    about: str
    pool: str
    """Name of the pool that its clips are of; empty where it is not pretrained."""
    share: float = 1.0
    """Share of the pool that is drawn."""
    as_many_as: str = ""
    """Pool whose number of clips is drawn, in place of a share."""

    @property
    def is_drawn(self) -> bool:
        """Whether each seed has clips of its own."""
        return self.share < 1 or bool(self.as_many_as)


def _share(percent: int) -> ExperimentArm:
    name, share = f"curated-{percent}", percent / 100
    return ExperimentArm(name=name, about=f"{percent} % of the curated clips", pool=CURATED, share=share)


_ALL = (
    ExperimentArm(name=CURATED, about="the train split of the published version", pool=CURATED),
    ExperimentArm(name=SCRATCH, about="no pretraining: all weights are drawn", pool=""),
    ExperimentArm(name=RAW, about="every fetched clip, with the class that its tags claim", pool=RAW),
    ExperimentArm(
        name="random", about="drawn from raw, as many as there are curated clips", pool=RAW, as_many_as=CURATED
    ),
    ExperimentArm(name=NO_MINING, about="curated clips that a listing of a seed tag shows", pool=NO_MINING),
    ExperimentArm(name=NO_SCREEN, about="decided without the rules for posts and clips", pool=NO_SCREEN),
    ExperimentArm(name=NO_VALIDATION, about="decided without a look at the frames", pool=NO_VALIDATION),
    _share(50),
    _share(25),
    _share(10),
)
ARMS: Mapping[str, ExperimentArm] = {arm.name: arm for arm in _ALL}
"""All arms by name. The first one is what the others are compared with."""


def chosen(names: Sequence[str]) -> list[ExperimentArm]:
    """The arms of these names, or all, in the order of ARMS. ValueError for a name that is none, or only one arm."""
    if unknown := [name for name in names if name not in ARMS]:
        raise ValueError(f"--arms: no arm {unknown[0]!r}; known: {', '.join(ARMS)}")
    arms = [arm for name, arm in ARMS.items() if not names or name in names]
    if CURATED not in (arm.name for arm in arms) or len(arms) < 2:
        raise ValueError(f"--arms: every arm is compared with {CURATED}: name it, and at least one other")
    return arms


def clips_of(arm: ExperimentArm, pools: Mapping[str, Sequence[Claim]], seed: int) -> list[Claim]:
    """The clips that an arm is pretrained on, by clip id; none where it is not pretrained."""
    if not arm.pool:
        return []
    pool = pools[arm.pool]
    num = min(len(pool), len(pools[arm.as_many_as]) if arm.as_many_as else round(arm.share * len(pool)))
    drawn = sorted(pool, key=lambda claim: _place(claim.clip_id, seed))[:num] if arm.is_drawn else pool
    return sorted(drawn, key=lambda claim: claim.clip_id)


def hash_of(claims: Sequence[Claim]) -> str:
    """Equal for the same clips, whatever their order and classes."""
    return blake2b("\n".join(sorted(claim.clip_id for claim in claims)).encode(), digest_size=16).hexdigest()


def without_twins(
    arms: Sequence[ExperimentArm], pools: Mapping[str, Sequence[Claim]]
) -> tuple[list[ExperimentArm], list[str]]:
    """The arms that have clips, and other ones than an arm before them; and a line on each of the others."""
    kept: list[ExperimentArm] = []
    notes = []
    seen: dict[str, str] = {}
    for arm in arms:
        clips = clips_of(arm, pools, 0)
        twin = seen.setdefault(hash_of(clips), arm.name)
        if arm.pool and not clips:
            notes.append(f"arm {arm.name} is left out: no clip is in it")
        elif twin != arm.name:
            notes.append(f"arm {arm.name} is left out: it has the same {len(clips)} clips as {twin}")
        else:
            kept.append(arm)
    return kept, notes


def _place(clip_id: str, seed: int) -> bytes:
    return blake2b(f"{seed}:{clip_id}".encode(), digest_size=8).digest()
