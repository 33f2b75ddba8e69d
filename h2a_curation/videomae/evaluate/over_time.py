"""What a classifier says of one video: of each window of its time, and of all of them together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from h2a_curation.videomae.data.windows import windows
from h2a_curation.videomae.evaluate.merge import Scores, merged, ranked
from h2a_curation.videomae.evaluate.run import Looking, numbers_of
from h2a_curation.videomae.model.classifier import Classifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A class, and how probable it is."""

    number: int
    name: str
    """The number again where nothing names the classes."""
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A window of a video and its probabilities, [class]."""

    start_s: float
    end_s: float
    shares: Scores


def moments(video: Path, model: Classifier, looking: Looking) -> Iterator[Moment]:
    """The windows of a video, one after the other. ValueError where it cannot be decoded any further."""
    model = model.eval().to(looking.world.device)
    config = model.config
    for window in windows(video, config.num_frames, looking.views.stride, config.frame_px):
        logits = numbers_of(window.frames[None], model, looking)
        yield Moment(start_s=window.start_s, end_s=window.end_s, shares=merged(logits))


def answers_of(shares: Scores, names: Sequence[str], num: int = 5) -> list[Answer]:
    """The classes with the largest probabilities, the largest first."""
    top = ranked(shares, num)
    return [Answer(number=n, name=names[n] if names else str(n), probability=float(shares[n])) for n in top]
