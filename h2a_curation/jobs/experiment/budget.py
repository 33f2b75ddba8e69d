"""How many runs fit into a budget of time. Pure: functions of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The time that a call may take, and what runs took."""

    limit_s: float | None
    """None: as long as it takes."""
    run_s: Sequence[float]
    """Seconds of each run that was finished, earlier calls' among them."""

    @property
    def each_s(self) -> float | None:
        """What a run may take: as long as the longest that is done, so that the budget is kept; None where none is."""
        return max(self.run_s, default=None)

    def num_fitting(self, spent_s: float, num_left: int) -> int | None:
        """How many of the runs that are left fit into what is left of the budget; None where nothing tells."""
        if self.limit_s is None:
            return num_left
        if self.each_s is None:
            return None
        return max(0, min(num_left, int((self.limit_s - spent_s) / self.each_s)))


def in_words(budget: Budget, spent_s: float, num_left: int) -> str:
    """What is ahead, in a line.

    >>> in_words(Budget(limit_s=600.0, run_s=[100.0]), 100.0, 9)
    '9 runs are left of about 1.7 minutes each; 5 fit into the budget of 10 minutes'
    """
    if budget.each_s is None:
        limit = "no budget" if budget.limit_s is None else f"the budget is {budget.limit_s / 60:.3g} minutes"
        return f"{num_left} runs are left; {limit}; the first run tells how many fit"
    each = f"{num_left} runs are left of about {budget.each_s / 60:.2g} minutes each"
    if budget.limit_s is None:
        return f"{each}: {num_left * budget.each_s / 60:.3g} minutes in all"
    return f"{each}; {budget.num_fitting(spent_s, num_left)} fit into the budget of {budget.limit_s / 60:.3g} minutes"
