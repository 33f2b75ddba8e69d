"""Ask for a listing's newest pages again: when that is due, and what it is believed to bring.

A listing is read once from its first page on: that is visit 0. Posts come to it all the time, so a later visit reads
its newest pages again, from the first on, until one brings nothing that the listing had not listed. A visit is due so
many days after somebody last asked for the first page. One that was cut short while its pages still brought something
is due at once, where it stopped, unless a new one is due by then. A grant has one page more than is expected to bring
something: the page that ends the visit.

What a visit brings is believed from what earlier visits found. New posts come to a listing at a rate of its own, which
has a Gamma prior about the rate of all listings of its source (empirical Bayes: Poisson counts, conjugate prior):

    rate   = (w * r + new) / (w + days)        new: posts that its later visits were the first to list
    r      = (W * g + all new) / (W + all days)   days: from its first visit to its last one
    posts  = rate * days since its last visit
    page n = what is left of the posts after n pages, at most a page's size
    mean   = page 0 * A                         A: share accepted, as of the listing's next page (expected_yield.py)
    hope   = mean + optimism * sd,   sd^2 = mean / N + page^2 * A * (1 - A) / (weight of A + 1)

N is what is known of the rate, in visits as long as this one: (w + days) / days since the last visit. A visit that a
grant cut short counts what it found, which is less than had come: such a rate is too low until the visit has gone on.
So a tag that brings much is asked for often, and one that brings nothing waits longer and longer: its belief must first
grow above the least worth of a page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from h2a_curation.mining.arms import Arms, Floats, Ints, Key
from h2a_curation.mining.expected_yield import Beliefs
from schemas import SETTLED

_GUESSED_RATE = 1.0
"""New posts a day of a listing, before any was visited again: g. A guess."""
_GUESS_DAYS = 30.0
"""Weight of that guess, in days of a listing: W. A guess: a month of one listing, or a week of four, outweighs it."""
_POOLED_DAYS = 7.0
"""Weight of what all listings show against a listing's own visits, in days: w. A guess: one visit after a week counts
as much."""
_MOST_DECLINE = 0.9
"""Bound of the decline from page to page, where it says how much is left of a visit that was cut short. A guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastVisit:
    """A listing that was read: a row of `last_visit_sql`."""

    source: str
    tag: str
    visit: int
    """Newest visit of which a page came."""
    first_at: datetime
    """When the listing was first read."""
    read_at: datetime
    """When its first page last came."""
    asked_at: datetime
    """When its first page, or one that fails by now, was last asked for."""
    is_open: bool
    """The visit is a later one, and was cut short while its pages brought something."""
    is_failing: bool
    """A page of it was asked for and may come yet."""
    page_size: int
    """Most posts that a page of the source has held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A visit that is due."""

    number: int
    days: float
    """Days since the listing's first page last came; 0 where the visit goes on where it stopped."""
    days_seen: float
    """Days from its first visit to its last one."""
    page_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Which visits may be granted in a round."""

    visits: Mapping[Key, Visit] = field(default_factory=dict)
    days_seen: float = 0.0
    """Days from the first visit to the last one, of all listings that were read together."""
    alone: bool = False
    """Nobody asked for the round: nothing else may be granted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisitBeliefs:
    """What each visit is expected to bring; all fields are [visit]."""

    arm: Ints
    """Its listing, as a place in the arms."""
    number: Ints
    posts: Floats
    """New posts of all its pages."""
    page_size: Floats
    mean: Floats
    """Accepted new posts expected of its first page."""
    hope: Floats
    """The same, and some standard deviations more for what is not known."""

    def new_posts(self, visit: int, page: int = 0) -> float:
        """New posts expected of a page of a visit."""
        size = float(self.page_size[visit])
        return min(size, max(0.0, float(self.posts[visit]) - page * size))


