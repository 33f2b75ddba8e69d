"""`h2a quickstart`, `build`, `decide` and `pretrain`: what does work."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from h2a_curation.cli.mining import LeaveOutRisks, Rounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from h2a_curation.recipes import Recipe

Workers = Annotated[int, typer.Option(help="Processes that compute; 0: one a core.")]
ClassFile = Annotated[Path | None, typer.Option("--classes", help="A class file or folder, in place of the recipe's.")]
ModelName = Annotated[str | None, typer.Option("--model", help="Any open_clip model name, or local-dir:FOLDER.")]
Weights = Annotated[str | None, typer.Option("--pretrained", help="The model's tag, or a file of weights.")]


def quickstart(
    out: Annotated[Path, typer.Option(help="Everything goes into this folder.")] = Path("build/quickstart"),
    seed: Annotated[int, typer.Option(help="Another seed is another sample world.")] = 0,
    recipe: Annotated[str, typer.Option(help="Of a sample world: sample or sample-mini.")] = "sample",
    clips: Annotated[Path | None, typer.Option(help="Use this folder of real clips with labels.csv instead.")] = None,
    preset: Annotated[str, typer.Option(help="Pretraining preset.")] = "tiny",
    workers: Workers = 0,
) -> None:
    """The whole job on the built-in sample world: mine, fetch, measure, decide, pack, pretrain, report."""
    from h2a_curation.forks import get_ready

    get_ready()  # beside the imports of this process
    import dataclasses

    from h2a_curation import quickstart as whole_job
    from h2a_curation.cli.panel import show_quickstart
    from h2a_curation.recipes import load

    if clips is not None:
        show_quickstart(whole_job.run_clips(out, clips, preset=preset, workers=workers))
        return
    world = load(recipe)
    if not world.source.world:
        raise ValueError(f"recipe '{recipe}' is not of a sample world: use sample or sample-mini, or `h2a build`")
    show_quickstart(whole_job.run_world(out, dataclasses.replace(world, seed=seed), preset=preset, workers=workers))


def build(
    lake: Annotated[Path, typer.Option(help="The lake's folder; made where there is none.")],
    table: Annotated[
        Path | None,
        typer.Argument(help="A CSV, JSONL or Parquet file of post or video URLs, or a folder of downloads."),
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="A recipe's name or file.")] = None,
    classes: ClassFile = None,
    leave_out_risks: LeaveOutRisks = None,
    column: Annotated[list[str] | None, typer.Option(help="OURS=THEIRS, where the table's columns differ.")] = None,
    model: ModelName = None,
    pretrained: Weights = None,
    rounds: Rounds = None,
    version: Annotated[str | None, typer.Option(help="Name of the version; default: v1, v2, ...")] = None,
    workers: Workers = 0,
) -> None:
    """Posts in, a decision and a version of finished shards out. The same command again does only what is left."""
    from h2a_curation.catalog import lake as lakes
    from h2a_curation.catalog.views import connect
    from h2a_curation.cli.panel import show_build, show_left_out
    from h2a_curation.job import run
    from h2a_curation.rounds.asked import wish
    from h2a_curation.work import models_of

    chosen = recipe_of(recipe, table, classes, column or [], model, pretrained, leave_out_risks)
    show_left_out(chosen)
    wanted = None if rounds is None else wish(rounds)
    built = run(lake, chosen, workers=workers, version=version, rounds=wanted)
    decided = connect(lakes.open_lake(lake).path, models=models_of(chosen), decision=built.decision)
    show_build(built, decided, lake)


def decide(
    recipe: Annotated[str, typer.Option(help="A recipe's name or file.")],
    lake: Annotated[
        Path | None, typer.Option(help="Default: $H2A_LAKE, else the nearest folder with a lake.json.")
    ] = None,
    classes: ClassFile = None,
    leave_out_risks: LeaveOutRisks = None,
    model: ModelName = None,
    pretrained: Weights = None,
) -> None:
    """Decide anew from the rows at hand, and show which clips come, go and why. Nothing is packed."""
    from h2a_curation.catalog.lake import find
    from h2a_curation.cli.panel import show_changes, show_left_out
    from h2a_curation.redecide import redecide

    chosen = recipe_of(recipe, None, classes, [], model, pretrained, leave_out_risks)
    show_left_out(chosen)
    show_changes(redecide(find(lake), chosen))


def pretrain(
    lake: Annotated[str, typer.Option(help="Folder or address with versions and shards.")],
    version: Annotated[str, typer.Option(help="Name of a finished version.")],
    preset: Annotated[str, typer.Option(help="tiny, vit_s, vit_b, vit_l, vit_h or vit_g.")] = "tiny",
    out: Annotated[Path | None, typer.Option(help="Default: build/pretrain/VERSION-PRESET.")] = None,
    steps: Annotated[int | None, typer.Option(help="In place of the preset's.")] = None,
    epochs: Annotated[int | None, typer.Option(help="In place of the preset's.")] = None,
    batch_clips: Annotated[
        int | None, typer.Option(help="Clips a step, over all devices; the learning rate goes with them.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="float32 or bfloat16, in place of the preset's.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, masks, crops and order.")] = 0,
    micro_clips: Annotated[
        int | None, typer.Option(help="Clips on a device at a time; default: 32 on a GPU, 2 on a CPU.")
    ] = None,
    parallel: Annotated[str, typer.Option(help="Under torchrun: ddp, or fsdp to divide weights too.")] = "ddp",
    compiled: Annotated[
        bool | None, typer.Option("--compile/--no-compile", help="torch.compile; default: on a GPU.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; default: cuda where there is one.")] = None,
    workers: Annotated[int, typer.Option(help="Threads of each process that decode.")] = 2,
    keep: Annotated[
        int | None, typer.Option(help="Newest checkpoints to keep of those between epochs; default: all.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder for copies of shards that lie far away.")] = None,
    class_balance: Annotated[
        float | None, typer.Option(help="0: classes as often as the data have them; 1: all alike.")
    ] = None,
    exact_resize: Annotated[
        bool | None, typer.Option("--exact-resize/--fast-resize", help="Pixels as PIL makes them, slower.")
    ] = None,
) -> None:
    """VideoMAE V2 from finished shards; called again, it goes on from the newest checkpoint. For many devices: torchrun
    --nproc-per-node 8 --no-python h2a pretrain ..."""
    import os

    from h2a_curation.cli.live import training_shown
    from h2a_curation.pretrain.run import Means
    from h2a_curation.pretrain.train import pretrain as train

    folder = out or Path("build") / "pretrain" / f"{version}-{preset}"
    first = os.environ.get("RANK", "0") == "0"
    with training_shown() if first else nullcontext() as progress:
        result = train(
            lake,
            version,
            preset,
            folder,
            steps=steps,
            epochs=epochs,
            batch_clips=batch_clips,
            dtype=dtype,
            class_balance=class_balance,
            exact_resize=exact_resize,
            seed=seed,
            means=Means(
                device=device,
                parallel=parallel,
                micro_clips=micro_clips,
                compile=compiled,
                workers=workers,
                keep=keep,
                cache=cache,
            ),
            progress=progress,
        )
    if not first:
        return
    typer.echo(f"checkpoint {result.checkpoint}")
    typer.echo(f"held-out loss {result.held_out_after:.4f}")
    typer.echo(f"of predicting each patch's mean {result.held_out_mean_predictor:.4f}")
    typer.echo(
        f"{result.clips_s:.1f} clips/s, {result.samples_s:.1f} samples/s, MFU {result.mfu:.0%}, "
        f"{result.peak_memory_bytes / 2**30:.1f} GiB"
    )


def recipe_of(
    recipe: str | None,
    table: Path | None,
    classes: Path | None,
    columns: list[str],
    model: str | None,
    pretrained: str | None,
    leave_out_risks: "Sequence[str] | None" = None,
) -> "Recipe":
    """The recipe with what the command line says in place of its own."""
    import dataclasses

    from h2a_curation.recipes import EmbedRules, load
    from h2a_curation.taxonomy.load import answering_to_own_name

    if recipe is None and table is None:
        raise ValueError("what to build? give a table of URLs, or --recipe NAME_OR_FILE")
    default = "folder" if table is not None and table.is_dir() else "table"
    chosen = load(recipe or default, classes=classes, leave_out_risks=leave_out_risks or ())
    if table is not None:
        if chosen.source.by_tag:
            raise ValueError(f"recipe '{recipe}' mines hashtags and takes no table: leave one of the two out")
        if bad := [c for c in columns if "=" not in c]:
            raise ValueError(f"--column {bad[0]}: write OURS=THEIRS, such as url=link")
        mapping = dict(c.split("=", 1) for c in columns)
        source = dataclasses.replace(chosen.source, file=table, columns=mapping)
        named = answering_to_own_name(chosen.action_classes)
        chosen = dataclasses.replace(chosen, source=source, action_classes=named)
    if model is not None or pretrained is not None:
        embed = EmbedRules(model=model or chosen.embed.model, pretrained=pretrained)
        chosen = dataclasses.replace(chosen, embed=embed)
    return chosen
