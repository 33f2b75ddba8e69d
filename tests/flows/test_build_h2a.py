"""The flow: Prefect runs the same build, tries a bad network again and nothing else."""

import shutil
from pathlib import Path

import pytest
import yaml
from prefect import flow, task

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
