"""Prefect as one of build's executors: a task is a part, and carries ids, not data."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.pipeline.build import Executor
from h2a_curation.pipeline.part import Part
from h2a_curation.recipes import Recipe


def is_network_error(_task: object, _run: TaskRun, state: State[None]) -> bool:
    """A bad network is worth another try; bad data is a row, and a bug must stop its lane."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, ConnectionError) or (isinstance(error, FetchError) and error.kind is ErrorKind.UNREACHABLE)


def as_tasks(local: Executor) -> Executor:
    """Each part as a task of the flow that is running; `local` does its work, in processes where it computes."""

    @task(
        task_run_name="{part.stage}",
        retries=3,
        retry_delay_seconds=[1, 10, 60],
        retry_condition_fn=is_network_error,
        persist_result=False,
        cache_policy=NO_CACHE,  # rows are the only memory
    )
    def run_part(lake: Path, recipe: Recipe, part: Part) -> None:
        [_] = local(lake, recipe, [part])

    def run_parts(lake: Path, recipe: Recipe, parts: Sequence[Part]) -> Iterator[Part]:
        futures = [run_part.submit(lake, recipe, part) for part in parts]
        for part, future in zip(parts, futures, strict=True):
            future.result()
            yield part

    return run_parts
