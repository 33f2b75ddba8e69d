"""The bench of mining on small worlds, and the example of docs/mining.md."""

import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.mining import RULES, figures
from bench.mining_loop import Miner, Outcome, mine
from bench.mining_rivals import RIVALS
from bench.mining_scale import figures as scale_figures
from bench.mining_truth import WorldSize
from bench.mining_world import World
from h2a_curation.mining.allocate import plan
from h2a_curation.mining.propose_tags import LearnRules

ROOT = Path(__file__).parents[2]
SMALL = WorldSize(num_classes=4, num_tags=520, num_posts=40_000, quota=400, dated_within=100)


@functools.cache
def mined(name: str, seed: int = 1, budget: int = 100) -> Outcome:
    miner = Miner(name=name, planner=RIVALS.get(name, plan), learn=None if name == "seed tags" else LearnRules())
    return mine(World(seed, SMALL), miner, RULES, budget, SMALL.quota, seed)


def test_a_world_is_the_same_for_the_same_seed():
    one, other = World(1, SMALL).truth, World(2, SMALL).truth
    again = World(1, SMALL).truth
    assert np.array_equal(one.listed, again.listed)
    assert not np.array_equal(one.first_class, other.first_class)


def test_a_listing_goes_down_its_posts_and_ends():
    world = World(1, SMALL)
    tag, cursor, seen = world.seed_tags("class0")[0], "", []
    while cursor is not None:
        page = world.search(tag, cursor)
        assert all(tag in post.hashtags for post in page.posts)
        seen += [post.post_id for post in page.posts]
        cursor = page.next_cursor
    assert set(seen) == {f"w:{p}" for p in world.truth.listing(int(tag[1:])) if world.truth.starts_at[p] <= 1} | set(
        seen
    )
    assert len(seen) > len(set(seen))


def test_a_tag_that_nobody_uses_lists_nothing():
    world = World(1, SMALL)
    page = world.search(world.seed_tags("class0")[-1], "")
    assert (list(page.posts), page.next_cursor) == ([], None)


def test_one_of_several_copies_is_accepted_and_verdicts_come_late():
    world = World(1, SMALL)
    copies = np.flatnonzero(world.truth.original != np.arange(len(world.truth.original)))
    copy = int(copies[0])
    pair = (copy, int(world.truth.original[copy]))
    verdicts = [[world.validate(f"w:{p}") for _ in range(3)][-1] for p in pair]
    assert [bool(v) for v in verdicts] == [True, False]
    assert any(world.validate(f"w:{p}") is None for p in range(50))


@pytest.mark.parametrize("name", [*(pytest.param(rival, marks=pytest.mark.slow) for rival in RIVALS), "ours"])
def test_every_planner_keeps_the_budget_and_finds_something(name):
    outcome = mined(name)
    assert 0 < outcome.cost <= outcome.budget
    assert outcome.accepted > 0


def test_ours_is_ahead_and_the_oracle_is_not_beaten():
    ours = mined("ours").accepted
    assert ours > 1.2 * mined("seed tags").accepted
    assert ours <= World(1, SMALL).oracle(100)


def test_a_run_is_the_same_every_time():
    assert mined.__wrapped__("ours") == mined("ours")


def test_figures_compare_at_equal_cost():
    def outcome(accepted: int, num_short: int) -> Outcome:
        return Outcome(accepted=accepted, num_short=num_short, budget=100, cost=90, curve=())

    results = {
        "seed tags": [outcome(40, 8), outcome(60, 8)],
        "uniform": [outcome(70, 9), outcome(80, 9)],
        "ours": [outcome(100, 3), outcome(120, 5)],
        "oracle": [outcome(110, 0), outcome(130, 0)],
    }
    made = {f.name: f for f in figures(results, goals=True)}
    assert made["ours: clips a page"].value == pytest.approx(1.1)
    assert made["ours over seed tags"].value == pytest.approx(2.25)
    assert made["ours over best other (uniform)"].holds
    assert made["classes short, ours over seed tags"].value == pytest.approx(0.5)


def test_planning_is_timed_in_a_process_of_its_own():
    made = {f.name: f for f in scale_figures(1, SMALL, 10)}
    assert made["arms"].value >= SMALL.num_tags
    assert (
        made["plan"].value > 0
    )  # seconds: the bench holds them against its goal, on a machine with nothing else to do
    assert made["plan: peak memory"].holds


def test_the_example_world_of_the_documentation_runs(tmp_path):
    [text] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "mining.md").read_text(), re.DOTALL)
    (tmp_path / "my_world.py").write_text(text)
    command = [sys.executable, "-m", "bench.mining", "--world", "my_world:Small", "--seeds", "1", "--budget", "6"]
    ran = subprocess.run(
        [*command, "--json"], cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    made = json.loads(ran.stdout.splitlines()[-1])["figures"]
    assert made["ours: clips a page"]["value"] > 0
    assert not any(name.startswith("oracle") for name in made)
