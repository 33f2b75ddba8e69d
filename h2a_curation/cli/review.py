"""One class on a terminal, as a person who reviews it wants to see it."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from h2a_curation.taxonomy.model import BENCHMARKS, ActionClass

_PROMPTS_OF_A_SIBLING = 2
_MUST_SHOW = {
    "person": "a person, by face or body",
    "hands": "hands, arms, legs or feet at work; no whole person",
    "nothing": "nothing of a person",
}


def review(c: ActionClass, every: Sequence[ActionClass]) -> RenderableType:
    """What the class is, its tags with their reasons, its prompts, and its siblings' definitions beside."""
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    facts.add_row("must be seen", c.definition)
    facts.add_row("must show", _MUST_SHOW[c.must_show])
    facts.add_row("clip stride", f"{c.clip_stride} frames at 30 fps")
    facts.add_row("risks", ", ".join(c.risks) or "none")
    for benchmark in BENCHMARKS:
        if names := getattr(c.mappings, benchmark):
            facts.add_row(benchmark, ", ".join(names))
    if c.former_ids:
        facts.add_row("goes on for", ", ".join(c.former_ids))
    return Group(
        Text(f"{c.name}  ({c.id}, label {c.label}, {c.group})", style="bold"),
        facts,
        Text("\nHashtags", style="bold"),
        _hashtags(c),
        Text("\nPrompts", style="bold"),
        *(Text(f"  {prompt}") for prompt in c.prompts),
        Text("\nEasily taken for", style="bold"),
        _siblings(c, every),
    )


def _hashtags(c: ActionClass) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 2))
    for tag, reason in c.seed_hashtags.items():
        table.add_row(f"#{tag}", reason + (", shared" if tag in c.shared_hashtags else ""))
    for tag, why in c.excluded_hashtags.items():
        table.add_row(Text(f"not #{tag}", style="red"), why)
    return table


def _siblings(c: ActionClass, every: Sequence[ActionClass]) -> RenderableType:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 2))
    for other in every:
        if other.id in c.siblings:
            table.add_row(other.id, "\n".join([other.definition, *other.prompts[:_PROMPTS_OF_A_SIBLING]]))
    return table if table.row_count else Text("  nothing")
