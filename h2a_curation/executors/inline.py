"""Build's executor in the process that builds: parts one after the other, without workers or lanes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from h2a_curation.pipeline.part import Part, do_part
from h2a_curation.recipes import Recipe


def run_inline(lake: Path, recipe: Recipe, parts: Sequence[Part]) -> Iterator[Part]:
    """Each part as it is done; the first that fails ends the step."""
    for part in parts:
        do_part(lake, recipe, part)
        yield part
