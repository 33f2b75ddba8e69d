"""Videos that a small model can tell apart: a square of the colour of its class wanders over a soft background."""

from pathlib import Path

import numpy as np

from h2a_curation.jobs.finetune import LabelledTask, finetune
from h2a_curation.videomae.finetune.beginning import Asked, begin
from h2a_curation.videomae.loop.rescue import Rescue
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.loop.watch import Watcher
from tests.videomae.world import encode, frames

COLOURS = ((220, 40, 40), (40, 200, 60), (50, 70, 230))
CPU = Runtime(device="cpu", threads=1, workers=1)
FEW = ("epochs=3", "batch_clips=6", "save_steps=1", "warmup=0", "lr=0.05")
"""Settings of a short run."""


def video(path: Path, label: int, seed: int) -> Path:
    pictures = frames(seed, 24, 56, 40) // 3 + 60
    rng = np.random.default_rng(seed)
    top, left, down, across = rng.integers(0, 16, 4)
    for t, picture in enumerate(pictures):
        y, x = (top + t * down // 16) % 20, (left + t * across // 8) % 30
        picture[y : y + 20, x : x + 26] = COLOURS[label]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(pictures.astype(np.uint8)))
    return path


def write_set(folder: Path, *, train: int = 6, val: int = 3) -> Path:
    """`train.csv` and `val.csv` with so many videos of each class; returns the first."""
    for split, num, first in (("train", train, 0), ("val", val, 1000)):
        lines = []
        for label in range(len(COLOURS)):
            for i in range(num):
                name = f"{split}-{label}-{i}.mp4"
                video(folder / name, label, first + 100 * label + i)
                lines.append(f"{name} {label}\n")
        (folder / f"{split}.csv").write_text("".join(lines))
    return folder / "train.csv"


def run(
    listing, out, *, settings=FEW, progress=lambda *_: None, runtime=CPU, rescue=Rescue(), said=None, seed=0, **asked
):
    """Fine-tune on a list and test; returns the result and the test."""
    model = begin(Asked(settings=settings, **({"scratch": "micro"} | asked)), str(listing))
    known = LabelledTask(task=str(listing), data=listing.parent).read()
    watcher = Watcher(progress=progress, say=(said if said is not None else []).append)
    return finetune(known, model, out, seed, runtime, rescue, watcher, lambda *_: None)
