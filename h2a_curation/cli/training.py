"""`h2a convert` and `h2a plan`: what surrounds pretraining."""

from pathlib import Path
from typing import Annotated

import typer

from h2a_curation.cli.options import FactsOption, OwnPresetOption, TrainingRecipeOption, TrainingSetOption
from h2a_curation.foundation.terminal import say
from h2a_curation.videomae.hardware.plan import DEVICES, PAPER_CLIPS, Plan, Work, known_device
from h2a_curation.videomae.hardware.plan import plan as on_paper
from h2a_curation.videomae.hardware.plan_evaluation import EvaluationPlan, known_test, plan_evaluation
from h2a_curation.videomae.loop.runtime import KEPT


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
    say(f"read {source}: {done.layout}")
    say(f"wrote {done.target}: {done.num_parameters:,} weights of {done.kind}, {known}")
    if done.left_out:
        say(f"left out {', '.join(done.left_out)}")


def export_model(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run of h2a pretrain or h2a finetune.")],
    licence: Annotated[str, typer.Option(help="Under which the weights are given, such as mit or cc-by-nc-4.0.")],
    out: Annotated[Path | None, typer.Option(help="A folder that is not there yet; default: build/models/RUN.")] = None,
    name: Annotated[str | None, typer.Option(help="What the card calls the model; default: the folder's name.")] = None,
    best: Annotated[
        bool, typer.Option("--best", help="The checkpoint of the best epoch, which was not tested, not the last.")
    ] = False,
) -> None:
    """A finished run as others take it: weights in every form, each read back and compared, a card, and what is needed
    to make it again."""
    from h2a_curation.jobs.export_model import export_model as exported

    done = exported(run, out or Path("build") / "models" / run.name, licence=licence, name=name, best=best)
    say(f"{done.checkpoint}: {done.weights.num_parameters:,} weights of {done.weights.kind}")
    for form in done.weights.forms:
        difference = f"as the checkpoint, within {form.largest_difference:.2g}"
        say(f"{done.folder / form.name}: {difference}; for {form.loaded_by}")
    for reason in done.weights.missing:
        say(f"no form for transformers: {reason}")
    tested = "; ".join(f"top-1 on {row.on} {row.top1}" for row in done.card.results)
    say(f"card {done.folder / 'README.md'}, with {tested or 'no result of a test'}")


def release(
    runs: Annotated[
        list[str], typer.Argument(metavar="NAME=RUN...", help="What each model is called, and its run's folder.")
    ],
    licence: Annotated[str, typer.Option(help="Under which all weights are given, such as mit or cc-by-nc-4.0.")],
    out: Annotated[Path, typer.Option(help="A folder that is not there yet.")] = Path("build") / "release",
) -> None:
    """Several finished runs as one folder: each as h2a export-model writes it, an index, and sums that check a copy."""
    from h2a_curation.jobs.release import release as released

    named: dict[str, Path] = {}
    for one in runs:
        name, _, run = one.partition("=")
        if not name or not run or name in named:
            raise ValueError(f"{one}: write NAME=RUN, each name once, such as vit_b=runs/b vit_b_k400=runs/b-k400")
        named[name] = Path(run)
    done = released(named, out, licence=licence)
    for model in done.models:
        tested = "; ".join(f"top-1 on {row.on} {row.top1}" for row in model.card.results)
        say(f"{model.folder.name}: {model.weights.num_parameters:,} weights, {tested or 'not tested'}")
    say(f"{done.folder}: {done.num_files} files, {done.num_bytes / 1e6:,.1f} MB, all read back")


