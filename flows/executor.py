"""Prefect as one of build's executors: a task is a part, and carries ids, not data."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from prefect import task
from prefect.client.schemas.objects import State, TaskRun

from h2a_curation.recipes import Recipe
from h2a_curation.work import Part, do_part


def is_network_error(_task: object, _run: TaskRun, state: State[int]) -> bool:
    """A bad network is worth another try; bad data is a row, and a bug must stop its lane."""
    return isinstance(state.result(raise_on_failure=False), ConnectionError)


@task(
    task_run_name="{part.stage}",
    retries=3,
    retry_delay_seconds=[1, 10, 60],
    retry_condition_fn=is_network_error,
    persist_result=False,
)
def run_part(lake: Path, recipe: Recipe, part: Part) -> int:
    """Do one part's work; returns the number of rows that it added."""
    return do_part(lake, recipe, part)


def run_parts(lake: Path, recipe: Recipe, parts: Sequence[Part]) -> Iterator[int]:
    """All parts as tasks of the flow that is running, in order."""
    futures = [run_part.submit(lake, recipe, part) for part in parts]
    for future in futures:
        yield future.result()
