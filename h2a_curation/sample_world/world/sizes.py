"""How big a world is and what it is made of: the numbers behind `full` and `mini`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from h2a_curation.sample_world.clip_spec import ACTIONS
from h2a_curation.sample_world.world.faults import Throttle, Waits
from h2a_curation.sample_world.world.vocabulary import TagCounts

SizeName = Literal["full", "mini"]


class Role(StrEnum):
    """What a post is in the world, from the miner's point of view."""

    RIGHT = "right"
    """Shows the class that its tags name."""
    WRONG_CLASS = "wrong_class"
    """Shows another class than its tags name (and is wanted for that one)."""
    SHORT_SCENE = "short_scene"
    """Shows the class of its tags, but not in its longest scene."""
    OFF_TOPIC = "off_topic"
    """Carries a class's tags and shows what no class is."""
    COPY = "copy"
    """Somebody's post of a file that another post has, as it is or encoded anew."""
    DECLARED = "declared"
    """Too short, too long or too small, and says so."""
    UNDECLARED = "undeclared"
    """Too short, too long or too small, and says nothing or something else."""
    BAD_FILE = "bad_file"
    """No video stream, truncated, damaged, or an HTML page."""
    GONE = "gone"
    """Private, deleted, forbidden or missing."""
    SPAM = "spam"
    """Carries very many tags and shows nothing of them."""
    ELSEWHERE = "elsewhere"
    """Carries no class's tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the world says a usable video is; a recipe for it has the same numbers."""

    min_duration_s: float
    max_duration_s: float
    min_short_side_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftCounts:
    """How much changes with time."""

    drifted_tags: int
    hijacked_tags: int
    bursts: int
    posts_a_tag: int
    """Posts that carry each drifted or hijacked tag since its date: off-topic posts, and spam."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The composition of a world."""

    classes: tuple[str, ...]
    page_size: int
    limits: Limits
    num_roles: dict[Role, int]
    min_posts_of_class: int
    tags: TagCounts
    shifts: ShiftCounts
    waits: Waits
    throttle: Throttle
    temporary_fault_share: float
    clip_frames: dict[int, tuple[int, int]]
    """Frames a second to the fewest and the most frames of a valid clip (61 frames span 16 at stride 4)."""
    second_scene_s: float
    too_short_s: float
    too_long_s: float
    too_long_fps: int
    """Few, so that a long file is cheap to render."""

    @property
    def num_posts(self) -> int:
        """Posts in the world."""
        return sum(self.num_roles.values())


FULL = Size(
    classes=ACTIONS,
    page_size=10,
    limits=Limits(min_duration_s=2.2, max_duration_s=12.0, min_short_side_px=200),
    num_roles={
        Role.RIGHT: 168,
        Role.WRONG_CLASS: 14,
        Role.SHORT_SCENE: 8,
        Role.OFF_TOPIC: 42,
        Role.COPY: 26,
        Role.DECLARED: 16,
        Role.UNDECLARED: 12,
        Role.BAD_FILE: 12,
        Role.GONE: 20,
        Role.SPAM: 20,
        Role.ELSEWHERE: 262,
    },
    min_posts_of_class=5,
    tags=TagCounts(second_seeds=5, second_synonyms=3, homonyms=5, broad=3, dead=3),
    shifts=ShiftCounts(drifted_tags=3, hijacked_tags=2, bursts=2, posts_a_tag=7),
    waits=Waits(slow_s=1.0, hanging_s=2.0, retry_after_s=1),
    throttle=Throttle(within_s=1.0, slows_from=10, refuses_from=14, slow_s=0.25, retry_after_s=1),
    temporary_fault_share=0.12,
    clip_frames={15: (62, 72), 20: (70, 90), 24: (84, 104)},
    second_scene_s=1.4,
    too_short_s=1.2,
    too_long_s=13.5,
    too_long_fps=6,
)
MINI = Size(
    classes=("cycling", "deadlift", "guitar-playing", "jump-rope"),
    page_size=6,
    limits=Limits(min_duration_s=2.0, max_duration_s=6.0, min_short_side_px=200),
    num_roles={
        Role.RIGHT: 22,
        Role.WRONG_CLASS: 2,
        Role.SHORT_SCENE: 1,
        Role.OFF_TOPIC: 3,
        Role.COPY: 3,
        Role.DECLARED: 3,
        Role.UNDECLARED: 3,
        Role.BAD_FILE: 4,
        Role.GONE: 4,
        Role.SPAM: 2,
        Role.ELSEWHERE: 13,
    },
    min_posts_of_class=5,
    tags=TagCounts(second_seeds=0, second_synonyms=0, homonyms=1, broad=1, dead=1),
    shifts=ShiftCounts(drifted_tags=0, hijacked_tags=0, bursts=1, posts_a_tag=0),
    waits=Waits(slow_s=0.2, hanging_s=0.3, retry_after_s=0),
    throttle=Throttle(within_s=1.0, slows_from=10, refuses_from=14, slow_s=0.05, retry_after_s=0),
    temporary_fault_share=0.25,
    clip_frames={24: (61, 62)},
    second_scene_s=1.0,
    too_short_s=1.0,
    too_long_s=7.0,
    too_long_fps=8,
)
SIZES: dict[str, Size] = {"full": FULL, "mini": MINI}
