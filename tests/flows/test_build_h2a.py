"""The flow on a server of Prefect: the same build, a bad network tried again and nothing else, services that pass.

All that needs the server stands in this file: it takes ten seconds to start, and a file's tests share a process.
"""

import asyncio
import logging
import shutil
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from docket import Docket, Worker
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.server.api.background_workers import task_functions
from prefect.server.services.perpetual_services import (
    get_enabled_perpetual_services,
    register_and_schedule_perpetual_services,
)
from prefect.settings import PREFECT_SERVER_ANALYTICS_ENABLED, temporary_settings

from flows.build_h2a import build_h2a
from flows.executor import is_network_error
from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.catalog.views import connect
from h2a_curation.lake import decisions


def outcome(lake):
    decided = connect(lake, decision=decisions.newest(lake))
    chosen = decided.query("FROM selection ORDER BY clip_id, class_id").to_pylist()
    return chosen, {shard.name: shard.read_bytes() for shard in sorted((lake / "shards").iterdir())}


def test_the_flow_gives_what_the_command_gives(prefect, mini, tmp_path):
    assert build_h2a(recipe="sample-mini", lake=str(tmp_path / "lake")) == "v1"
    assert outcome(tmp_path / "lake") == outcome(mini / "lake")


@pytest.mark.slow
def test_a_schedule_goes_on_learning_from_where_the_last_run_stopped(prefect, mini, tmp_path):
    [deployment] = yaml.safe_load((Path(__file__).parents[2] / "prefect.yaml").read_text())["deployments"]
    [schedule] = deployment["schedules"]
    lake = tmp_path / "lake"
    shutil.copytree(mini / "lake", lake)
    parameters = deployment["parameters"] | schedule["parameters"] | {"lake": str(lake)}
    before = connect(lake).query("FROM round_end").num_rows
    for run in (1, 2):
        assert build_h2a(**parameters)
        assert connect(lake).query("FROM round_end").num_rows == before + run
    asked = connect(lake).query("SELECT round, count(*) AS n FROM request GROUP BY round ORDER BY round").to_pylist()
    assert len(asked) > before
    assert build_h2a(recipe=parameters["recipe"], lake=str(lake))
    assert connect(lake).query("FROM round_plan").num_rows == before + 2, "a run by hand asks for nothing new"


def test_less_than_no_round_is_refused(prefect):
    with pytest.raises(ValueError, match="more_rounds is -1"):
        build_h2a(more_rounds=-1)


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (ConnectionError("reset"), 2),
        (FetchError(ErrorKind.UNREACHABLE, "no route"), 2),
        (FetchError(ErrorKind.EXTRACTOR_BROKEN, "no items"), 1),
        (KeyError("a bug"), 1),
        (ValueError("a mistake"), 1),
    ],
)
def test_only_a_bad_network_is_tried_again(prefect, error, tries):
    tried = []

    @task(retries=1, retry_delay_seconds=0, retry_condition_fn=is_network_error)
    def part():
        tried.append(1)
        raise error

    @flow
    def build():
        part()

    with pytest.raises(type(error)):
        build()
    assert len(tried) == tries


def test_every_service_of_the_server_passes_once_and_a_cron_gets_its_runs(prefect, caplog):
    with temporary_settings({PREFECT_SERVER_ANALYTICS_ENABLED: False}), caplog.at_level(logging.WARNING):
        passed, runs = asyncio.run(deployed_and_passed())
    assert {"schedule_deployments", "monitor_late_runs", "monitor_worker_health"} <= passed
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []
    assert len(runs) >= 3
    assert all(run.auto_scheduled and run.state.is_scheduled() for run in runs)


async def deployed_and_passed():
    """Names of the services that passed, and the runs that they scheduled of a deployment with a cron."""
    async with get_client() as client:
        flow_id = await client.create_flow(build_h2a)
        cron = DeploymentScheduleCreate(schedule=CronSchedule(cron="0 3 * * *", timezone="UTC"), active=True)
        deployment_id = await client.create_deployment(flow_id, name=f"nightly-{uuid4()}", schedules=[cron])
        passed = {config.function.__name__ for config in get_enabled_perpetual_services()}
        async with Docket(name=f"services-{uuid4()}", url="memory://") as docket:
            for function in task_functions:
                docket.register(function)
            await register_and_schedule_perpetual_services(docket)
            async with Worker(docket) as worker:
                await asyncio.wait_for(worker.run_at_most(dict.fromkeys(passed, 1)), 60)
        runs = await client.read_flow_runs(limit=200)
        await client.delete_deployment(deployment_id)
    return passed, [run for run in runs if run.deployment_id == deployment_id]
