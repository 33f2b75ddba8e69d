"""Record what was asked of the outside world and what arrived: dated facts that no change of rules redoes.

Every class is one table, and every instance one row. A round is one cycle of mining: a plan, pages, files.
"""

from dataclasses import dataclass
from datetime import datetime

SETTLED = ("ok", "gone", "private", "photo_post", "no_video", "too_large", "not_video", "opt_out")
"""Outcomes of requests and files that arrived, or that failed for good; in SQL: `outcome IN {SETTLED}`.

POLICIES in h2a_curation/acquire/errors.py says which failures are final; a test holds the two together.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlan:
    """A round of mining was planned; a round that asks for nothing has a row as well."""

    round: int
    """Number of the round, from 0."""
    first: int
    """Number of rounds that were done when somebody asked for this one."""
    until: int
    """Number of rounds that the lake was to have by that request."""
    num_pages: int
    """Pages granted to all arms together."""
    reason: str
    """`granted`; `visits` (nobody asked for the round: its pages are of visits that were due); or why the round has no
    page: `quota` (no class wants more clips), `dry` (no arm is worth a page)."""
    started_at: datetime | None = None
    """When the run that planned the round began: it tells which visits are due. None where the plan is of before there
    were visits."""
    content: str = ""
    """Fingerprint of the table or folder as the round was planned; empty for a source that is asked by hashtag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundEnd:
    """A round was done: each of its pages and files had arrived or failed, and the files were measured."""

    round: int
    """Number of the round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Pages that one round of mining granted to one arm, and why. An arm is a listing: a tag of a source. Its further
    pages and a visit of its newest ones are two rows."""

    round: int
    source: str
    tag: str
    num_pages: int
    belief: float
    """Accepted new posts that the arm's next page was expected to bring when the round was planned."""
    reason: str
    """Why the pages were granted: `probation` (a learnt tag of which nothing is known), `yield` (its pages so far),
    `seed` (an arm without pages that stands in a class file), `visit` (what has come to the listing since its newest
    pages were read), `content` (a table or folder that holds something else than when it was read)."""
    new_posts: float | None = None
    """Posts that the next page was expected to be the first to list."""
    acceptance: float | None = None
    """Share of these posts that was expected to be accepted."""
    worth: float | None = None
    """Number that arms were ranked by: the belief, more for what is not known, times the need of the arm's classes, per
    unit of cost."""
    visit: int = 0
    """Visit of the listing that the pages are of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmChange:
    """An arm was in another state than before when a round was planned, with the evidence.

    The newest row of an arm has its state; an arm without a row is open.
    """

    round: int
    source: str
    tag: str
    state: str
    """`open`; `paused` (its verdicts speak against it); `waiting` (its next page keeps failing); `retired` (there is
    nothing more to get); `drifted` (still mined like an open arm, but the subject has changed)."""
    reason: str
    """Why the arm is in its state. paused: `homonym`, `hijacked`, `spam`, `unfit`; waiting: the error's kind; retired:
    `dry`, `quota`, `unclaimed`; drifted: `drift`; open: `verdicts` (they speak against it no longer), `wanted` (a quota
    has grown, or a class claims it again), `due` (it has waited long enough)."""
    num_judged: int
    """Posts that the evidence is about."""
    num_valid: int
    """Accepted posts among these."""
    value: float
    """Number that was compared with the threshold; if waiting, the number of rounds in which the page failed."""
    threshold: float
    """Number that the value was compared with; if waiting, the round that asks again."""
    since: datetime | None
    """Date from which on posts differ from those before; None unless the arm drifted or was hijacked."""
    detail: str
    """The evidence in words, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDraw:
    """A listed post was drawn for the audit: it is fetched and judged whatever its expected quality."""

    round: int
    post_id: str
    probability: float
    """Probability with which it was drawn. Estimates weigh its answer by the inverse (Horvitz and Thompson 1952)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Answer of a person to the question whether a post's video shows a class."""

    post_id: str
    class_id: str
    shows: bool
    """Whether the video shows the class."""
    labeller: str
    """Name or pseudonym of the person, as the user chose it."""
    labelled_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TagClaim:
    """A learnt tag: it speaks for a class since some round, and does not stand in the class file."""

    round: int
    """The round in which the tag was proposed: it may be mined from this round on."""
    tag: str
    class_id: str
    lift: float
    """Share of the class's accepted posts with the tag, over the tag's share of all seen posts; 0 without support."""
    support: int
    """Accepted posts of the class that carry the tag."""
    reason: str
    """Why the tag was proposed: `co-occurs` (accepted posts carry it), `words` (it is a form of the class's name or
    tags), `similar` (its meaning is near that of the class)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One page of one listing, and how the request for it ended.

    A listing is read once from its first page on, as far as rounds grant pages: that is visit 0. Each later visit reads
    its newest pages again, from the first on, until one brings nothing that the listing had not listed.
    """

    source: str
    tag: str
    cursor: str
    """The site's own name of the page; empty for the first page."""
    round: int
    """The round whose plan asked for the page."""
    next_cursor: str | None
    """Cursor of the page after this one; None if the listing or the visit ends here, or if the page failed."""
    num_posts: int
    """Posts on the page, each counted once, those that the listing had listed before among them."""
    num_bytes: int
    """Size of the page as it arrived."""
    outcome: str
    """`ok` or an error's kind (ErrorKind in h2a_curation/acquire/errors.py)."""
    requested_at: datetime
    odd: str | None = None
    """Entries of the page that are no posts, by kind, such as `playlist 2, no_id 1`; None where there is none.

    Kinds: `unavailable`, `playlist`, `channel`, `live`, `scheduled`, `ad`, `list`, `no_id`, `no_address`, `other_site`,
    `no_entry`, `unreadable` (the lake's log has its trace), `no_video` (a post of text or pictures), `further_video`
    (another of one post), `not_public`, `opted_out` (the creator's profile asks to be left alone)."""
    visit: int = 0
    """Number of the visit, from 0."""
    content: str = ""
    """Fingerprint of the table or folder that was read; empty for a page of a site."""
    num_changed: int = 0
    """Posts on the page of a table or folder that say something else than when they were first listed: they stay what
    they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What a platform says of one video. A field that the source does not tell is None."""

    post_id: str
    """Id in the lake: `<source>:<the platform's own id>`."""
    source: str
    url: str
    creator: str | None
    """Pseudonym of the creator: the platform's id, or else the name in the address, hashed with the lake's salt."""
    caption: str
    hashtags: list[str]
    """Normalised hashtags of the post in their order, each once."""
    posted_at: datetime | None
    language: str | None
    duration_s: float | None
    width_px: int | None
    height_px: int | None
    num_views: int | None
    num_likes: int | None
    seen_at: datetime
    """When a page listed the post; the numbers of views and likes are of that moment."""
    handle: str | None = None
    """Pseudonym of the creator's name in the address that the source gave, where it is another than `creator`; `url`
    is kept without that name."""
    licence: str | None = None
    """Licence that the source gives, such as `CC-BY`; None where it gives none: then all rights are the creator's."""
    sensitive: bool | None = None
    """Whether the creator or the site marks the post as sensitive (nsfw)."""
    classes: list[str] | None = None
    """Classes that the user's table names for the post, normalised as hashtags; None where it names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A page listed a post that no earlier visit of the listing had listed."""

    source: str
    tag: str
    cursor: str
    post_id: str
    rank: int
    """Place of the post in the page, from 0."""
    visit: int = 0
    """Visit of the listing that the page is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A post's file arrived, or failed. Each fetch that ended is a row."""

    post_id: str
    round: int
    """The round whose plan asked for the file."""
    outcome: str
    """`ok` or an error's kind (ErrorKind in h2a_curation/acquire/errors.py)."""
    detail: str
    """The error's own message, in one line; empty for `ok`."""
    media_id: str | None
    """sha256 of the file's bytes; the file is `media/<first two digits>/<media_id>` in the lake. None if it failed."""
    num_bytes: int
    """Size of the file; 0 if it failed."""
    num_tries: int
    """Tries of this fetch, the first included."""
    fetched_at: datetime
    alias: str = ""
    """Address to which the post's short link led; empty where its address is no short link, or led nowhere."""
    handle: str | None = None
    """Pseudonym of the creator's name in that address."""
