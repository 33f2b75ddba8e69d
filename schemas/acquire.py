"""What was asked of the outside world and what came: dated facts that no change of rules redoes."""

from dataclasses import dataclass
from datetime import datetime

SETTLED = ("ok", "gone", "private", "photo_post", "no_video", "too_large", "not_video", "opt_out")
"""Outcomes of requests and files that came, or failed for good; as SQL: `outcome IN {SETTLED}`.

The acquiring side decides which failures are final (acquire/errors.py: POLICIES); a test holds the two together.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlan:
    """That a round of mining was planned, also where it asks for nothing."""

    round: int
    first: int
    """Rounds that were done when somebody asked for this one."""
    until: int
    """Rounds that the lake was to have then."""
    num_pages: int
    """Granted to all arms together."""
    reason: str
    """`granted`; of a round without a page: `quota` (no class wants more clips), `dry` (no arm is worth a page)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundEnd:
    """That a round was done: its pages and files had come or failed, and what had come was measured."""

    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """What one round of mining granted to one arm, and why."""

    round: int
    source: str
    tag: str
    num_pages: int
    belief: float
    """Expected new valid posts of the arm's next page when the round was planned."""
    reason: str
    """`seed`, `probation`, `yield`, ...: the rule that granted the pages."""
    new_posts: float | None = None
    """Posts that the next page was expected to be the first to list."""
    acceptance: float | None = None
    """Share of them that was expected to be accepted."""
    worth: float | None = None
    """What the arm was ranked by: belief, hope for what is not known, need of its classes, per unit of cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmChange:
    """That an arm was found, when a round was planned, to be in another state than before, and on what evidence.

    The newest change of an arm is its state; an arm without one is open.
    """

    round: int
    source: str
    tag: str
    state: str
    """`open`, `paused` (its verdicts speak against it), `waiting` (its next page keeps failing), `retired` (nothing
    more to get); `drifted` is open, but the subject has changed."""
    reason: str
    """paused: `homonym`, `hijacked`, `spam`, `unfit`; waiting: the error's kind; retired: `dry`, `quota`, `unclaimed`;
    drifted: `drift`; open: `verdicts` (they speak against it no longer), `wanted` (a quota has grown, or a class claims
    it again), `due` (it has waited long enough)."""
    num_judged: int
    """Posts that the evidence is about."""
    num_valid: int
    """Those of them that are accepted."""
    value: float
    """What was compared with the threshold; of `waiting`, rounds in which the page failed."""
    threshold: float
    """Of `waiting`, the round that asks again."""
    since: datetime | None
    """Of drift and hijacking: posts from then on are others than those before."""
    detail: str
    """The evidence in words, one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDraw:
    """That a listed post was drawn to be fetched and judged without regard to what is believed of it."""

    round: int
    post_id: str
    probability: float
    """With which it was drawn: estimates weigh its answer by the inverse (Horvitz and Thompson 1952)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a person says of a post and a class."""

    post_id: str
    class_id: str
    shows: bool
    """Whether the video shows the class."""
    labeller: str
    """A name or pseudonym that the user chose."""
    labelled_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TagClaim:
    """That a tag speaks for a class: proposed from the rows, not named in the class file."""

    round: int
    """The round in which the tag was proposed: it may be mined from this round on."""
    tag: str
    class_id: str
    lift: float
    """Share of the class's validated posts with the tag, over the tag's share in all seen posts; 0 without support."""
    support: int
    """Validated posts of the class that carry the tag."""
    reason: str
    """`co-occurs` (with accepted posts), `words` (a form of the class's name or tags), `similar` (by meaning)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One page of one listing, asked for once."""

    source: str
    tag: str
    cursor: str
    """Empty for the first page."""
    round: int
    next_cursor: str | None
    """None: the listing ends here."""
    num_posts: int
    num_bytes: int
    outcome: str
    """`ok` or an error's kind (h2a_curation/sources/errors.py)."""
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What a platform says of one video. Fields that a source does not give are None."""

    post_id: str
    """`<source>:<the platform's own id>`."""
    source: str
    url: str
    creator: str | None
    """A pseudonym: the platform's creator id hashed with the lake's salt."""
    caption: str
    hashtags: list[str]
    """Normalised, in the order in which they stand in the post, each once."""
    posted_at: datetime | None
    language: str | None
    duration_s: float | None
    width_px: int | None
    height_px: int | None
    num_views: int | None
    num_likes: int | None
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """That a page listed a post."""

    source: str
    tag: str
    cursor: str
    post_id: str
    rank: int
    """Place in the page, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """That a post's file came, or why it did not. Each try that ended is a row."""

    post_id: str
    round: int
    """The round whose plan asked for the file."""
    outcome: str
    """`ok` or an error's kind (h2a_curation/sources/errors.py)."""
    detail: str
    """The error's own words, in one line; empty for `ok`."""
    media_id: str | None
    """sha256 of the file's bytes; the file is `media/<first two digits>/<media_id>` in the lake."""
    num_bytes: int
    num_tries: int
    fetched_at: datetime
