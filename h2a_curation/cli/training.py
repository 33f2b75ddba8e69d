"""`h2a convert` and `h2a plan`: what surrounds pretraining."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from h2a_curation.cli.options import FactsOption, OwnPresetOption, TrainingRecipeOption, TrainingSetOption
from h2a_curation.videomae.hardware.plan import DEVICES, PAPER_CLIPS, Plan, known_device
from h2a_curation.videomae.hardware.plan import plan as on_paper

if TYPE_CHECKING:
    from h2a_curation.videomae.finetune.presets import FinetuningPreset
    from h2a_curation.videomae.hardware.plan import Work
    from h2a_curation.videomae.presets import Preset


def convert(
    source: Annotated[Path, typer.Argument(help="A .pth, or a file or folder of Hugging Face's.")],
    target: Annotated[
        Path, typer.Argument(help="A .pth: official layout, which is ours. Else a folder: Hugging Face.")
    ],
    encoder: Annotated[bool, typer.Option("--encoder", help="Leave out the decoder, and a classifier's head.")] = False,
    facts: FactsOption = None,
) -> None:
    """A checkpoint into another layout, every weight kept bit for bit; what it is now is recognised by its names."""
    from h2a_curation.videomae.convert.run import convert as written
    from h2a_curation.videomae.convert.shape import TRACELESS, read_facts

    done = written(source, target, encoder_only=encoder, asked=read_facts(facts or []))
    config = done.config
    shown = {"width": config.width, "depth": config.depth, **{f: getattr(config, f) for f in TRACELESS}}
    known = ", ".join(f"{field} {value}" for field, value in shown.items() if value and field not in done.untold)
    typer.echo(f"read {source}: {done.layout}")
    typer.echo(f"wrote {done.target}: {done.num_parameters:,} weights of {done.kind}, {known}")
    if done.left_out:
        typer.echo(f"left out {', '.join(done.left_out)}")


def plan(
    preset: OwnPresetOption = None,
    task: Annotated[
        str | None, typer.Option(help="Fine-tuning on k400, ucf101, hmdb51 or ssv2, in place of pretraining.")
    ] = None,
    recipe: TrainingRecipeOption = None,
    settings: TrainingSetOption = None,
    gpus: Annotated[int, typer.Option(help="Devices, over all machines.")] = 8,
    gpu: Annotated[str, typer.Option(help=f"One of {', '.join(DEVICES)}.")] = "h100",
    clips: Annotated[
        int | None, typer.Option(help="Clips in an epoch; default: those of the paper, or of the task.")
    ] = None,
    mfu: Annotated[
        float, typer.Option(help="Share of the data sheet's peak that the model's operations reach.")
    ] = 0.45,
    cores: Annotated[
        int | None, typer.Option(help="Processor cores beside each device, which decode; default: as many as it takes.")
    ] = None,
    price_per_hour: Annotated[
        float | None, typer.Option(help="Price of one device for an hour, in any currency.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All numbers for a program, in bytes and seconds.")] = False,
) -> None:
    """A training run on paper: memory on each device, steps, hours and cost of a preset, or of a recipe."""
    from dataclasses import asdict
    from json import dumps

    from h2a_curation.videomae.finetune.on_paper import NUM_VIDEOS, planned
    from h2a_curation.videomae.pretrain.recipe import load

    if preset is None and recipe is None:
        raise ValueError("plan what? give --preset or --recipe")
    chosen: Preset | FinetuningPreset
    training: Preset | Work
    if task is None:
        chosen = training = load(recipe, named=preset, settings=settings or ())
    else:
        chosen, training = planned(task, preset, recipe, settings or ())
    clips = clips if clips is not None else NUM_VIDEOS.get(task or "", PAPER_CLIPS)
    made = on_paper(
        training, known_device(gpu), gpus, num_clips=clips, mfu=mfu, price_per_hour=price_per_hour, cores=cores
    )
    if as_json:
        asked = {"preset": chosen.name, "gpus": gpus, "gpu": gpu, "clips": clips, "mfu": mfu, "cores": cores}
        typer.echo(dumps({**asked, **asdict(made)}, indent=2))
        return
    _show(
        made, f"{chosen.name} on {gpus} x {gpu}, {chosen.recipe.batch_clips} clips x {chosen.recipe.views} views a step"
    )


def _loading(made: Plan) -> str:
    needed = f"about {made.needed_cores:,} cores of 256p clips"
    if made.loading_s is None:
        return f"{needed}, else they are the limit"
    if made.loading_s <= made.device_s:
        return f"{needed}, and there are enough"
    return f"{needed}; with fewer a step takes {made.loading_s:.2f} s, not {made.device_s:.2f} s, and devices wait"


def _show(made: Plan, title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    gib = 2**30
    console = Console(highlight=False)
    table = Table("", "parallel", "recompute", title=title, title_justify="left", box=None)
    for column in ("GiB of state", "GiB a clip", "clips at a time", "GiB in all"):
        table.add_column(column, justify="right")
    for layout in made.layouts:
        table.add_row(
            "->" if layout == made.chosen else "",
            layout.parallel,
            "yes" if layout.recompute else "no",
            f"{layout.state_bytes / gib:.1f}",
            f"{layout.clip_bytes / gib:.2f}",
            str(layout.micro_clips or "none fits"),
            f"{layout.bytes / gib:.1f}",
        )
    console.print(table)
    rows = {
        "a device may hold": f"{made.usable_bytes / gib:.0f} GiB, nine tenths of its memory",
        "weights": f"{made.num_parameters / 1e6:,.0f} million; a checkpoint is {made.checkpoint_bytes / 1e9:.1f} GB, "
        f"{made.kept_checkpoints} are kept",
        "operations": f"{made.step_tflops:,.0f} TFLOP a step",
        "steps": f"{made.num_steps:,}, of which {made.steps_per_epoch:,} make an epoch",
        "time": f"{made.step_s:.2f} s a step, {made.hours:,.1f} h, {made.device_hours:,.0f} GPU hours",
        "loaders": f"must decode {made.clips_s:,.0f} clips a second for each device: {_loading(made)}",
    }
    if made.cost is not None:
        rows["cost"] = f"{made.cost:,.0f}"
    if made.chosen is not None:
        rows["options"] = f"--parallel {made.chosen.parallel} --micro-clips {made.chosen.micro_clips}"
        rows["passes"] = f"{made.num_micro_steps} on each device for a step"
    for name, text in rows.items():
        console.print(f"{name:<18} {text}", markup=False, soft_wrap=True)
    if made.chosen is None:
        console.print("not even one clip fits on a device: take more devices, or larger ones", style="yellow")
