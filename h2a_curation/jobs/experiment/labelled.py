"""What the arms are judged on: a labelled set that no arm has seen, drawn for the sample world or named by lists.

Clips of the sample world are drawn from seeds that no world uses, by creators of their own: so no arm's clip is a copy,
a neighbour or a fellow of one of them, and their labels are true.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from h2a_curation.foundation.atomic_files import keep, make_folder, replaced
from h2a_curation.jobs.evaluate import Task
from h2a_curation.jobs.finetune import LabelledTask
from h2a_curation.sample_world.clip_spec import ACTIONS, ClipSpec, Shot

_TRAIN, _VAL = "train.csv", "val.csv"
_FIRST_SEED = {_TRAIN: 30_000_000, _VAL: 40_000_000}
_SIZES_PX = ((180, 320), (320, 180), (240, 240))
_DURATION_S, _FPS = 1.8, 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledVideos:
    """Two lists of `path label` and the folder in which their paths begin."""

    data: Path
    train_list: Path
    val_list: Path

    def task(self) -> LabelledTask:
        """What is fine-tuned on."""
        return LabelledTask(task=str(self.train_list), data=self.data, val_list=self.val_list)

    def listed(self) -> dict[str, Task]:
        """What features are made of, by what it is for."""
        lists = {"train": self.train_list, "val": self.val_list}
        return {name: Task(task=str(file), data=self.data) for name, file in lists.items()}


def drawn(folder: Path, class_ids: Sequence[str], num_each: int) -> LabelledVideos:
    """Clips of these classes, as many of each to learn from as to test on; those that are there stay.

    ValueError where fewer than two of the classes can be drawn.
    """
    from h2a_curation.sample_world.render import render

    known = [class_id for class_id in sorted(class_ids) if class_id in ACTIONS]
    if len(known) < 2:
        raise ValueError(
            "the sample world draws fewer than two of the lake's classes: give --train-list and --val-list"
        )
    make_folder(folder.parent, folder)
    for name, first_seed in _FIRST_SEED.items():
        wanted = _specs(first_seed, known, num_each)
        for spec in wanted:
            target = folder / _file(spec)
            if not target.exists():
                unfinished = target.with_name(f".{target.name}.part.mp4")
                render(spec, unfinished)
                keep(folder, unfinished, target)
        lines = "".join(f"{_file(spec)} {known.index(spec.shots[0].subject)}\n" for spec in wanted)
        with replaced(folder, folder / name) as file:
            file.write(lines.encode())
    return LabelledVideos(data=folder, train_list=folder / _TRAIN, val_list=folder / _VAL)


def _specs(first_seed: int, classes: Sequence[str], num_each: int) -> list[ClipSpec]:
    specs = []
    for place, class_id in enumerate(class_id for class_id in classes for _ in range(num_each)):
        width_px, height_px = _SIZES_PX[int(np.random.default_rng([first_seed + place, 0]).integers(len(_SIZES_PX)))]
        shots = (Shot(subject=class_id, duration_s=_DURATION_S),)
        specs.append(ClipSpec(seed=first_seed + place, shots=shots, width_px=width_px, height_px=height_px, fps=_FPS))
    return specs


def _file(spec: ClipSpec) -> str:
    return f"{spec.shots[0].subject}-{spec.seed}.mp4"