def plan(
    preset: OwnPresetOption = None,
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
    task: Annotated[
        str | None, typer.Option(help="Plan `h2a evaluate` on this instead: k400, ucf101, hmdb51 or ssv2.")
    ] = None,
    finetune: Annotated[
        str | None, typer.Option(help="Plan `h2a finetune` on this instead: k400, ucf101, hmdb51 or ssv2.")
    ] = None,
    videos: Annotated[
        int | None, typer.Option(help="Videos to evaluate on; default: all that the task has, of all its splits.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All numbers for a program, in bytes and seconds.")] = False,
) -> None:
    """A training run on paper: memory on each device, steps, hours and cost of a preset, or of a recipe. With
    --finetune, fine-tuning on paper; with --task, an evaluation."""
    from dataclasses import asdict
    from json import dumps

    from h2a_curation.videomae.finetune.on_paper import NUM_VIDEOS, planned
    from h2a_curation.videomae.pretrain.recipe import load

    if preset is None and recipe is None:
        raise ValueError("plan what? give --preset or --recipe")
    if finetune is not None and task is not None:
        raise ValueError("--finetune and --task are two plans: give one of them")
    if videos is not None and task is None:
        raise ValueError("--videos goes with --task: pretraining counts --clips")
    if task is not None:
        chosen = load(recipe, named=preset, settings=settings or ())
        test = known_test(task, videos)
        tested = plan_evaluation(
            chosen, test, known_device(gpu), gpus,
            dtype=chosen.recipe.dtype, mfu=mfu, price_per_hour=price_per_hour, cores=cores,
        )  # fmt: skip
        asked = {"task": task, "preset": chosen.name, "gpus": gpus, "gpu": gpu, "mfu": mfu, "cores": cores}
        if as_json:
            say(dumps({**asked, **asdict(tested)}, indent=2))
        else:
            _show_evaluation(tested, f"{chosen.name} on {task}, {gpus} x {gpu}, {chosen.recipe.dtype}")
        return
    if finetune is not None:
        tuned, work = planned(finetune, preset, recipe, settings or ())
        name, usual = tuned.name, NUM_VIDEOS[finetune]
    else:
        chosen = load(recipe, named=preset, settings=settings or ())
        name, work, usual = chosen.name, Work.of(chosen), PAPER_CLIPS
    num_clips = usual if clips is None else clips
    made = on_paper(
        work, known_device(gpu), gpus, num_clips=num_clips, mfu=mfu, price_per_hour=price_per_hour, cores=cores
    )
    if as_json:
        asked = {"preset": name, "gpus": gpus, "gpu": gpu, "clips": num_clips, "mfu": mfu, "cores": cores}
        say(dumps({**asked, **asdict(made)}, indent=2))
        return
    _show(made, f"{name} on {gpus} x {gpu}, {work.recipe.batch_clips} clips x {work.recipe.views} views a step")


def _show_evaluation(made: EvaluationPlan, title: str) -> None:
    gib = 2**30
    say(title)
    fitting = f"--views-at-once {made.views_at_once}" if made.views_at_once else "not even one view fits"
    if made.views_at_once == made.num_views:
        fitting = "all views of a video fit at once"
    keeps = f"{made.needed_cores:,} cores beside each device keep up"
    if made.decoding_s is not None:
        slower = "decoding" if made.decoding_s > made.device_s else "the device"
        keeps += f"; with those given, {slower} is the limit"
    rows = {
        "videos": f"{made.num_videos:,} of {made.num_views} views each",
        "operations": f"{made.video_tflops:,.2f} TFLOP a video",
        "a device holds": f"{made.weights_bytes / gib:.1f} GiB of weights, of {made.usable_bytes / gib:.0f}; {fitting}",
        "decoding": keeps,
        "time": f"{made.hours:,.2f} h, {made.device_hours:,.1f} GPU hours",
    }
    if made.cost is not None:
        rows["cost"] = f"{made.cost:,.2f}"
    for name, text in rows.items():
        say(f"{name:<18} {text}")


def _loading(made: Plan) -> str:
    needed = f"about {made.needed_cores:,} cores of 256p clips"
    if made.loading_s is None:
        return f"{needed}, else they are the limit"
    if made.loading_s <= made.device_s:
        return f"{needed}, and there are enough"
    return f"{needed}; with fewer a step takes {made.loading_s:.2f} s, not {made.device_s:.2f} s, and devices wait"


def _show(made: Plan, title: str) -> None:
    from rich.table import Table

    from h2a_curation.foundation.screen import screen

    gib = 2**30
    console = screen()
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
        f"{made.kept_checkpoints} are written, of which the newest {KEPT} stay unless --keep says otherwise",
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
        console.print(f"{name:<18} {text}", soft_wrap=True)
    if made.chosen is None:
        console.print("not even one clip fits on a device: take more devices, or larger ones", style="yellow")
