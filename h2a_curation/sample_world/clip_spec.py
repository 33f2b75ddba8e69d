"""What a clip of the sample world shows, as data: enough to render the same bytes again, cheap to import."""

from dataclasses import dataclass

ACTIONS: tuple[str, ...] = (
    "archery",
    "ball-juggling",
    "baseball-swing",
    "basketball-shot",
    "bowling",
    "clean-and-jerk",
    "cycling",
    "deadlift",
    "drumming",
    "golf-swing",
    "guitar-playing",
    "handstand",
    "horse-riding",
    "hula-hoop",
    "jump-rope",
    "kayaking",
    "pull-ups",
    "punching-bag",
    "push-ups",
    "rock-climbing",
    "skateboarding",
    "skiing",
    "soccer-juggling",
    "surfing",
    "tennis-serve",
    "violin-playing",
)
"""Class ids that can be rendered, in alphabetical order; `data/classes` has a class for each."""

FILLERS: tuple[str, ...] = (
    "slides",
    "text-card",
    "talking-head",
    "standing",
    "walking",
    "scenery",
    "pet",
    "food",
)
"""What no class is; `data/negatives.yaml` has an entry for each. `slides` and `text-card` stand still."""

ENCODINGS: tuple[str, ...] = ("upload", "reencoded")
"""`reencoded` shows the same pictures at another size, bitrate and GOP, as a re-upload does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One uninterrupted take."""

    subject: str
    """An id of ACTIONS or of FILLERS."""
    duration_s: float
    frozen: bool = False
    """The picture stands still: a photograph of the subject, as slide posts have."""

    def __post_init__(self) -> None:
        assert self.subject in ACTIONS or self.subject in FILLERS, self.subject
        assert self.duration_s > 0, self.duration_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSpec:
    """A clip before it is drawn: the same spec gives the same file."""

    seed: int
    """Everything random about the look follows from it. Seeds from 10_000_000 to 19_999_999 are the model's."""
    shots: tuple[Shot, ...]
    """Hard cut between them."""
    width_px: int
    height_px: int
    """Both even, as yuv420p wants."""
    fps: float
    encoding: str = "upload"
    overlay_text: str = ""
    """Drawn as short videos do; may be empty."""

    def __post_init__(self) -> None:
        assert self.shots, self
        assert self.fps > 0, self
        assert self.width_px % 2 == 0, self
        assert self.height_px % 2 == 0, self
        assert self.encoding in ENCODINGS, self.encoding

    @property
    def duration_s(self) -> float:
        """Length of the clip in seconds: the sum over its shots."""
        return sum(shot.duration_s for shot in self.shots)
