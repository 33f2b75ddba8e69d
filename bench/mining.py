"""Compare ways to share out a mining budget: the product's planner against seven others and an oracle, at equal cost.

    python -m bench.mining                        40 classes, 2 million posts, 10 seeds drawn afresh
    python -m bench.mining --sweep                which assumption about the world matters
    python -m bench.mining --full-scale           386 classes, 50,000 tags, 20 million posts: time and memory
    python -m bench.mining --world MODULE:NAME    any world that keeps the protocol of docs/mining.md

Parameters of the product and of this bench were chosen on the seeds from 100 to 199; reports use others.
"""

import argparse
import importlib
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t as student

from bench import report
from bench.mining_loop import Miner, Outcome, mine
from bench.mining_rivals import RIVALS
from bench.mining_truth import WorldSize
from bench.mining_world import AnyWorld, World
from bench.report import Figure
from h2a_curation.mining.allocate import MineRules, plan
from h2a_curation.mining.propose_tags import LearnRules
from h2a_curation.mining.tag_state import StandingRules

TUNING_SEEDS = range(100, 200)
"""On these, parameters may be chosen; `--seeds` may not name them."""
RULES = MineRules(num_rounds=20, max_pages_per_arm=16, probation_share=0.1, optimism=0.25)
"""For budgets of thousands of pages; the defaults are for the sample world's hundred."""
PAGES_PER_CLASS = 60
"""1,800 listed posts for 734 wanted clips."""
SIZE = WorldSize()
ORACLE, OURS, SEED_TAGS = "oracle", "ours", "seed tags"
SWEPT: dict[str, dict[str, Any]] = {
    "as assumed": {},
    "tags half as pure": {"purity": 0.18},
    "tags purer": {"purity": 0.55},
    "half the action posts": {"action_share": 0.03},
    "homonyms thrice": {"homonym_share": 0.36},
    "classes of one size": {"class_zipf": 0.0},
    "classes of very different size": {"class_zipf": 1.3},
    "flat popularity": {"tag_zipf": 0.5},
    "steep popularity": {"tag_zipf": 1.4},
    "no drift, no hijacking": {"drift_share": 0.0, "hijack_share": 0.0},
    "drift thrice": {"drift_share": 0.3, "hijack_share": 0.15},
    "short listings": {"max_listed": 300},
    "feeds repeat themselves": {"repeats": 0.1},
    "pages of 100 posts": {"page_size": 100},
    "no copies": {"copy_share": 0.0},
    "much spam": {"spam_share": 0.04},
    "no tags that classes share": {"shared_share": 0.0},
    "two classes in a post": {"second_share": 0.2},
    "one community": {"num_communities": 1},
    "communities apart": {"stray": 0.0},
    "three good seeds": {"seeds_per_class": 3, "unused_seeds": 0},
}
Results = Mapping[str, Sequence[Outcome]]


def main() -> int:
    """Run what was asked for; the exit status."""
    given = _options().parse_args()
    if given.full_scale:
        from bench.mining_scale import figures as scale_figures

        return report.finish("mining full-scale", scale_figures(given.seeds[0] if given.seeds else 7), given)
    seeds = given.seeds or [200 + secrets.randbelow(10**6) for _ in range(3 if given.sweep else given.num_seeds)]
    if given.world is None and (clash := set(seeds) & set(TUNING_SEEDS)):
        raise SystemExit(f"seed {min(clash)} is one that parameters were chosen on: name others than 100 to 199")
    print(f"seeds {','.join(map(str, seeds))}", file=sys.stderr)
    if given.sweep:
        return report.finish("mining sweep", sweep(seeds), given)
    results = compare(given.world, seeds, given.budget, given.quota)
    if given.plot:
        from bench.mining_plot import draw

        draw(results, given.plot)
    return report.finish("mining", figures(results, goals=given.world is None), given)


def compare(world: str | None, seeds: Sequence[int], budget: int | None, quota: int | None) -> Results:
    """Outcomes by name of the miner, one a seed; two seeds at a time. The oracle stands among them if there is one."""
    quota = SIZE.quota if world is None and quota is None else quota
    with ProcessPoolExecutor(2) as pool:
        by_seed = list(pool.map(partial(_all_on, world, {}, budget, quota, tuple(RIVALS)), seeds))
    return {name: [outcomes[name] for outcomes in by_seed] for name in by_seed[0]}


