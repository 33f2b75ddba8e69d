"""What we keep: functions of rows and rules. Rejections are rows, not log lines."""

from dataclasses import dataclass

STAGES = ("screen_post", "screen_clip", "validate", "dedup", "select")
"""The deciding stages in their order: the first looks at posts, the others at clips; each at what those before keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One stage's decision about one post or clip as an example of one class."""

    class_id: str
    subject_id: str
    """The post's id in stage `screen_post`, else the clip's; a file that gave no clip stands under its media id."""
    stage: str
    """`screen_post` (posts), `screen_clip`, `validate`, `dedup`, `select` (clips)."""
    keep: bool
    reason: str
    """`ok`, or the first rule that failed: a closed set per stage, safe to GROUP BY."""
    value: float | None
    """The number that the failing rule compared."""
    threshold: float | None
    """What it was compared with."""
    rules: str
    """Fingerprint of the rules that decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A post that is looked at as an example of a class, and the ground for it."""

    class_id: str
    post_id: str
    ground: str
    """`seed` (a tag of the class file), `learnt` (a TagClaim), `sight` (no tag: the frames alone)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptedOut:
    """A post that is to be left alone: no rule is asked about it, and no version holds it."""

    post_id: str
    reason: str
    """Whether post, creator or host is on the recipe's list, or which mark the post carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reupload:
    """A selected clip that shows what an opted-out post shows: by another account, so that a person has to judge."""

    clip_id: str
    opted_out_post_id: str
    distance: float
    """Bits that differ, on average over frames; 0 for the same clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How the frames of a clip agree with a class's prompts."""

    clip_id: str
    class_id: str
    probability: float
    """Mean over frames of the softmax over all classes and negatives."""
    margin: float
    """Mean cosine with the class less that with the best other class or negative."""
    agreement: float
    """Share of frames whose best class or negative is this class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """To which cluster of copies a valid clip belongs."""

    clip_id: str
    cluster_id: str
    """The canonical member's clip id: the one accepted first."""
    distance: float
    """To the member that linked it: bits that differ, on average over frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """An accepted clip: what a version publishes."""

    clip_id: str
    class_id: str
    label: int
    post_id: str
    media_id: str
    creator: str | None
    split: str
    """`train`, `val` or `test`."""
