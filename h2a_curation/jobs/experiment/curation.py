"""The experiment on curation: every arm with every seed, at equal compute, rows kept as runs finish.

    pools of the lake -> a version for each arm
    for each seed, for each arm: pretrain -> probe, fine-tune -> test -> a row
    table and page

Runs go seed by seed, so that whatever the budget allows can be compared in pairs. The same call goes on: runs with a
row are not made again, and the one at hand goes on where it was stopped.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.foundation.ranges import Range
from h2a_curation.jobs.experiment.arms import ARMS, Claim, ExperimentArm, chosen, clips_of, hash_of, without_twins
from h2a_curation.jobs.experiment.budget import Budget, in_words
from h2a_curation.jobs.experiment.labelled import LabelledVideos, drawn
from h2a_curation.jobs.experiment.outcome import write_outcome
from h2a_curation.jobs.experiment.pools import Pools, read_pools
from h2a_curation.jobs.experiment.run import RunAtHand, TrainingPlan, commands, made
from h2a_curation.jobs.experiment.store import ExperimentSettings, ExperimentStore
from h2a_curation.jobs.experiment.versions import packed, published
from h2a_curation.lake.lake import Lake
from h2a_curation.recipes import Recipe
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.loop.watch import Live, Watcher
from h2a_curation.videomae.presets import Preset
from schemas import ExperimentRun

COMMANDS = "commands.sh"
_TELLING_STEPS = 10
"""Steps of the first run after which its length can be told."""
FINETUNING = (
    "epochs=40", "learning_rate=0.03", "mixup=0", "cutmix=0", "label_smoothing=0", "save_epochs=40",
)  # fmt: skip
"""What differs from the recipe `any`: with a few labels a small model that sees blends alone learns nothing."""
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentAsked:
    """What a user asks for."""

    out: Path
    version: str | None
    arms: Sequence[str]
    """Empty for all."""
    num_seeds: int
    budget_minutes: float | None
    labelled: LabelledVideos | None
    """None: drawn, where the lake is of the sample world."""
    num_labels: int
    """Videos of each class to learn from, and as many to test on, of those that are drawn."""
    pretraining: Preset
    pretraining_options: Sequence[str]
    finetuning: Sequence[str]
    runtime: Runtime

    def __post_init__(self) -> None:
        if self.num_seeds < 1:
            raise ValueError(f"--seeds {self.num_seeds}: at least 1 is needed, and 3 to tell anything")
        if self.budget_minutes is not None and not Range(above=0).fits(self.budget_minutes):
            raise ValueError(f"--budget-minutes {self.budget_minutes:g} fits no run: give more than 0, or leave it out")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentDone:
    """What came out by now."""

    rows: list[ExperimentRun]
    left_out: list[str]
    """Runs that the budget left out, by name."""
    notes: list[str]
    page: Path | None
    """None until there is a run."""
    table: list[str]
    """The table as lines of Markdown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Whom to tell what."""

    say: Callable[[str], None]
    watcher: Watcher
    clock: Clock = time.monotonic


def run_experiment(lake: Lake, recipe: Recipe, asked: ExperimentAsked, told: Told) -> ExperimentDone:
    """Make all runs that are left and fit into the budget, and write table and page.

    ValueError in one line for what the lake lacks, an arm that is none, a folder of another experiment, and a budget
    that fits no run.
    """
    started_s = told.clock()
    wanted = chosen(asked.arms)
    pools = read_pools(lake, recipe, asked.version, sorted({arm.pool for arm in ARMS.values() if arm.pool}))
    arms, notes = without_twins(wanted, pools.claims)
    labelled = asked.labelled or _drawn(recipe, asked, told)
    plan = _plan(asked, labelled)
    store = ExperimentStore(asked.out)
    store.agree(_settings(asked, labelled, pools))
    if any(not arm.pool for arm in arms):
        plan.begun(None)  # refuses a model that cannot be drawn, before any training
    runs = _runs(lake, recipe, plan.lake, pools, arms, asked.num_seeds)
    for note in notes:
        told.say(note)
    _write_commands(plan, runs, told.say)
    left_out = _made(plan, store, runs, asked, (started_s, told))
    rows = [row for row in store.rows() if row.arm in {arm.name for arm in arms}]
    if left_out:
        notes.append(f"{len(left_out)} of {len(runs)} runs are left out by the budget: {', '.join(left_out)}")
    page = write_outcome(asked.out, rows, notes, asked.pretraining) if rows else None
    store.finish()
    table = page.with_suffix(".md").read_text(encoding="utf-8").splitlines() if page else []
    return ExperimentDone(rows=rows, left_out=left_out, notes=notes, page=page, table=table)


def _drawn(recipe: Recipe, asked: ExperimentAsked, told: Told) -> LabelledVideos:
    if not recipe.source.world:
        raise ValueError(f"recipe {recipe.name} is of no sample world: give --train-list and --val-list")
    told.say(
        f"drawing the labelled set of the sample world, {2 * asked.num_labels} videos of each class: minutes, once"
    )
    classes = [c.id for c in recipe.action_classes]
    # By its number: a call that is then refused, as it asks for another experiment, leaves the lists of this one alone.
    folder = asked.out / f"labelled-{asked.num_labels}"
    return drawn(folder, classes, asked.num_labels)


def _plan(asked: ExperimentAsked, labelled: LabelledVideos) -> TrainingPlan:
    return TrainingPlan(
        out=asked.out,
        lake=asked.out / "arms",
        pretraining=asked.pretraining,
        pretraining_options=asked.pretraining_options,
        finetuning=asked.finetuning,
        labelled=labelled,
        runtime=asked.runtime,
    )


def _settings(asked: ExperimentAsked, labelled: LabelledVideos, pools: Pools) -> ExperimentSettings:
    known = labelled.task().read()  # refuses lists that do not fit, before any training
    return ExperimentSettings(
        version=pools.version,
        pools={name: hash_of(claims) for name, claims in sorted(pools.claims.items())},
        held_out=hash_of([Claim(clip_id=c.clip_id, class_id=c.class_id, post_id=c.post_id) for c in pools.held_out]),
        labelled=known.data.hash,
        pretraining=asked.pretraining,
        finetuning=tuple(asked.finetuning),
    )


def _runs(
    lake: Lake, recipe: Recipe, target: Path, pools: Pools, arms: Sequence[ExperimentArm], num_seeds: int
) -> list[RunAtHand]:
    """All runs, seed by seed, each with its version written to the lake `target`."""
    rows = packed(lake, target, pools, recipe.pack)
    runs = []
    for seed in range(num_seeds):
        for arm in arms:
            claims = clips_of(arm, pools.claims, seed)
            name = f"{arm.name}-seed{seed}" if arm.is_drawn else arm.name
            if claims:
                published(target, name, claims, pools, rows, recipe)
            runs.append(RunAtHand(arm=arm, seed=seed, num_clips=len(claims), clips=hash_of(claims), version=name))
    return runs


def _write_commands(plan: TrainingPlan, runs: Sequence[RunAtHand], say: Callable[[str], None]) -> None:
    """The file of all commands; those of each arm's first run are said, one arm a line."""
    blocks = [f"# {_name(run)}\n" + "\n".join(commands(plan, run)) + "\n" for run in runs]
    with replaced(plan.out, plan.out / COMMANDS) as file:
        file.write("\n".join(blocks).encode())
    for run in (run for run in runs if run.seed == 0):
        say(f"arm {run.arm.name}, {run.num_clips} clips ({run.arm.about}): {commands(plan, run)[0]}")
    say(f"every run by hand: {plan.out / COMMANDS}")


