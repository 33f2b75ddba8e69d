"""How often a lake's catalog is opened: once for all steps of a build, and once at most for a part.

Opening is counted where it happens, at `duckdb.connect`. Every part runs in this process, so that none is missed; what
is opened while a part is done is that part's own (with worker processes it would be opened there), the rest is the
build's.
"""

import shutil
from collections import Counter

import duckdb
import pytest

import schemas
from h2a_curation import recipes
from h2a_curation.catalog.views import connect
from h2a_curation.executors.inline import run_inline
from h2a_curation.jobs.build import reachable
from h2a_curation.lake import lake as lakes
from h2a_curation.lake import parts
from h2a_curation.pipeline import build as building
from h2a_curation.pipeline.rounds.schedule import parse_rounds
from tests import factories


class Opens:
    """Counts what is opened, and is an executor that tells a part's own from the build's."""

    def __init__(self, monkeypatch):
        self.of_build = 0
        self.of_parts = []
        self.stages = Counter()
        self._is_in_part = False
        real = duckdb.connect

        def counted(*args, **kwargs):
            if self._is_in_part:
                self.of_parts[-1] += 1
            else:
                self.of_build += 1
            return real(*args, **kwargs)

        monkeypatch.setattr(duckdb, "connect", counted)

    def __call__(self, lake, recipe, todo):
        for part in todo:
            self.stages[part.stage] += 1
            self.of_parts.append(0)
            self._is_in_part = True
            try:
                yield from run_inline(lake, recipe, [part])
            finally:
                self._is_in_part = False


@pytest.fixture
def lake(mini, tmp_path):
    """A finished lake, to change."""
    shutil.copytree(mini / "lake", tmp_path / "lake")
    return lakes.open_lake(tmp_path / "lake")


@pytest.fixture
def opens(monkeypatch):
    return Opens(monkeypatch)


def test_a_build_with_nothing_to_do_opens_its_lake_once(lake, opens):
    building.build(lake, recipes.load("sample-mini"), opens, lambda *_: None)
    assert opens.stages == {}
    assert opens.of_build == 1


def test_one_round_more_opens_its_lake_once_and_once_at_most_for_a_part(lake, opens):
    with reachable(recipes.load("sample-mini")) as recipe:
        building.build(lake, recipe, opens, lambda *_: None, rounds=parse_rounds("+1"))
    assert {"mine", "fetch", "probe", "cut", "look"} <= opens.stages.keys(), "a round in which everything was done"
    assert opens.of_build == 1
    assert max(opens.of_parts) == 1
    assert len(opens.of_parts) == sum(opens.stages.values())


def test_what_is_opened_before_rows_are_committed_shows_them_after(tmp_path):
    """Views of tables that had no file yet, and of tables that had some; of all readings of one catalog."""
    facts = connect(tmp_path)
    early, decided = facts.before(1), facts.decided({})
    count = "SELECT (SELECT count(*) FROM post) AS posts, (SELECT count(*) FROM media) AS files"
    catalogs = (facts, early, decided)
    assert [catalog.query(count).to_pylist() for catalog in catalogs] == [[{"posts": 0, "files": 0}]] * 3
    for round_no in (0, 1):
        page = factories.request(cursor=str(round_no), round=round_no)
        post = factories.post(f"s:{round_no}")
        rows = {
            "request": schemas.to_arrow(schemas.Request, [page]),
            "post": schemas.to_arrow(schemas.Post, [post]),
            "hit": schemas.to_arrow(schemas.Hit, [factories.hit(post.post_id, cursor=str(round_no))]),
        }
        parts.commit(tmp_path, "mine", str(round_no), rows)
        file = factories.media(post.post_id, round=round_no, media_id=str(round_no))
        parts.commit(tmp_path, "fetch", str(round_no), {"media": schemas.to_arrow(schemas.Media, [file])})
        shown = [catalog.query(count).to_pylist() for catalog in catalogs]
        now = round_no + 1
        assert shown == [[{"posts": num, "files": num}] for num in (now, 1, now)]


def test_a_reading_reads_its_lake_and_nothing_else_as_the_first_one_does(tmp_path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (tmp_path / "lake").mkdir()
    facts = connect(tmp_path / "lake")
    beside = 1  # noqa: F841  a name in Python that SQL must not find
    for catalog in (facts, facts.before(1), facts.decided({})):
        assert catalog.query("SELECT current_setting('TimeZone') AS zone")["zone"].to_pylist() == ["UTC"]
        for sql in (f"FROM '{tmp_path}/secret.csv'", "FROM beside", "SET enable_external_access = true"):
            with pytest.raises((OSError, ValueError, duckdb.Error)):
                catalog.query(sql)
    with pytest.raises(ValueError, match="SQL"):
        facts.before(2).query("FROM verdict")
