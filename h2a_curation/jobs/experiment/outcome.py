"""What the rows of an experiment come to, as table and page show it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from h2a_curation.jobs.experiment.arms import ARMS, CURATED, SCRATCH
from h2a_curation.jobs.experiment.paired import FEWEST_SEEDS, interval, paired
from h2a_curation.report.experiment import ArmFigures, ExperimentPage, MeanOverSeeds, write_experiment
from h2a_curation.videomae.presets import Preset
from schemas import ExperimentRun

PAGE, TABLE = "experiment.html", "experiment.md"
_TUNED = "top-1 after fine-tuning"
_COLUMNS: dict[str, Callable[[ExperimentRun], float | None]] = {
    _TUNED: lambda row: row.top1,
    "linear probe": lambda row: row.linear_top1,
    "nearest neighbours": lambda row: row.knn_top1,
    "reconstruction loss": lambda row: row.reconstruction_loss,
}
_SHARES = tuple(name for name in _COLUMNS if name != "reconstruction loss")
"""What the page shows. The loss stands in the rows: it is no share, and no measure of features."""


def write_outcome(out: Path, rows: Sequence[ExperimentRun], notes: Sequence[str], chosen: Preset) -> Path:
    """Write table and page of the runs that there are; returns the page."""
    arms = [_arm(name, rows) for name in ARMS if any(row.arm == name for row in rows)]
    steps = max(row.num_steps for row in rows)
    page = ExperimentPage(
        title="Experiment on curation",
        subtitle=f"{len(rows)} runs of {steps} steps of {chosen.recipe.batch_clips} clips each, tested on "
        f"{rows[0].num_videos} labelled videos",
        columns=_SHARES,
        baseline=CURATED,
        arms=arms,
        verdicts=[line for arm in arms if (line := _verdict(arm))],
        notes=notes,
        settings={"preset": chosen.name, "steps": str(steps), "clips a step": str(chosen.recipe.batch_clips)},
    )
    write_experiment(page, out / PAGE, out / TABLE)
    return out / PAGE


def _arm(name: str, rows: Sequence[ExperimentRun]) -> ArmFigures:
    own = [row for row in rows if row.arm == name]
    return ArmFigures(
        name=name,
        about=ARMS[name].about,
        num_clips=own[0].num_clips,
        num_seeds=len(own),
        figures={column: _figure(name, rows, _COLUMNS[column]) for column in _SHARES},
    )


def _figure(
    name: str, rows: Sequence[ExperimentRun], value: Callable[[ExperimentRun], float | None]
) -> MeanOverSeeds | None:
    own, baseline = (
        {row.seed: found for row in rows if row.arm == arm and (found := value(row)) is not None}
        for arm in (name, CURATED)
    )
    if not own:
        return None
    low, high = interval(list(own.values()), rows[0].num_videos)
    difference = None if name == CURATED else paired(own, baseline, rows[0].num_videos)
    return MeanOverSeeds(
        values=list(own.values()),
        mean=sum(own.values()) / len(own),
        low=low,
        high=high,
        difference=difference.mean if difference else None,
        difference_low=difference.low if difference else None,
        difference_high=difference.high if difference else None,
    )


def _verdict(arm: ArmFigures) -> str:
    """A sentence on the arm's difference after fine-tuning; nothing for the arm that all are compared with."""
    found = arm.figures[_TUNED]
    if found is None or found.difference is None:
        return ""
    low, high = found.difference_low, found.difference_high
    if low is None or high is None:
        return f"{arm.name}: too few seeds to tell, {len(found.values)} of at least {FEWEST_SEEDS}"
    if low > 0:
        found_out, shows = f"{arm.name} is better than {CURATED}: 0 lies below the interval", "pretraining does harm: "
    elif high < 0:
        found_out, shows = f"{arm.name} is worse than {CURATED}: 0 lies above the interval", "pretraining shows: "
    else:
        found_out = f"{arm.name} cannot be told from {CURATED}: 0 lies in the interval"
        shows = "pretraining does not show: "
    return f"{shows}{found_out}" if arm.name == SCRATCH else found_out
