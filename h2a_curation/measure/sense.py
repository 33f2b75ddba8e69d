"""Sense each clip's signals: SIGNALS says what each of them means, in what unit, and who needs it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2a_curation.measure.frames import Frames, Look
from schemas import Sighting

Detector = Callable[[Frames], NDArray[np.float32]]
"""[frame], the score of the likeliest thing of its kind in each frame, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenseRules:
    """What counts as black, as a person, as a face."""

    black_level: int = 25
    """A pixel below this is black: 0.10 of the range, the default of ffmpeg's blackdetect."""
    black_share: float = 0.98
    """A frame with this share of black pixels is black: the default of ffmpeg's blackdetect."""
    min_person_score: float = 0.6
    """A frame shows a body where the detector's score lies above this, and the clip's bodies count only if they are
    sure: three of eight frames show one, and the best score lies above .77. On 67 real clips anything from .50 to .62
    decides alike; above that, people far away are lost."""
    min_face_score: float = 0.5
    """A frame shows a face where the detector's score lies above this. On 67 real clips anything from .45 to .54
    decides alike: one of 12 clips without a person, a dog's, shows such a face."""


class Sensed:
    """One clip while it is sensed: its look, the rules, and what detectors found, each of them asked at most once."""

    def __init__(self, look: Look, rules: SenseRules, detectors: Mapping[str, Detector]) -> None:
        self.look = look
        self.rules = rules
        self._detectors = detectors
        self._scores: dict[str, NDArray[np.float32]] = {}

    def scores(self, thing: str) -> NDArray[np.float32]:
        """[frame], the score of the likeliest such thing in the look's frame; 0 where its detector is absent."""
        if thing not in self._scores:
            detector = self._detectors.get(thing)
            scores = np.zeros(len(self.look.frames), np.float32) if detector is None else detector(self.look.frames)
            self._scores[thing] = scores
        return self._scores[thing]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One number about a clip."""

    name: str
    """The name by which `sighting`, rules and docs/sql.md know it."""
    unit: str
    """The unit of its values, with their range."""
    meaning: str
    """One sentence or two for docs/sql.md: what is counted, and what usual values are."""
    measure: Callable[[Sensed], float | None]
    """`measure(sensed)`; None where a clip has no such number: that is a row as well, lest the clip be measured again
    for ever."""
    version: int = 1
    """Raise it when the same look gives another value, by this module or by sensors.py: tests/measure/test_goldens.py
    says so when it does. Then this signal, and no other, is measured anew on clips that have been measured before."""
    detector: str = ""
    """The detector without which a clip has no row of it; empty where it needs none."""
    rule: str = ""
    """The field of ClipRules whose threshold it is held against, and which has the default; empty where none is."""

    @property
    def has_own_fingerprint(self) -> bool:
        """Whether its rows stand under a fingerprint of its own, and not under that of the whole stage."""
        return self.version > 1 or self.name not in _TOGETHER


_TOGETHER = frozenset({"motion", "black", "face", "person"})
"""Signals that were measured before signals had versions: their version 1 stands under the stage's fingerprint, so that
no lake of that time is measured anew. A signal that came later is never added here."""


def sense(
    looks: Iterable[tuple[str, Look]],
    rules: SenseRules,
    *,
    models: Mapping[str, str],
    detectors: Mapping[str, Detector],
) -> Iterator[Sighting]:
    """Yield one row per clip and signal, clips in order; `models` has the fingerprint of each signal that is wanted.

    A signal whose detector is absent has no row.
    """
    wanted = [signal for signal in measurable(detectors) if signal.name in models]
    for clip_id, look in looks:
        seen = Sensed(look, rules, detectors)
        for signal in wanted:
            value = signal.measure(seen)
            yield Sighting(clip_id=clip_id, model=models[signal.name], signal=signal.name, value=value)


def measurable(detectors: Mapping[str, Detector]) -> list[Signal]:
    """The signals that can be had with these detectors."""
    return [signal for signal in SIGNALS if not signal.detector or signal.detector in detectors]


def motion(look: Look) -> float:
    """The median change from small frame to small frame in grey levels; 0 for a clip of less than two."""
    if len(look.grey) < 2:
        return 0.0
    change = np.abs(np.diff(look.grey.astype(np.int16), axis=0)).mean(axis=(1, 2))
    return float(np.median(change))


def black(look: Look, rules: SenseRules) -> float:
    """The share of the small frames that are black."""
    black_pixels = (look.grey < rules.black_level).mean(axis=(1, 2))
    return float((black_pixels >= rules.black_share).mean())


_SURE_SCORE = 0.77
"""Score that the surest body of a clip must pass. What the detector takes for a person all the time (an apple, a drawn
rabbit) stays below .76 in every frame, while people far away pass .78 in one: on 67 real clips anything from .75 to .79
decides alike."""
_BODY_SHARE = 3 / 8
"""Share of the frames that must show a body, where no face is seen. What the detector takes for a person at some moment
(bottles on a belt) does so in two of eight frames, people far away in three: on the same clips nothing but three of
eight parts them."""


def _faces(seen: Sensed) -> NDArray[np.bool_]:
    return seen.scores("face") > seen.rules.min_face_score


def _bodies(seen: Sensed) -> NDArray[np.bool_]:
    """The frames that show a body; none where the clip has no sure one."""
    scores = seen.scores("person")
    found = scores > seen.rules.min_person_score
    is_sure = bool(scores.max() > _SURE_SCORE and found.mean() >= _BODY_SHARE)
    return found if is_sure else np.zeros_like(found)


def _people(seen: Sensed) -> NDArray[np.bool_]:
    """Faces count too: a close-up shows no body."""
    return _bodies(seen) | _faces(seen)


SIGNALS: tuple[Signal, ...] = (
    Signal(
        name="motion",
        unit="grey levels, 0 to 255",
        meaning="The median over time of the mean absolute difference of successive frames of the small grey film. Near"
        " 0 on slides and stills, whose few changes the median ignores; .3 for a plank that is held, mostly 2 and more"
        " where somebody moves.",
        measure=lambda seen: motion(seen.look),
        rule="min_motion",
    ),
    Signal(
        name="black",
        unit="share, 0 to 1",
        meaning="The small grey film's frames that are black, by the rule of ffmpeg's blackdetect.",
        measure=lambda seen: black(seen.look, seen.rules),
        rule="max_black",
    ),
    Signal(
        name="face",
        unit="frames of the look, 8 by default",
        meaning="Frames that show a face.",
        measure=lambda seen: float(_faces(seen).sum()),
        detector="face",
    ),
    Signal(
        name="person",
        unit="frames of the look, 8 by default",
        meaning="Frames that show a face or a body. Bodies count where three of eight frames show one, and one of them"
        " surely.",
        measure=lambda seen: float(_people(seen).sum()),
        version=2,
        detector="person",
        rule="min_person_frames",
    ),
)
"""Every signal there is: what is measured, docs/sql.md, and what rules of a recipe may name are made from this table. A
new one starts at version 1, and is measured on clips that have been measured before."""
