"""Sense each clip's signals. What they mean, and their units:

- `motion`, grey levels (0 to 255): the median over time of the mean absolute difference of successive frames of the
  small grey film. Near 0 on slides and stills, whose few changes the median ignores; 2 and more where somebody moves.
- `black`, share (0 to 1) of the small grey film's frames that are black, by the rule of ffmpeg's blackdetect.
- `person`, number of the look's frames (of 8) that show a person or a face. Only with a person sensor.
- `face`, number of the look's frames (of 8) that show a face. Only with a face sensor.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2a_curation.measure.look import Frames, Look
from schemas import Sighting

Detector = Callable[[Frames], NDArray[np.float32]]
"""[frame], the score of the likeliest thing of its kind in each frame, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenseRules:
    """What counts as black, as a person, as a face."""

    black_level: int = 25
    """Pixels below are black, in grey levels: blackdetect's 0.10 of the range."""
    black_share: float = 0.98
    """A frame with this share of black pixels is black: blackdetect's default."""
    min_person_score: float = 0.6
    """Chosen on 15 real clips: a cat reaches .58, a person 15 pixels tall .81."""
    min_face_score: float = 0.5
    """Chosen on the same clips: no false face on cat, slides or scenery."""


def sense(
    looks: Iterable[tuple[str, Look]], rules: SenseRules, *, model: str, detectors: Mapping[str, Detector]
) -> Iterator[Sighting]:
    """Yield one row per clip and signal, clips in order. A signal whose detector is absent has no row."""
    for clip_id, look in looks:
        signals = {"motion": motion(look), "black": black(look, rules), **_sightings(look, rules, detectors)}
        for signal, value in signals.items():
            yield Sighting(clip_id=clip_id, model=model, signal=signal, value=value)


def motion(look: Look) -> float:
    """Grey levels; 0 for a clip of less than two small frames."""
    if len(look.grey) < 2:
        return 0.0
    change = np.abs(np.diff(look.grey.astype(np.int16), axis=0)).mean(axis=(1, 2))
    return float(np.median(change))


def black(look: Look, rules: SenseRules) -> float:
    """Share of the small frames that are black."""
    black_pixels = (look.grey < rules.black_level).mean(axis=(1, 2))
    return float((black_pixels >= rules.black_share).mean())


def _sightings(look: Look, rules: SenseRules, detectors: Mapping[str, Detector]) -> dict[str, float]:
    """`person` counts faces too: a close-up shows no body."""
    seen: dict[str, NDArray[np.bool_]] = {}
    if "face" in detectors:
        seen["face"] = detectors["face"](look.frames) > rules.min_face_score
    if "person" in detectors:
        bodies = detectors["person"](look.frames) > rules.min_person_score
        seen["person"] = bodies | seen.get("face", np.zeros_like(bodies))
    return {signal: float(frames.sum()) for signal, frames in seen.items()}
