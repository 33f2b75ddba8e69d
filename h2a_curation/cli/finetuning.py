"""`h2a finetune`: a classifier from a pretrained model."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from h2a_curation.cli.evaluation import show_evaluation, told_progress
from h2a_curation.cli.options import with_options_of
from h2a_curation.foundation.terminal import say
from h2a_curation.videomae.loop.rescue import Rescue
from h2a_curation.videomae.loop.runtime import Runtime


@with_options_of(runtime=Runtime, rescue=Rescue)
def finetune(
    task: Annotated[
        str,
        typer.Option(help="k400, ucf101, hmdb51, ssv2, a list of `path label` to learn from, or a version in --data."),
    ],
    data: Annotated[Path, typer.Option(help="Folder with the videos, or folders of frames, and the lists; or a lake.")],
    start_from: Annotated[
        Path | None, typer.Option("--from", help="A checkpoint of any layout: pretrained, or of another task.")
    ] = None,
    head_map: Annotated[
        Path | None,
        typer.Option(help="JSON list: the class of the checkpoint's head that each class of the task begins with."),
    ] = None,
    scratch: Annotated[
        str | None, typer.Option(help="In place of a checkpoint: tiny, vit_b ..., of which all weights are drawn.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Default: build/finetune/TASK-CHECKPOINT.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Such as vit_b_k400; default: that of the model's size and the task, else any.")
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(help="A YAML file with model, data, augmentation, mixing, classifier, optimisation and saving."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any field of a recipe, such as lr=1e-3; goes before all."),
    ] = None,
    split: Annotated[str, typer.Option(help="Which split, where a benchmark has several.")] = "1",
    train_list: Annotated[
        Path | None, typer.Option(help="The list to learn from, in place of the one that lies in the data.")
    ] = None,
    val_list: Annotated[
        Path | None, typer.Option(help="The list to validate and test on, in place of the one that lies in the data.")
    ] = None,
    *,
    seed: Annotated[int, typer.Option(help="Seed of drawn weights, augmentation, mixup and order.")] = 0,
    runtime: Runtime,
    rescue: Rescue,
) -> None:
    """A classifier by the official recipes, validated after each epoch and tested at the end; called again, it goes on.
    For many devices: torchrun --nproc-per-node 8 --no-python h2a finetune ..."""
    import os

    from h2a_curation.cli.live import training_shown
    from h2a_curation.jobs.finetune import LabelledTask
    from h2a_curation.jobs.finetune import finetune as tuned
    from h2a_curation.videomae.finetune.beginning import Asked, begin
    from h2a_curation.videomae.loop.watch import Watcher

    asked = LabelledTask(task=task, data=data, train_list=train_list, val_list=val_list, split=split)
    model = begin(
        Asked(
            start_from=start_from,
            scratch=scratch,
            preset=preset,
            recipe=recipe,
            settings=settings or (),
            head_map=head_map,
        ),
        task,
    )
    known = asked.read(runtime.cache)
    name = start_from.stem if start_from else f"scratch-{scratch}"
    folder = out or Path("build") / "finetune" / f"{Path(task).stem}-{name}"
    first = os.environ.get("RANK", "0") == "0"
    with training_shown("fine-tuning") if first else nullcontext(Watcher()) as watcher:
        result, tested = tuned(
            known, model, folder, seed, runtime, rescue, watcher, told_progress("evaluate", of_split=True)
        )
    if tested is None:
        return
    say(f"checkpoint {result.checkpoint}")
    say(f"best {result.best}: {result.best_acc1:.2f}% after an epoch, and {result.val_acc1:.2f}% after the last")
    show_evaluation(tested)