def sweep(seeds: Sequence[int]) -> list[Figure]:
    """In smaller worlds, one assumption changed at a time: ours over the best other."""
    rivals = (SEED_TAGS, "epsilon-greedy", "greedy by count", "Good-UCB")
    small = {"num_classes": 12, "num_tags": 1_560, "num_posts": 600_000, "dated_within": 720}
    made = []
    with ProcessPoolExecutor(2) as pool:
        for name, changed in SWEPT.items():
            run = partial(_all_on, None, small | changed, None, SIZE.quota, rivals)
            by_seed = list(pool.map(run, seeds))
            total = {n: fmean(o[n].accepted for o in by_seed) for n in by_seed[0]}
            best = max(total[n] for n in rivals)
            made += [
                Figure(name=f"{name}: over best", value=total[OURS] / best, unit="x", goal="> 1.0"),
                Figure(name=f"{name}: over seed tags", value=total[OURS] / total[SEED_TAGS], unit="x"),
                Figure(name=f"{name}: of oracle", value=total[OURS] / total[ORACLE], unit=""),
            ]
    return made


def _all_on(
    world: str | None,
    changed: Mapping[str, Any],
    budget: int | None,
    quota: int | None,
    rivals: Sequence[str],
    seed: int,
) -> dict[str, Outcome]:
    made = _factory(world, changed)
    budget = budget or PAGES_PER_CLASS * len(made(seed).classes)
    miners = [Miner(name=n, planner=RIVALS[n], learn=None if n == SEED_TAGS else LearnRules()) for n in rivals]
    miners.append(Miner(name=OURS, planner=plan, learn=LearnRules(), standing=StandingRules()))
    outcomes = {m.name: mine(made(seed), m, RULES, budget, quota, seed) for m in miners}
    if oracle := getattr(made(seed), "oracle", None):
        outcomes[ORACLE] = Outcome(accepted=int(oracle(budget)), num_short=None, budget=budget, cost=budget, curve=())
    return outcomes


def _factory(world: str | None, changed: Mapping[str, Any]) -> Callable[[int], AnyWorld]:
    if world is None:
        size = replace(SIZE, **changed)
        return lambda seed: World(seed, size)
    module, _, name = world.partition(":")
    if not name:
        raise SystemExit(f"--world wants MODULE:NAME, not '{world}'")
    sys.path.insert(0, str(Path.cwd()))
    made: Callable[[int], AnyWorld] = getattr(importlib.import_module(module), name)
    return made


def figures(results: Results, *, goals: bool) -> list[Figure]:
    """Clips a page of the budget, and ratios with goals, each with the half-width of its 95 % interval over seeds."""
    rate = {name: [o.accepted / o.budget for o in outcomes] for name, outcomes in results.items()}
    made = []
    for name, rates in rate.items():
        made.append(
            Figure(name=f"{name}: clips a page", value=fmean(rates), unit="", baseline=f"{SEED_TAGS}: clips a page")
        )
        made.append(Figure(name=f"{name}: +-", value=_half_width(rates), unit=""))
    others = {name: fmean(rates) for name, rates in rate.items() if name not in (OURS, ORACLE)}
    best = max(others, key=lambda name: others[name])
    pairs = [
        ("seed tags", SEED_TAGS, ">= 2.0"),
        (f"best other ({best})", best, ">= 1.2"),
        ("oracle", ORACLE, ">= 0.85"),
    ]
    for label, name, goal in pairs:
        if name in rate:
            ratios = [a / b for a, b in zip(rate[OURS], rate[name], strict=True) if b]
            made.append(Figure(name=f"ours over {label}", value=fmean(ratios), unit="x", goal=goal if goals else ""))
            made.append(Figure(name=f"ours over {label}: +-", value=_half_width(ratios), unit="x"))
    short = {name: fmean(o.num_short or 0 for o in results[name]) for name in (SEED_TAGS, OURS)}
    if short[SEED_TAGS]:
        made += [Figure(name=f"{name}: classes short", value=num, unit="") for name, num in short.items()]
        ratio = short[OURS] / short[SEED_TAGS]
        made.append(
            Figure(name="classes short, ours over seed tags", value=ratio, unit="x", goal="<= 0.5" if goals else "")
        )
    return made


def _half_width(values: Sequence[float]) -> float:
    if len(values) < 2:
        return float("nan")
    return float(student.ppf(0.975, len(values) - 1) * stdev(values) / sqrt(len(values)))


def _options() -> argparse.ArgumentParser:
    parser = report.options(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--seeds", type=lambda text: [int(s) for s in text.split(",")], help="such as 1,2,3; else drawn"
    )
    parser.add_argument("--num-seeds", type=int, default=10, help="how many are drawn")
    parser.add_argument("--budget", type=int, help=f"pages; default: {PAGES_PER_CLASS} a class")
    parser.add_argument("--quota", type=int, help="clips wanted of each class; default: none in a world of yours")
    parser.add_argument("--world", metavar="MODULE:NAME", help="a world that keeps the protocol of docs/mining.md")
    parser.add_argument("--sweep", action="store_true", help="smaller worlds, one assumption changed at a time")
    parser.add_argument("--full-scale", action="store_true", help="386 classes once: time and memory")
    parser.add_argument("--plot", type=Path, help="write clips by pages as a picture")
    return parser


if __name__ == "__main__":
    sys.exit(main())
