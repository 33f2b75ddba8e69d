"""`h2a quickstart`, `build`, `decide` and `pretrain`: what does work."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from h2a_curation.acquire.permissions import Permissions
from h2a_curation.cli.options import (
    ClassesOption,
    LakeOption,
    LeaveOutRisksOption,
    ModelOption,
    NewLakeOption,
    OwnPresetOption,
    OwnRecipeOption,
    PresetOption,
    PretrainedOption,
    RoundsOption,
    SetOption,
    TrainingRecipeOption,
    TrainingSetOption,
    WorkersOption,
    with_options_of,
)
from h2a_curation.foundation.terminal import say
from h2a_curation.videomae.loop.rescue import Rescue
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.presets import Overrides


def quickstart(
    out: Annotated[Path, typer.Option(help="Everything goes into this folder.")] = Path("build/quickstart"),
    seed: Annotated[int, typer.Option(help="Another seed is another sample world.")] = 0,
    recipe: Annotated[str, typer.Option(help="Recipe of a sample world: sample or sample-mini.")] = "sample",
    clips: Annotated[Path | None, typer.Option(help="Use this folder of real clips with labels.csv instead.")] = None,
    preset: PresetOption = "tiny",
    workers: WorkersOption = 0,
) -> None:
    """The whole job on the built-in sample world: mine, fetch, measure, decide, pack, pretrain, report."""
    from h2a_curation.executors.forkserver import get_ready

    get_ready()  # beside the imports of this process
    from h2a_curation.cli.panel import show_quickstart
    from h2a_curation.jobs import quickstart as whole_job
    from h2a_curation.recipes import load

    if clips is not None:
        show_quickstart(whole_job.run_clips(out, clips, preset=preset, workers=workers))
        return
    world = load(recipe)
    if not world.source.world:
        raise ValueError(f"recipe '{recipe}' is not of a sample world: use sample or sample-mini, or `h2a build`")
    show_quickstart(whole_job.run_world(out, replace(world, seed=seed), preset=preset, workers=workers))


@with_options_of(permissions=Permissions)
def build(
    lake: NewLakeOption,
    table: Annotated[
        Path | None,
        typer.Argument(help="A CSV, JSONL or Parquet file of post or video URLs, or a folder of downloads."),
    ] = None,
    recipe: OwnRecipeOption = None,
    classes: ClassesOption = None,
    leave_out_risks: LeaveOutRisksOption = None,
    column: Annotated[list[str] | None, typer.Option(help="OURS=THEIRS, where the table's columns differ.")] = None,
    model: ModelOption = None,
    pretrained: PretrainedOption = None,
    settings: SetOption = None,
    rounds: RoundsOption = None,
    version: Annotated[str | None, typer.Option(help="Name of the version; default: v1, v2, ...")] = None,
    workers: WorkersOption = 0,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say what would be measured, how much of it anew, and what it costs; do nothing."
        ),
    ] = False,
    *,
    permissions: Permissions,
) -> None:
    """Posts in, a decision and a version of finished shards out. The same command again does only what is left."""
    from h2a_curation.catalog.views import connect
    from h2a_curation.cli.panel import show_build, show_left_out, show_taken
    from h2a_curation.jobs import choice
    from h2a_curation.jobs.build import run
    from h2a_curation.lake import lake as lakes
    from h2a_curation.pipeline.part import models_of
    from h2a_curation.pipeline.rounds.schedule import parse_rounds

    wanted = None if rounds is None else parse_rounds(rounds)
    said = choice.Choice.said(
        recipe=recipe, table=table, classes=classes, columns=column, model=model, pretrained=pretrained,
        leave_out_risks=leave_out_risks, settings=settings,
    )  # fmt: skip
    taken = choice.at(lake, said)
    chosen = taken.load(permissions)
    show_taken(said, taken)
    show_left_out(chosen)
    if dry_run:
        from h2a_curation.cli.panel import show_work_left
        from h2a_curation.explain.work_left import work_left

        show_work_left(work_left(lakes.open_lake(lake), chosen), chosen)
        return
    built = run(lake, chosen, choice=taken, workers=workers, version=version, rounds=wanted)
    decided = connect(lakes.open_lake(lake).path, models=models_of(chosen), decision=built.decision)
    show_build(built, decided, lake)


def decide(
    recipe: OwnRecipeOption = None,
    lake: LakeOption = None,
    classes: ClassesOption = None,
    leave_out_risks: LeaveOutRisksOption = None,
    model: ModelOption = None,
    pretrained: PretrainedOption = None,
    settings: SetOption = None,
) -> None:
    """Decide anew from the rows at hand, and show which clips come, go and why. Nothing is packed."""
    from h2a_curation.cli.panel import show_changes, show_left_out, show_taken
    from h2a_curation.explain.decision_diff import redecide
    from h2a_curation.jobs import choice
    from h2a_curation.lake.lake import find_to_write

    found = find_to_write(lake)
    said = choice.Choice.said(
        recipe=recipe, classes=classes, leave_out_risks=leave_out_risks, model=model, pretrained=pretrained,
        settings=settings,
    )  # fmt: skip
    taken = choice.of_lake(found, said)
    chosen = taken.load()
    show_taken(said, taken)
    show_left_out(chosen)
    show_changes(redecide(found, chosen))


@with_options_of(overrides=Overrides, runtime=Runtime, rescue=Rescue)
def pretrain(
    lake: Annotated[str, typer.Option(help="Folder or address with versions and shards.")],
    version: Annotated[str, typer.Option(help="Name of a finished version.")],
    preset: OwnPresetOption = None,
    recipe: TrainingRecipeOption = None,
    settings: TrainingSetOption = None,
    out: Annotated[Path | None, typer.Option(help="Default: build/pretrain/VERSION-PRESET, or -RECIPE.")] = None,
    *,
    overrides: Overrides,
    seed: Annotated[int, typer.Option(help="Seed of weights, masks, crops and order.")] = 0,
    start_from: Annotated[
        Path | None, typer.Option("--from", help="A checkpoint of any layout to begin with; else weights are drawn.")
    ] = None,
    runtime: Runtime,
    rescue: Rescue,
) -> None:
    """VideoMAE V2 from finished shards; called again, it goes on from the newest checkpoint. For many devices: torchrun
    --nproc-per-node 8 --no-python h2a pretrain ..."""
    import os

    from h2a_curation.cli.live import training_shown
    from h2a_curation.videomae.loop.watch import Watcher
    from h2a_curation.videomae.pretrain.recipe import load
    from h2a_curation.videomae.pretrain.train import pretrain as train

    chosen = load(recipe, named=preset, overrides=overrides, settings=settings or ())
    folder = out or Path("build") / "pretrain" / f"{version}-{recipe.stem if recipe else preset or chosen.name}"
    first = os.environ.get("RANK", "0") == "0"
    with training_shown() if first else nullcontext(Watcher()) as watcher:
        result = train(
            lake,
            version,
            chosen,
            folder,
            seed=seed,
            runtime=runtime,
            rescue=replace(rescue, start_from=start_from),
            watcher=watcher,
        )
    if not first:
        return
    say(f"checkpoint {result.checkpoint}")
    say(f"held-out loss {result.held_out_after:.4f}")
    say(f"of predicting each patch's mean {result.held_out_mean_predictor:.4f}")
    say(
        f"{result.clips_s:.1f} clips/s, {result.samples_s:.1f} samples/s, MFU {result.mfu:.0%}, "
        f"{result.peak_memory_bytes / 2**30:.1f} GiB"
    )
