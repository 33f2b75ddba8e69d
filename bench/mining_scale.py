"""Time and memory of one round's planning for 386 classes, in the middle of a mine: the product's own steps."""

import pickle
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.memory import peak_bytes
from bench.mining_loop import Rows, ask, count, judge, learn
from bench.mining_truth import WorldSize
from bench.mining_world import World
from bench.report import Figure
from h2a_curation.mining.allocate import MineRules, plan
from h2a_curation.mining.propose_tags import LearnRules
from schemas import Allocation

FULL = WorldSize(num_classes=386, num_tags=50_000, num_posts=20_000_000, dated_within=23_160)
PAGES_PER_CLASS = 30
"""Half of what the comparison lets a miner ask for."""
ArmTags = list[tuple[str, str, str, int]]


def figures(seed: int, size: WorldSize = FULL, pages_per_class: int = PAGES_PER_CLASS) -> list[Figure]:
    """Draw the world, list and judge half of a budget's pages, then plan once in a process of its own."""
    start = time.monotonic()
    world = World(seed, size)
    drawn_s = time.monotonic() - start
    rows, arm_tags = _half_mined(world, pages_per_class)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.pickle"
        file.write_bytes(pickle.dumps((rows, arm_tags, dict.fromkeys(world.classes, size.quota))))
        with get_context("spawn").Pool(1) as pool:
            seconds, gib, num_arms, num_granted = pool.apply(_plan_once, (file,))
    return [
        Figure(name="world drawn", value=drawn_s, unit="s"),
        Figure(name="posts in the world", value=float(len(world.truth.original)), unit=""),
        Figure(name="posts seen", value=float(len(rows.hashtags)), unit=""),
        Figure(name="arms", value=float(num_arms), unit="", goal="> 0"),
        Figure(name="arms granted pages", value=float(num_granted), unit="", goal="> 0"),
        *(Figure(name=f"plan: {step}", value=s, unit="s") for step, s in seconds.items()),
        Figure(name="plan", value=sum(seconds.values()), unit="s", goal="< 2"),
        Figure(name="plan: peak memory", value=gib, unit="GiB", goal="< 1"),
    ]


def _half_mined(world: World, pages_per_class: int) -> tuple[Rows, ArmTags]:
    """Pages of each class's seeds and of tags at random; every tag is an arm."""
    rng = np.random.default_rng(0)
    rows, size = Rows(), world.size
    own = size.tags_per_class
    arm_tags: ArmTags = [(t, c, "seed", n) for c in world.classes for n, t in enumerate(world.seed_tags(c))]
    named = {tag for tag, *_ in arm_tags}
    for tag in range(size.num_tags):
        class_id = world.classes[min(tag // own, size.num_classes - 1)]
        if f"t{tag}" not in named:
            arm_tags.append((f"t{tag}", class_id, "learnt", 0))
    for n, class_id in enumerate(world.classes):
        chosen = [*world.seed_tags(class_id)[:5], *(f"t{t}" for t in n * own + rng.choice(own, 5, replace=False))]
        for name in dict.fromkeys(chosen):
            granted = Allocation(
                round=0, source="world", tag=name, num_pages=pages_per_class // 10, belief=0, reason=""
            )
            ask(world, rows, granted, "", 0)
    for _ in range(3):
        judge(world, rows)
    return rows, arm_tags


def _plan_once(file: Path) -> tuple[dict[str, float], float, int, int]:
    rows, arm_tags, short = pickle.loads(file.read_bytes())  # nosec B301  # written by this program a moment ago
    pa.array([""])  # the first array imports pandas, which is a process's beginning and not planning
    seconds: dict[str, float] = {}
    start = time.monotonic()
    seeds = {(t, c) for t, c, origin, _ in arm_tags if origin == "seed"}  # of all known tags there is nothing to learn
    learn(rows, LearnRules(), seeds, 1, num_threads=2)
    seconds["learn tags"] = time.monotonic() - start
    tables = rows.tables(arm_tags, list(short))  # a lake has them as columns
    start = time.monotonic()
    arms = count(tables, num_threads=2)
    seconds["count by SQL"] = time.monotonic() - start
    start = time.monotonic()
    granted = plan(arms, MineRules(num_rounds=20, pages_per_round=1_158), 10, 0, short)
    seconds["grant pages"] = time.monotonic() - start
    return seconds, peak_bytes() / 2**30, len(arms), len(granted)
