"""One run: pretraining on an arm's clips, fine-tuning on the labelled set, and probes of what was pretrained."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from h2a_curation.jobs.evaluate import Means
from h2a_curation.jobs.experiment.arms import ExperimentArm
from h2a_curation.jobs.experiment.labelled import LabelledVideos
from h2a_curation.jobs.features import FeatureViews, make_features
from h2a_curation.jobs.finetune import finetune
from h2a_curation.jobs.probe import KNN, LINEAR, ProbeAsked, probe
from h2a_curation.videomae.finetune.beginning import Asked, ModelToTune, begin
from h2a_curation.videomae.loop.rescue import Rescue
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.loop.watch import Watcher
from h2a_curation.videomae.presets import Preset
from h2a_curation.videomae.pretrain.result import Result
from h2a_curation.videomae.pretrain.train import pretrain
from schemas import ExperimentRun


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """What all runs of an experiment have in common, so that they cost the same."""

    out: Path
    lake: Path
    """The lake that holds a version for each arm."""
    pretraining: Preset
    pretraining_options: Sequence[str]
    """The same, as options of `h2a pretrain`."""
    finetuning: Sequence[str]
    """KEY=VALUE for what differs from the recipe that the model's size gives."""
    labelled: LabelledVideos
    runtime: Runtime

    def begun(self, checkpoint: Path | None) -> ModelToTune:
        """The model to fine-tune: a pretrained one, or the same with all weights drawn.

        ValueError where that is of another shape, since its arm would be another experiment.
        """
        scratch = self.pretraining.name if checkpoint is None else None
        asked = Asked(start_from=checkpoint, scratch=scratch, settings=self.finetuning)
        model = begin(asked, str(self.labelled.train_list))
        own = replace(self.pretraining.model, decoder_width=0, decoder_depth=0, decoder_num_heads=0)
        if checkpoint is None and model.config != own:
            raise ValueError(
                f"arm scratch draws the model of preset {scratch}, and the recipe to pretrain by has another one: "
                "take a preset of that shape, or leave out scratch with --arms"
            )
        return model


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAtHand:
    """An arm with a seed, and its place."""

    arm: ExperimentArm
    seed: int
    num_clips: int
    clips: str
    """Hash of the clips."""
    version: str
    """Name of the version that holds them."""

    def folder(self, out: Path) -> Path:
        """The folder of the run."""
        return out / "runs" / f"{self.arm.name}-seed{self.seed}"


def made(plan: TrainingPlan, run: RunAtHand, watcher: Watcher) -> ExperimentRun:
    """Do all that is left of a run, and say what it measured. The same call goes on where it was stopped."""
    started_s = time.monotonic()
    folder, result = run.folder(plan.out), None
    probed: dict[str, float] = {}
    if run.arm.pool:
        result = pretrain(
            plan.lake, run.version, plan.pretraining, folder / "pretrain", seed=run.seed, runtime=plan.runtime,
            watcher=watcher,
        )  # fmt: skip
        probed = _probed(plan, folder, result)
    model = plan.begun(result.checkpoint if result else None)
    _, tested = finetune(
        plan.labelled.task().read(), model, folder / "finetune", run.seed, plan.runtime, Rescue(), watcher,
        lambda done, total, row: None,
    )  # fmt: skip
    assert tested is not None, "an experiment runs in one process"
    figures = next(reversed(tested.figures.values()))
    return ExperimentRun(
        arm=run.arm.name,
        seed=run.seed,
        num_clips=run.num_clips,
        clips=run.clips,
        num_steps=result.num_steps if result else 0,
        reconstruction_loss=result.held_out_after if result else None,
        num_videos=figures.num_videos,
        top1=figures.top1,
        top5=figures.top5,
        mean_class=figures.mean_class,
        knn_top1=probed.get(KNN),
        linear_top1=probed.get(LINEAR),
        seconds=time.monotonic() - started_s,
    )


def commands(plan: TrainingPlan, run: RunAtHand) -> list[str]:
    """The same run by hand, command by command."""
    folder, labelled = run.folder(plan.out), plan.labelled
    by_hand: list[str] = []
    begins: tuple[object, ...] = ("--scratch", plan.pretraining.name)
    if run.arm.pool:
        featured = [
            _command(
                "features",
                "--task",
                t.task,
                "--data",
                t.data,
                "--from",
                folder / "pretrain",
                "--out",
                folder / f"features-{name}",
            )
            for name, t in labelled.listed().items()
        ]
        by_hand = [
            _command("pretrain", "--lake", plan.lake, "--version", run.version, *plan.pretraining_options, "--seed",
                     run.seed, "--out", folder / "pretrain"),
            *featured,
            _command("probe", folder / "features-train", "--test", folder / "features-val", "--train-split", "val",
                     "--split", "val", "--out", folder / "probe"),
        ]  # fmt: skip
        begins = ("--from", folder / "pretrain")
    settings = [option for setting in plan.finetuning for option in ("--set", setting)]
    tuned = _command(
        "finetune", "--task", labelled.train_list, "--data", labelled.data, "--val-list", labelled.val_list, *settings,
        "--seed", run.seed, "--out", folder / "finetune", *begins,
    )  # fmt: skip
    return [*by_hand, tuned]


def _command(name: str, *options: object) -> str:
    return shlex.join(["h2a", name, *map(str, options)])


def _probed(plan: TrainingPlan, folder: Path, result: Result) -> dict[str, float]:
    """Top-1 by each probe on features of the pretrained encoder; a linear probe that could not be learnt is absent."""
    means = Means(device=plan.runtime.device, workers=plan.runtime.workers or 2)
    for name, task in plan.labelled.listed().items():
        target = folder / f"features-{name}"
        make_features(
            task, result.checkpoint, target, FeatureViews(), means, {}, lambda done, total, row: None, lambda line: None
        )
    asked = ProbeAsked(features=folder / "features-train", test=folder / "features-val", train_split="val", split="val")
    done = probe(asked, folder / "probe", plan.runtime.device)
    return {name: next(iter(of_split.values())).top1 for name, of_split in done.figures.items()}
