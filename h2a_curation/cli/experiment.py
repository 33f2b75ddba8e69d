"""`h2a experiment`: the same training on different clips."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from h2a_curation.cli.options import LakeOption, TrainingRecipeOption, TrainingSetOption, with_options_of
from h2a_curation.foundation.terminal import say
from h2a_curation.videomae.loop.runtime import Runtime

if TYPE_CHECKING:
    from h2a_curation.jobs.experiment.labelled import LabelledVideos

app = typer.Typer(no_args_is_help=True, help="The same training on different clips, and what the difference is worth.")


@app.callback()
def experiment() -> None:
    """The same training on different clips, and what the difference is worth."""


@app.command()
@with_options_of(runtime=Runtime)
def curation(
    out: Annotated[Path, typer.Option(help="Everything goes into this folder; the same command goes on in it.")],
    lake: LakeOption = None,
    version: Annotated[str | None, typer.Option(help="Which version is `curated`; default: the newest.")] = None,
    arms: Annotated[
        str | None, typer.Option(help="Names with commas between, such as curated,raw,scratch; default: all.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Runs of each arm, with the seeds 0, 1, ...")] = 3,
    budget_minutes: Annotated[
        float | None, typer.Option(help="Time that this call may take; no run is begun that does not fit.")
    ] = None,
    train_list: Annotated[
        Path | None, typer.Option(help="List of `path label` to fine-tune on; default: drawn for a sample world.")
    ] = None,
    val_list: Annotated[Path | None, typer.Option(help="With --train-list: the list to test on.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder in which the lists' paths begin; default: that of the list.")
    ] = None,
    labels: Annotated[
        int, typer.Option(min=1, help="Videos of each class to learn from, and to test on, where they are drawn.")
    ] = 10,
    preset: Annotated[str, typer.Option(help="Pretrain this: little, tiny, vit_s, vit_b ...")] = "little",
    recipe: TrainingRecipeOption = None,
    settings: TrainingSetOption = None,
    finetune_settings: Annotated[
        list[str] | None,
        typer.Option("--finetune-set", metavar="KEY=VALUE", help="Any field of a recipe of fine-tuning."),
    ] = None,
    *,
    runtime: Runtime,
) -> None:
    """Does curation pay? Pretrain on curated clips, on raw ones, and with each part of the method off, at equal compute
    and with several seeds; fine-tune and probe each on labelled videos that no arm has; compare in pairs."""
    import os

    from h2a_curation.cli.live import training_shown
    from h2a_curation.jobs import choice
    from h2a_curation.jobs.experiment.curation import FINETUNING, ExperimentAsked, Told, run_experiment
    from h2a_curation.lake.lake import find
    from h2a_curation.videomae.pretrain.recipe import load

    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ValueError("an experiment runs in one process: start h2a without torchrun")
    asked = ExperimentAsked(
        out=out,
        version=version,
        arms=[name.strip() for name in arms.split(",")] if arms else [],
        num_seeds=seeds,
        budget_minutes=budget_minutes,
        labelled=_labelled(train_list, val_list, data),
        num_labels=labels,
        pretraining=load(recipe, named=None if recipe else preset, settings=settings or ()),
        pretraining_options=_options(preset, recipe, settings or ()),
        finetuning=finetune_settings or FINETUNING,
        runtime=runtime,
    )
    found = find(lake)
    with training_shown("training") as watcher:
        done = run_experiment(
            found, choice.of_lake(found, choice.Choice()).load(), asked, Told(say=say, watcher=watcher)
        )
    for line in done.table:
        say(line)
    say(f"table {done.page.with_suffix('.md')}, page {done.page}" if done.page else "no run is finished")


def _labelled(train_list: Path | None, val_list: Path | None, data: Path | None) -> "LabelledVideos | None":
    from h2a_curation.jobs.experiment.labelled import LabelledVideos

    if train_list is None and val_list is None:
        if data is not None:
            raise ValueError("--data goes with --train-list and --val-list, whose paths begin there")
        return None
    if train_list is None or val_list is None:
        raise ValueError("--train-list and --val-list go together: one to learn from, one to test on")
    for file in (train_list, val_list):
        if not file.is_file():
            raise ValueError(f"{file} is no file: name a list of `path label`")
    return LabelledVideos(data=data or train_list.parent, train_list=train_list, val_list=val_list)


def _options(preset: str, recipe: Path | None, settings: Sequence[str]) -> list[str]:
    """The recipe to pretrain by, as options of `h2a pretrain`."""
    named = ["--recipe", str(recipe)] if recipe else ["--preset", preset]
    return [*named, *(option for setting in settings for option in ("--set", setting))]
