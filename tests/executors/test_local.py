import os
import time
from pathlib import Path

import pytest

from h2a_curation.executors import local as executors
from h2a_curation.executors.local import local_executor
from h2a_curation.pipeline.part import Part


def work(lake, recipe, part):
    """Stands in for do_part in the worker processes."""
    if part.keys == ("die",):
        os._exit(9)
    if part.keys == ("sleep",):
        (Path(lake) / str(os.getpid())).touch()
        time.sleep(60)
    (Path(lake) / "-".join(part.keys)).touch()


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(executors, "do_part", work)
    with local_executor(2, 2) as executor:
        yield executor


@pytest.mark.parametrize("stage", ["fetch", "probe"])
def test_parts_come_back_in_order(run, tmp_path, stage):
    parts = [Part(stage, tuple("abc"[:n])) for n in (1, 3, 2)]
    came = []
    for part in run(tmp_path, None, parts):
        assert (tmp_path / "-".join(part.keys)).exists(), "a part is done when it comes back"
        came.append(part)
    assert came == parts


def test_a_worker_that_is_killed_is_one_clear_line(run, tmp_path):
    with pytest.raises(RuntimeError, match="same command again"):
        list(run(tmp_path, None, [Part("probe", ("die",))]))
