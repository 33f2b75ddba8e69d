"""The flow `build-h2a`: the same build as `h2a build --recipe`, run by Prefect.

prefect deployment run build-h2a/build-h2a
"""

from pathlib import Path
from typing import Any, cast

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.executor import as_tasks
from h2a_curation.acquire.permissions import Permissions
from h2a_curation.catalog.views import connect
from h2a_curation.executors.local import local_executor
from h2a_curation.explain import funnel as overview
from h2a_curation.jobs.build import reachable
from h2a_curation.jobs.choice import Choice
from h2a_curation.lake import lake as lakes
from h2a_curation.pipeline.build import Built, build
from h2a_curation.pipeline.part import models_of, source_of
from h2a_curation.pipeline.rounds.schedule import RoundsRequest
from h2a_curation.report.page import FunnelStage
from h2a_curation.video import transcode

# Its own default has no bound. The cast: it is generic in a way that the decorator's type does not accept.
_RUNNER = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=4))


@flow(name="build-h2a", task_runner=_RUNNER)
def build_h2a(
    recipe: str = "sample-mini",
    lake: str = "build/prefect-lake",
    version: str | None = None,
    more_rounds: int = 0,
    leave_out_risks: list[str] | None = None,
    allow_private: bool = False,
    files_from: str | None = None,
) -> str:
    """Mine, fetch, measure, decide and publish what is left to do; returns the version's name.

    `recipe`: a recipe's name or file. `more_rounds`: rounds of mining beyond those that are done; 0: what the recipe
    leaves. `leave_out_risks`: risk flags, such as minors, whose classes are left out. `allow_private`: fetch from hosts
    of private networks too. `files_from`: let a table name files below this folder too. A failed run goes on from its
    rows when it is run again, and its unfinished round is one of them.
    """
    if more_rounds < 0:
        raise ValueError(f"more_rounds is {more_rounds}: give 0 or more")
    wanted = RoundsRequest(num=more_rounds, is_more=True) if more_rounds else None
    permissions = Permissions(allow_private=allow_private, files_from=Path(files_from) if files_from else None)
    chosen = Choice(recipe=recipe, leave_out_risks=tuple(leave_out_risks or ())).load(permissions)
    logger = get_run_logger()

    def progress(step: str, done: int, total: int) -> None:
        if done in (0, total):
            logger.info("%s: %d of %d", step, done, total)

    with (
        reachable(chosen) as ready,
        local_executor(lanes=ready.lanes) as local,
    ):
        source_of(ready).check()
        if gap := transcode.gap():
            logger.warning("%s", gap)
        made = lakes.create(Path(lake), hides_people=not ready.source.is_invented)
        built = build(made, ready, as_tasks(local), progress, version, wanted)
        models = models_of(ready)
    decided = connect(Path(lake).resolve(), models=models, decision=built.decision)
    create_markdown_artifact(key="build-h2a", markdown=_summary(built, overview.funnel(decided)))
    return built.version


def _summary(built: Built, funnel: list[FunnelStage]) -> str:
    rows = [f"| {s.stage} | {s.num_in} {s.unit} | {s.num_kept} |" for s in funnel]
    return "\n".join([f"Version **{built.version}**", "", "| stage | in | kept |", "|---|---|---|", *rows])
