"""More rounds of mining than the recipe's, by command: what they ask for, and that a kill changes nothing."""

import dataclasses
import json
import shutil
from collections import Counter

import pytest

from h2a_curation import recipes
from h2a_curation.catalog.views import connect
from h2a_curation.jobs.build import reachable
from h2a_curation.lake import decisions
from h2a_curation.lake import lake as lakes
from h2a_curation.pipeline import build as building
from h2a_curation.pipeline.part import do_part, models_of
from h2a_curation.pipeline.rounds.schedule import RoundRange, parse_rounds


class KilledError(RuntimeError):
    """In place of SIGKILL."""


class Executor:
    """Does the parts here, counts keys by stage and round, and dies before the part that it is to die at."""

    def __init__(self, dies_at=None):
        self.keys = Counter()
        self.dies_at = dies_at

    def __call__(self, lake, recipe, parts):
        for part in parts:
            self.keys[part.stage, part.round] += len(part.keys)
            if (part.stage, part.round) == self.dies_at:
                raise KilledError
            do_part(lake, recipe, part)
            yield part


@pytest.fixture
def recipe():
    with reachable(recipes.load("sample-mini")) as ready:
        yield ready


@pytest.fixture
def copy(mini, tmp_path):
    """`copy(name)`: a copy of the finished lake, to change."""

    def made(name):
        shutil.copytree(mini / "lake", tmp_path / name)
        return lakes.open_lake(tmp_path / name)

    return made


def mine(lake, recipe, said=None, run=None):
    models = models_of(recipe)
    job = building.Job(lake=lake, recipe=recipe, run=run or Executor(), progress=lambda *_: None, models=models)
    return building.all_rounds(building.Steps(job), said and parse_rounds(said))


def rows(lake, sql):
    return connect(lake.path).query(sql).to_pylist()


PLANS = "SELECT round, source, tag, num_pages, belief, reason FROM allocation ORDER BY ALL"
PAGES = "SELECT source, tag, cursor, round, outcome FROM request ORDER BY ALL"
FILES = "SELECT post_id, outcome, media_id FROM media ORDER BY ALL"


@pytest.mark.slow
def test_more_rounds_end_the_same_whenever_they_are_killed(copy, recipe):
    undisturbed, killed = copy("undisturbed"), copy("killed")
    before = recipe.mine.num_rounds
    assert mine(undisturbed, recipe, "+2") == RoundRange(first=before, until=before + 2)
    for stage, round_no in (("mine", before), ("fetch", before), ("mine", before + 1)):
        with pytest.raises(KilledError):
            mine(killed, recipe, "+2", Executor(dies_at=(stage, round_no)))
    assert mine(killed, recipe, "+2") == RoundRange(first=before, until=before + 2)
    for table in (PLANS, PAGES, FILES):
        assert rows(killed, table) == rows(undisturbed, table)
    again = Executor()
    building.build(killed, recipe, again, lambda *_: None)
    assert not [key for key in again.keys if key[0] in ("mine", "fetch")], "nobody asked for more"


def test_more_rounds_leave_earlier_plans_alone_and_get_their_share_of_pages_and_files(copy, recipe):
    lake = copy("lake")
    earlier = rows(lake, PLANS)
    num_rounds = recipe.mine.num_rounds + 1
    mine(lake, recipe, "+1")
    plans = rows(lake, PLANS)
    assert [p for p in plans if p["round"] < num_rounds - 1] == earlier
    assert sum(p["num_pages"] for p in plans) <= recipe.mine.pages_per_round * num_rounds
    assert len(plans) > len(earlier), "the mini world has no more to list"
    came = sum(row["outcome"] == "ok" for row in rows(lake, FILES))
    assert came <= recipe.files_by(num_rounds - 1) == recipe.max_files * 1.5
    [plan] = rows(lake, f"FROM round_plan WHERE round = {num_rounds - 1}")
    assert (plan["first"], plan["until"], plan["reason"]) == (num_rounds - 1, num_rounds, "granted")


@pytest.mark.slow
def test_rounds_one_by_one_are_the_rounds_of_one_build(mini, tmp_path, recipe):
    lake = lakes.create(tmp_path / "lake", hides_people=False)
    for num in range(1, recipe.mine.num_rounds + 1):
        assert mine(lake, recipe, "+1").until == num
    for table in (PLANS, PAGES, FILES):
        assert rows(lake, table) == connect(mini / "lake").query(table).to_pylist()


def test_where_every_class_has_its_clips_a_round_is_planned_once_and_asks_for_nothing(copy, recipe):
    lake = copy("lake")
    select = dataclasses.replace(recipe.decide.select, max_clips_per_class=1)
    full = dataclasses.replace(recipe, decide=dataclasses.replace(recipe.decide, select=select))
    first = recipe.mine.num_rounds
    for round_no in (first, first + 1):
        run = Executor()
        assert mine(lake, full, "+1", run).until == round_no + 1
        assert not [key for key in run.keys if key[0] in ("mine", "fetch")]
        [plan] = rows(lake, f"FROM round_plan WHERE round = {round_no}")
        assert (plan["num_pages"], plan["reason"]) == (0, "quota")
    assert mine(lake, full).until == first + 2


@pytest.mark.slow
def test_the_commands_mine_and_build_take_a_number_of_rounds(copy, h2a_here, recipe):
    lake = copy("lake")
    mined = h2a_here("mine", "--recipe", "sample-mini", "--lake", lake.path, "--rounds", "+1", "--workers", "1")
    assert mined.code == 0, mined.err
    num_rounds = recipe.mine.num_rounds + 1
    assert [line.split()[0] for line in mined.out.splitlines()[1:] if line[1:2].isdigit()] == [
        str(round_no) for round_no in range(num_rounds)
    ]
    assert f"{num_rounds} rounds are done, and nothing is decided" in mined.out
    assert decisions.newest(lake.path).name == decisions.newest(lake.path, "sample-mini").name
    assert [v.name for v in (lake.path / "versions").iterdir()] == ["v1"]

    built = h2a_here("build", "--recipe", "sample-mini", "--lake", lake.path, "--rounds", str(num_rounds))
    assert built.code == 0, built.err
    assert "listing tags" not in built.err, "so many rounds are done"
    tags = json.loads(h2a_here("tags", "--lake", lake.path, "--format", "json").out)
    assert sum(tag["num_pages"] for tag in tags) == rows(lake, "SELECT count(*) AS n FROM request")[0]["n"]


@pytest.mark.parametrize("rounds", ["0", "+0", "two", "-1"])
def test_a_number_of_rounds_that_is_none_is_one_line(h2a_here, tmp_path, rounds):
    ran = h2a_here("mine", "--recipe", "sample-mini", "--lake", tmp_path / "lake", f"--rounds={rounds}")
    assert ran.code == 2
    assert ran.err == f"h2a: --rounds {rounds}: write +N for N more rounds, or N for as many in all, from 1 on\n"
    assert not (tmp_path / "lake").exists()
