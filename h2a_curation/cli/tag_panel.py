"""What the terminal shows of hashtags: a line each, or each with what happened to it."""

from collections.abc import Sequence

from rich.table import Table

from h2a_curation.explain.tag_history import TagHistory
from h2a_curation.explain.tag_story import round_lines
from h2a_curation.foundation.screen import screen

_MOST_SHOWN = 200
_MOST_CLASSES = 3


def show_tags(found: Sequence[TagHistory]) -> None:
    """A line a tag, the most fruitful first."""
    table = Table("tag", "source", "speaks for", "origin", "state", box=None)
    again = ("visits", "last visit brought") if any(t.visits and t.visits.num > 1 for t in found) else ()
    for name in ("pages", "new posts", "judged", "accepted", "belief", *again):
        table.add_column(name, justify="right")
    for t in found[:_MOST_SHOWN]:
        counts = [str(t.total(name)) for name in ("num_pages", "num_new", "num_judged", "num_accepted")]
        table.add_row(
            f"#{t.tag}", t.source, _classes(t), _origin(t), _state(t), *counts, _belief(t), *_visits(t)[: len(again)]
        )
    console = screen()
    console.print(table)
    if len(found) > _MOST_SHOWN:
        console.print(f"... {len(found) - _MOST_SHOWN} more: name a --class, or take --format csv")


def show_histories(found: Sequence[TagHistory]) -> None:
    """Each tag with what happened to it, round by round."""
    console = screen(soft_wrap=True)
    for t in found:
        console.print(
            f"#{t.tag}  {t.source}, {_origin(t)}, {_state(t)}: {t.total('num_pages')} pages, {t.total('num_new')} new"
            f" posts, {t.total('num_judged')} judged, {t.total('num_accepted')} accepted"
        )
        for of_round in t.rounds:
            for place, line in enumerate(round_lines(of_round)):
                console.print(f"  {f'round {of_round.round}' if place == 0 else '':<9} {line}")
        if not t.rounds:
            console.print("  nothing yet")


def _classes(t: TagHistory) -> str:
    names = [g.class_id for g in t.grounds]
    more = len(names) - _MOST_CLASSES
    return ", ".join(names[:_MOST_CLASSES]) + (f" and {more} more" if more > 0 else "")


def _origin(t: TagHistory) -> str:
    reasons = dict.fromkeys(g.reason for g in t.grounds if g.origin == t.origin)
    return f"{t.origin} ({', '.join(reasons)})" if reasons else "no class claims it"


def _state(t: TagHistory) -> str:
    return f"{t.state} ({t.change.reason})" if t.change else t.state


def _visits(t: TagHistory) -> tuple[str, str]:
    """How many, and the day and the posts of the last one."""
    if t.visits is None:
        return "", ""
    return str(t.visits.num), f"{t.visits.last_at:%Y-%m-%d}: {t.visits.num_last} new"


def _belief(t: TagHistory) -> str:
    return "" if t.belief is None else f"{t.belief:.2f}"