def last_visit_sql() -> str:
    """SQL that yields one LastVisit a row (DuckDB), over `request`, for each listing whose newest first page came.

    A listing that is gone for good is none.
    """
    return f"""
    WITH first AS (FROM request WHERE cursor = ''),
    came AS (
        SELECT source, tag, max(visit) AS visit, min(requested_at) AS first_at, max(requested_at) AS read_at,
               arg_max(outcome, visit) AS outcome
        FROM first WHERE outcome IN {SETTLED} GROUP BY ALL
    ),
    page AS (
        SELECT source, tag, visit, count(*) FILTER (outcome NOT IN {SETTLED}) > 0 AS is_failing,
               list(cursor) FILTER (outcome IN {SETTLED}) AS cursors,
               list(next_cursor) FILTER (next_cursor IS NOT NULL) AS next_cursors
        FROM request GROUP BY ALL
    ),
    asked AS (
        SELECT source, tag, max(requested_at) AS asked_at
        FROM request WHERE cursor = '' OR outcome NOT IN {SETTLED} GROUP BY ALL
    ),
    size AS (SELECT source, max(num_posts) AS page_size FROM request GROUP BY source)
    SELECT source, tag, visit, first_at, read_at, asked_at,
           visit > 0 AND len(list_filter(coalesce(next_cursors, []), lambda c: NOT list_contains(cursors, c))) > 0
               AS is_open,
           is_failing, page_size
    FROM came JOIN page USING (source, tag, visit) JOIN asked USING (source, tag) JOIN size USING (source)
    WHERE outcome = 'ok' ORDER BY source, tag
    """


def due(read: Sequence[LastVisit], started_at: datetime, revisit: float | None) -> Due:
    """Visits that are due for a run that began at `started_at`; `revisit`: days between two, None for none at all."""
    found = {}
    for last in read:
        is_new = revisit is not None and _days(last.asked_at, started_at) >= revisit
        goes_on = revisit is not None and last.is_open and not last.is_failing and not is_new
        if not (is_new or goes_on):
            continue
        found[last.source, last.tag] = Visit(
            number=last.visit + is_new,
            days=_days(last.read_at, started_at) if is_new else 0.0,
            days_seen=_days(last.first_at, last.read_at),
            page_size=last.page_size,
        )
    return Due(visits=found, days_seen=sum(_days(last.first_at, last.read_at) for last in read))


def expect(arms: Arms, due: Due, believed: Beliefs, decline: float, optimism: float) -> VisitBeliefs:
    """Expect the visits, by the formulas at the head of this module. Listings that are not among the arms are left out.

    `decline`: new posts of a page over those of the page before it.
    """
    keys = arms.keys()
    arm = np.array([i for i, key in enumerate(keys) if key in due.visits] if due.visits else [], np.int64)
    chosen = [due.visits[keys[i]] for i in arm]
    size = np.array([v.page_size for v in chosen], np.float64)
    days = np.array([v.days for v in chosen], np.float64)
    days_seen = np.array([v.days_seen for v in chosen], np.float64)
    new = arms.ints("num_visit_new")
    pooled = (_GUESS_DAYS * _GUESSED_RATE + new.sum()) / (_GUESS_DAYS + due.days_seen)
    rate = (_POOLED_DAYS * pooled + new[arm]) / (_POOLED_DAYS + days_seen)
    goes_on = days == 0
    left = 1 / (1 - min(_MOST_DECLINE, decline))  # pages' worth that a full page is followed by, itself included
    posts = np.where(goes_on, size * min(_MOST_DECLINE, decline) * left, rate * days)
    page, acceptance = np.minimum(size, posts), believed.acceptance[arm]
    mean = page * acceptance
    known = np.where(goes_on, 1.0, (_POOLED_DAYS + days_seen) / np.where(goes_on, 1.0, days))
    spread = np.sqrt(mean / known + page**2 * acceptance * (1 - acceptance) / (believed.num_posts[arm] + 1))
    return VisitBeliefs(
        arm=arm,
        number=np.array([v.number for v in chosen], np.int64),
        posts=posts,
        page_size=size,
        mean=mean,
        hope=mean + optimism * spread,
    )


def _days(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds() / 86_400
