"""One build from a recipe to a version, with the sample site served while it runs where the recipe asks for it."""

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from h2a_curation.executors.local import local_executor
from h2a_curation.foundation.terminal import remark
from h2a_curation.jobs.choice import Choice, remember
from h2a_curation.jobs.progress import shown
from h2a_curation.lake import lake as lakes
from h2a_curation.models.clip import check_at_hand
from h2a_curation.pipeline import build as building
from h2a_curation.pipeline.part import models_of, source_of
from h2a_curation.pipeline.rounds.schedule import RoundRange, RoundsRequest
from h2a_curation.recipes import Recipe
from h2a_curation.sample_world.site.files import default_cache
from h2a_curation.sample_world.site.serve import serve
from h2a_curation.video import transcode


def run(
    lake: Path,
    recipe: Recipe,
    *,
    choice: Choice | None = None,
    workers: int = 0,
    version: str | None = None,
    rounds: RoundsRequest | None = None,
) -> building.Built:
    """Build on this machine, with `workers` processes (0: one a core). The lake remembers the choice of the recipe."""
    with reachable(recipe) as ready, local_executor(workers, ready.lanes) as executor, shown() as progress:
        _check(ready)
        made = lakes.create(lake, hides_people=not ready.source.is_invented)
        if choice is not None:
            remember(made, choice)
        return building.build(made, ready, executor, progress, version, rounds)


def mine(
    lake: Path,
    recipe: Recipe,
    *,
    choice: Choice | None = None,
    workers: int = 0,
    rounds: RoundsRequest | None = None,
) -> RoundRange:
    """Mine, fetch and measure as `run` does, without a decision or a version; returns the rounds done by now."""
    with reachable(recipe) as ready, local_executor(workers, ready.lanes) as executor, shown() as progress:
        _check(ready)
        made = lakes.create(lake, hides_people=not ready.source.is_invented)
        if choice is not None:
            remember(made, choice)
        job = building.Job(lake=made, recipe=ready, run=executor, progress=progress, models=models_of(ready))
        return building.all_rounds(building.Steps(job), rounds)


def _check(recipe: Recipe) -> None:
    """Refuse what cannot work before anything is asked for: hours of fetching must not end at a missing model."""
    source = source_of(recipe)
    source.check()
    check_at_hand(recipe.embed.model, recipe.embed.pretrained)
    if gap := transcode.gap():
        remark(f"note: {gap}")
    for said in [*source.remarks(), *_unknown_classes(source.named_classes(), recipe)]:
        remark(f"left out: {said}")


def _unknown_classes(named: Mapping[str, int], recipe: Recipe) -> list[str]:
    """What to say of classes that the source names and the recipe has not: their posts count by their tags alone."""
    known = {name for c in recipe.action_classes for name in c.names}
    unknown = {name: num for name, num in named.items() if name not in known}
    if not unknown:
        return []
    first = next(iter(unknown))
    close = difflib.get_close_matches(first, known, n=1)
    few = ", ".join(list(unknown)[:3]) + (", ..." if len(unknown) > 3 else "")
    hint = f"; is {first} {close[0]}?" if close else ""
    return [
        f"{sum(unknown.values())} posts as examples of {len(unknown)} classes that the recipe has not ({few}){hint}"
    ]


@contextmanager
def reachable(recipe: Recipe, truth: Path | None = None, log: Path | None = None) -> Iterator[Recipe]:
    """The recipe with the address of the sample site, which runs as long as the context; other recipes as they are."""
    if not recipe.source.world:
        yield recipe
        return
    with serve(recipe.seed, recipe.source.world, default_cache(), truth, log=log) as url:
        yield at(recipe, url)


def at(recipe: Recipe, url: str) -> Recipe:
    """The recipe for a sample site at this address."""
    arguments = {"h2asample": {"base": [url]}}
    return dataclasses.replace(
        recipe,
        source=dataclasses.replace(recipe.source, extractor_args=arguments),
        permissions=dataclasses.replace(recipe.permissions, sites=(url,)),
    )
