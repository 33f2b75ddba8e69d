"""Listings whose next page fails whenever it is asked for: they wait ever longer, and cost few rounds their pages."""

from collections.abc import Sequence
from dataclasses import dataclass

from h2a_curation.mining.arms import Key
from schemas import SETTLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A listing of which the next page has not come: a row of `failing_sql`."""

    source: str
    tag: str
    outcome: str
    """The error's kind, the last time."""
    num_rounds: int
    """That asked for the page."""
    last_round: int
    """Of them."""

    @property
    def next_round(self) -> int:
        """That may ask for it again: the one after the first failure, then each time twice as many later."""
        return self.last_round + (1 << (self.num_rounds - 1))


def failing_sql() -> str:
    """SQL that yields one Failing a row over `request_try`, a row each time that a page was asked for (DuckDB).

    Runs of one round that ask again count once. Parameter `round`: what came in it or later is not looked at.
    """
    return f"""
    WITH tried AS (FROM request_try WHERE round < $round)
    SELECT source, tag, arg_max(outcome, (round, requested_at)) AS outcome,
           count(DISTINCT round) AS num_rounds, max(round) AS last_round
    FROM tried ANTI JOIN (FROM tried WHERE outcome IN {SETTLED}) USING (source, tag, cursor)
    GROUP BY source, tag, cursor
    QUALIFY row_number() OVER (PARTITION BY source, tag ORDER BY last_round DESC, cursor) = 1
    ORDER BY source, tag
    """


def waiting(failing: Sequence[Failing], round_no: int) -> dict[Key, Failing]:
    """Those that this round does not ask for."""
    return {(f.source, f.tag): f for f in failing if round_no < f.next_round}
