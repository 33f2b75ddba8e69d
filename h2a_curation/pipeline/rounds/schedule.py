"""How many rounds of mining a lake is to have: those of its recipe, or as many more as somebody asks for.

A function of rows, so that the same command goes on after a kill: each round's plan is a row that says which rounds it
was asked for with, and a round that is done is a row too.
"""

import re
from dataclasses import dataclass

from h2a_curation.catalog.views import Catalog

PLANNED = "SELECT round FROM round_plan UNION SELECT round FROM allocation"
"""SQL of the rounds that have a plan: a lake of before there were rows of plans has allocations alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsRequest:
    """What `--rounds` says."""

    num: int
    is_more: bool
    """`+N`: so many more than are done; else the number that the lake is to have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRange:
    """The rounds that a command is to bring, each unless it is done already."""

    first: int
    """Rounds that were done when this was asked for first."""
    until: int
    """Rounds to have at its end."""


def parse_rounds(text: str) -> RoundsRequest:
    """`+2` or `6`; ValueError for anything else.

    >>> parse_rounds("+2")
    RoundsRequest(num=2, is_more=True)
    """
    if not re.fullmatch(r"\+?0*[1-9][0-9]{0,5}", text):
        raise ValueError(f"--rounds {text}: write +N for N more rounds, or N for as many in all, from 1 on")
    return RoundsRequest(num=int(text), is_more=text.startswith("+"))


def rounds_to_walk(facts: Catalog, num_rounds: int, wanted: RoundsRequest | None = None) -> RoundRange:
    """What is left of the recipe's `num_rounds`, or of what is wanted; a round that was begun is always among it.

    `+N` that was cut short and is asked for again goes on to where it was to end, and adds nothing. After another wish
    that was cut short, the round that was begun counts as one of the N. Rounds of visits, for which nobody asked, count
    towards no number.
    """
    planned = num_planned(facts)
    [*newest] = facts.query(f"SELECT first, until FROM round_plan WHERE round = {planned - 1}").to_pylist()
    has_begun = bool(newest) and not is_done(facts, planned - 1)  # without a row it is of a lake before there were any
    done = planned - has_begun
    if wanted is None or not wanted.is_more:
        beside = facts.query("SELECT count(*) AS n FROM round_plan WHERE reason = 'visits'")["n"][0].as_py()
        return RoundRange(first=done, until=max((wanted.num if wanted else num_rounds) + beside, planned))
    cut_short = [a for a in newest if done < a["until"] and a["until"] - a["first"] == wanted.num]
    first = cut_short[0]["first"] if cut_short else done
    return RoundRange(first=first, until=first + wanted.num)


def num_planned(facts: Catalog) -> int:
    """Rounds that have a plan."""
    return facts.query(f"SELECT max(round) + 1 AS n FROM ({PLANNED})")["n"][0].as_py() or 0


def first_to_walk(facts: Catalog, until: int) -> int:
    """The last round of those that are done in a row, if any: it asks again for what failed in it and before, and for
    what other rules let in. So a build costs no more, the more rounds a lake has had.
    """
    done = set(facts.query("SELECT round FROM round_end")["round"].to_pylist())
    return max(0, next((round_no for round_no in range(until) if round_no not in done), until) - 1)


def is_planned(facts: Catalog, round_no: int) -> bool:
    """Whether the round's plan is made, be it that nothing is asked for."""
    return bool(facts.query(f"FROM ({PLANNED}) WHERE round = {round_no} LIMIT 1").num_rows)


def is_done(facts: Catalog, round_no: int) -> bool:
    """Whether all that the round asked for was had or has failed, and was measured, once."""
    return bool(facts.query(f"FROM round_end WHERE round = {round_no}").num_rows)
