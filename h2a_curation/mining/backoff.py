"""Let listings wait whose next page keeps failing: 1, 2, 4, 8 ... rounds, twice as many after each round that failed.

This is exponential back-off counted in rounds. A planner's belief cannot do it: a page that failed says nothing of what
it would have yielded, so the listing would look as good as before and cost every round a page. There is no longest
wait: a listing that failed in eight rounds waits 128, more than a lake ever has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from h2a_curation.mining.arms import Key
from schemas import SETTLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A listing whose next page was asked for and has not arrived: a row of `failing_sql`."""

    source: str
    tag: str
    outcome: str
    """Kind of the newest error."""
    num_rounds: int
    """Number of rounds in which the page was asked for."""
    last_round: int
    """The newest round in which the page was asked for."""

    @property
    def next_round(self) -> int:
        """First round that may ask for the page again.

        It is the next round after the first failure, and twice as many rounds later after each further one.
        """
        return self.last_round + (1 << (self.num_rounds - 1))


def failing_sql() -> str:
    """SQL that yields one Failing a row (DuckDB), over `request_try`, which has a row for each request.

    Several runs of one round count as one round: a round that is resumed must not punish its listings. Requests of the
    round in the parameter `round`, and of later ones, are left out, so that a resumed round plans as it did before.
    """
    return f"""
    WITH tried AS (FROM request_try WHERE round < $round)
    SELECT source, tag, arg_max(outcome, (round, requested_at)) AS outcome,
           count(DISTINCT round) AS num_rounds, max(round) AS last_round
    FROM tried ANTI JOIN (FROM tried WHERE outcome IN {SETTLED}) USING (source, tag, visit, cursor)
    GROUP BY source, tag, visit, cursor
    QUALIFY row_number() OVER (PARTITION BY source, tag ORDER BY last_round DESC, visit, cursor) = 1
    ORDER BY source, tag
    """


def waiting(failing: Sequence[Failing], round_no: int) -> dict[Key, Failing]:
    """The listings that round `round_no` does not ask for, by source and tag."""
    return {(f.source, f.tag): f for f in failing if round_no < f.next_round}
