"""The flow: Prefect runs the same build, tries a bad network again and nothing else."""

import pytest
from prefect import flow, task
from prefect.testing.utilities import prefect_test_harness

from flows.build_h2a import build_h2a
from flows.executor import is_network_error
from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.catalog import decisions
from h2a_curation.catalog.views import connect


@pytest.fixture(scope="session")
def prefect():
    with prefect_test_harness(server_startup_timeout=120):
        yield


def outcome(lake):
    decided = connect(lake, decision=decisions.newest(lake))
    chosen = decided.query("FROM selection ORDER BY clip_id, class_id").to_pylist()
    return chosen, {shard.name: shard.read_bytes() for shard in sorted((lake / "shards").iterdir())}


def test_the_flow_gives_what_the_command_gives(prefect, mini, tmp_path):
    assert build_h2a(recipe="sample-mini", lake=str(tmp_path / "lake")) == "v1"
    assert outcome(tmp_path / "lake") == outcome(mini / "lake")


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