def _name(run: RunAtHand) -> str:
    return f"{run.arm.name} seed {run.seed}"


def _made(
    plan: TrainingPlan, store: ExperimentStore, runs: Sequence[RunAtHand], asked: ExperimentAsked,
    told_since: tuple[float, Told],
) -> list[str]:  # fmt: skip
    """Make runs until all are made or the budget is spent; returns the names of those that are left."""
    started_s, told = told_since
    limit_s = None if asked.budget_minutes is None else 60 * asked.budget_minutes
    rows = {(row.arm, row.seed): row for row in store.rows()}
    todo = [run for run in runs if not _is_done(run, rows)]
    seconds = [row.seconds for row in rows.values()]
    is_told = False
    for place, run in enumerate(todo):
        budget, spent_s = Budget(limit_s=limit_s, run_s=seconds), told.clock() - started_s
        if not is_told:
            told.say(in_words(budget, spent_s, len(todo) - place))
            is_told = bool(seconds)
        if budget.num_fitting(spent_s, len(todo) - place) == 0:
            if not place:
                raise ValueError(
                    f"--budget-minutes {asked.budget_minutes:g} fits no run: one takes about "
                    f"{(budget.each_s or 0) / 60:.2g} minutes"
                )
            return [_name(run) for run in todo[place:]]
        row = made(plan, run, _within(told.watcher, budget, spent_s, run, told.clock))
        store.add(row)
        seconds = [*seconds, row.seconds]
        told.say(f"{_name(run)}: top-1 {row.top1:.1%} of {row.num_videos} videos, {row.seconds / 60:.2g} minutes")
    return []


def _is_done(run: RunAtHand, rows: Mapping[tuple[str, int], ExperimentRun]) -> bool:
    row = rows.get((run.arm.name, run.seed))
    return row is not None and row.clips == run.clips


def _within(watcher: Watcher, budget: Budget, spent_s: float, run: RunAtHand, clock: Clock) -> Watcher:
    """A watcher that ends the first run of all, whose length nothing has told, if its pretraining alone is too long."""
    if budget.limit_s is None or budget.each_s is not None or not run.arm.pool:
        return watcher
    left_s = budget.limit_s - spent_s
    begun: list[tuple[int, float]] = []

    def progress(done: int, total: int, live: Live) -> None:
        if not begun:
            begun.append((done, clock()))
        first, began_s = begun[0]
        if done - first >= _TELLING_STEPS:
            ahead_s = (clock() - began_s) / (done - first) * (total - first)
            if ahead_s > left_s:
                raise ValueError(
                    f"the budget fits no run: pretraining alone takes about {ahead_s / 60:.2g} minutes, and "
                    f"{left_s / 60:.2g} are left; give more, or fewer steps by --set steps=N"
                )
        watcher.progress(done, total, live)

    return replace(watcher, progress=progress)
